//! What happens at an unlucky moment: while a batch is on its way, or when it fails.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tertulia::error::Kind;
use tertulia::stream::{
    CreateOptions, Cursor, End, Expiry, Followed, ForkFrom, From, Limit, Stream, StreamsOptions,
};

use super::Setting;
use super::setting::{entries, follow, id, numbers, read_all};
use crate::{Call, Fault, Gate};

/// What is awaited comes soon, or never.
const PATIENCE: Duration = Duration::from_secs(20);

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it comes")
}

/// Whether this waits, after having been asked once.
async fn waits(mut work: Pin<&mut impl Future>) -> bool {
    poll_fn(|context| Poll::Ready(work.as_mut().poll(context).is_pending())).await
}

/// A reader moves the deadline while another process appends: what that one wrote is seen, and not written over.
pub async fn a_deadline_that_moves_hides_nothing(setting: &Setting<'_>) {
    let (streams, storage) = setting.faulty(StreamsOptions::default());
    let options = CreateOptions { expiry: Expiry::Sliding(Duration::from_secs(30)), ..setting.options() };
    let near = streams.create(&id("slides"), options).await.unwrap().stream();
    near.append("0").await.unwrap();
    near.flush().await.unwrap();
    let far = setting.others().get(&id("slides")).await.unwrap().unwrap();
    let gate = Gate::new();
    storage.next(Call::Commit, Fault::Hold(gate.clone()));
    near.read(From::Start, Limit::PAGE).await.unwrap();
    soon(gate.reached()).await;
    far.append("1").await.unwrap();
    far.flush().await.unwrap();
    gate.open();
    near.flush().await.unwrap();
    assert_eq!(read_all(&near, From::Start).await.0, numbers(0..2));
    near.append("2").await.unwrap();
    near.flush().await.unwrap();
    let fresh = setting.others().get(&id("slides")).await.unwrap().unwrap();
    assert_eq!(read_all(&fresh, From::Start).await.0, numbers(0..3));
}

/// Who waits for what was stored is answered, also if the stream has left memory and was read again meanwhile.
pub async fn what_is_stored_is_answered_when_the_stream_has_left_memory(setting: &Setting<'_>) {
    let mut options = StreamsOptions::default();
    options.memory = 1;
    let (streams, storage) = setting.faulty(options);
    let stream = streams.create(&id("leaves"), setting.options()).await.unwrap().stream();
    let gate = Gate::new();
    storage.next(Call::Commit, Fault::Hold(gate.clone()));
    let mut append = pin!(stream.close(End::Complete));
    assert!(waits(append.as_mut()).await);
    soon(gate.reached()).await;
    gate.open();
    stream.flush().await.unwrap();
    streams.create(&id("another"), setting.options()).await.unwrap();
    assert!(stream.read(From::Start, Limit::PAGE).await.unwrap().closed().is_some());
    soon(append).await.unwrap();
}

/// What was stored is not appended again because what came after it was not.
pub async fn what_is_stored_is_not_appended_again(setting: &Setting<'_>) {
    let (streams, storage) = setting.faulty(StreamsOptions::default());
    let near = streams.create(&id("twice"), setting.options()).await.unwrap().stream();
    let far = setting.others().get(&id("twice")).await.unwrap().unwrap();
    let (one, two) = (Gate::new(), Gate::new());
    storage.next(Call::Commit, Fault::Hold(one.clone()));
    storage.next(Call::Commit, Fault::Hold(two.clone()));
    let (mut first, mut second) = (pin!(near.append("first")), pin!(near.append("second")));
    assert!(waits(first.as_mut()).await);
    soon(one.reached()).await;
    assert!(waits(second.as_mut()).await);
    one.open();
    soon(two.reached()).await;
    far.append("far").await.unwrap();
    let mut flushed = pin!(near.flush());
    assert!(waits(flushed.as_mut()).await);
    two.open();
    assert_eq!(flushed.await.map_err(|error| error.kind()), Err(Kind::Conflict));
    first.await.unwrap();
    second.await.unwrap();
    let all = read_all(&far, From::Start).await.0;
    assert_eq!(all, ["first", "far", "second"].map(Bytes::from));
}

/// What was acknowledged while a stream was being deleted is there if the stream is.
pub async fn a_delete_that_fails_loses_nothing(setting: &Setting<'_>) {
    let (streams, storage) = setting.faulty(StreamsOptions::default());
    let near = streams.create(&id("stays"), setting.options()).await.unwrap().stream();
    let far = setting.others().get(&id("stays")).await.unwrap().unwrap();
    let (delete, append) = (Gate::new(), Gate::new());
    storage.next(Call::Commit, Fault::Hold(delete.clone()));
    storage.next(Call::Commit, Fault::Hold(append.clone()));
    storage.next(Call::Commit, Fault::Refuse(Kind::Unavailable));
    let deleted = {
        let streams = streams.clone();
        tokio::spawn(async move { streams.delete(&id("stays")).await })
    };
    soon(delete.reached()).await;
    let mut near_append = pin!(near.append("near"));
    assert!(waits(near_append.as_mut()).await);
    soon(append.reached()).await;
    far.append("far").await.unwrap();
    delete.open();
    // Whichever comes third is refused: the other one goes on.
    append.open();
    let appended = soon(near_append).await;
    let deleted = soon(deleted).await.unwrap();
    assert!(appended.is_err() || deleted.is_err());
    if deleted.is_err() {
        let all = read_all(&far, From::Start).await.0;
        assert!(all.contains(&Bytes::from("far")));
        assert_eq!(all.contains(&Bytes::from("near")), appended.is_ok());
    }
}

/// A reader of what is only stored, and an attempt that supersedes it at that moment.
pub async fn what_is_read_back_while_an_attempt_begins_is_not_what_it_supersedes(setting: &Setting<'_>) {
    let mut options = StreamsOptions::default();
    options.stream_memory = 1 << 20;
    let (streams, storage) = setting.faulty(options);
    let first = streams.attempt(&id("cold"), setting.options()).await.unwrap();
    for _ in 0..40 {
        first.append_all(vec![Bytes::from(vec![b'x'; 1_000]); 100]).await.unwrap();
        first.flush().await.unwrap();
    }
    let gate = Gate::new();
    storage.next(Call::Read, Fault::Hold(gate.clone()));
    let reader = tokio::spawn({
        let first = first.clone();
        async move { first.read_known(From::Start, Limit::PAGE).await }
    });
    soon(gate.reached()).await;
    let second = streams.attempt(&id("cold"), setting.options()).await.unwrap();
    second.append("again").await.unwrap();
    second.flush().await.unwrap();
    gate.open();
    let page = soon(reader).await.unwrap().unwrap();
    assert_eq!(entries(&page), ["again"]);
}

/// The smallest bounds hold, and what is beyond them is read back.
pub async fn the_smallest_bounds_hold(setting: &Setting<'_>) {
    let mut options = StreamsOptions::default();
    (options.memory, options.stream_memory, options.unstored) = (0, 0, 0);
    let streams = setting.bounded(options);
    let stream = streams.create(&id("small"), setting.options()).await.unwrap().stream();
    for n in 0..100 {
        soon(stream.append(n.to_string())).await.unwrap();
        stream.flush().await.unwrap();
    }
    assert_eq!(soon(read_all(&stream, From::Start)).await.0, numbers(0..100));
}

/// An attempt goes on when another process asks it to stop, and when its stream has left memory.
pub async fn an_attempt_goes_on_beside_others(setting: &Setting<'_>) {
    let mut options = StreamsOptions::default();
    options.memory = 1;
    let streams = setting.bounded(options);
    let attempt = streams.attempt(&id("goes"), setting.options()).await.unwrap();
    attempt.append("0").await.unwrap();
    attempt.flush().await.unwrap();
    setting.others().cancel(&id("goes")).await.unwrap();
    soon(attempt.cancelled()).await.unwrap();
    attempt.append("1").await.unwrap();
    attempt.append("2").await.unwrap();
    attempt.flush().await.unwrap();
    streams.create(&id("another"), setting.options()).await.unwrap();
    attempt.append("3").await.unwrap();
    attempt.append("4").await.unwrap();
    attempt.close(End::Stopped).await.unwrap();
    let fresh = setting.others().get(&id("goes")).await.unwrap().unwrap();
    assert_eq!(read_all(&fresh, From::Start).await.0, numbers(0..5));
}

/// An attempt begins whatever became of what the one before had not stored.
pub async fn an_attempt_begins_though_another_process_ended_the_stream(setting: &Setting<'_>) {
    let streams = setting.streams();
    let first = streams.attempt(&id("ended"), setting.options()).await.unwrap();
    let far = setting.others().get(&id("ended")).await.unwrap().unwrap();
    first.append("once").await.unwrap();
    far.close(End::Aborted).await.unwrap();
    let second = streams.attempt(&id("ended"), setting.options()).await.unwrap();
    second.append("again").await.unwrap();
    second.close(End::Complete).await.unwrap();
    let fresh = setting.others().get(&id("ended")).await.unwrap().unwrap();
    assert_eq!(follow(fresh.tail(From::Start)).await, ["again"]);
}

async fn forked(setting: &Setting<'_>, source: &Stream, name: &str) -> Stream {
    let fork = Some(ForkFrom { source: source.id().clone(), at: None, sub: 0 });
    let options = CreateOptions { fork, ..setting.options() };
    setting.others().create(&id(name), options).await.unwrap().stream()
}

/// A signal to stop that another process's change comes before is given all the same.
pub async fn a_signal_to_stop_is_not_lost_to_another_process(setting: &Setting<'_>) {
    let (streams, storage) = setting.faulty(StreamsOptions::default());
    let near = streams.create(&id("stops"), setting.options()).await.unwrap().stream();
    let gate = Gate::new();
    storage.next(Call::Commit, Fault::Hold(gate.clone()));
    let cancel = tokio::spawn(async move { near.cancel().await });
    soon(gate.reached()).await;
    let far = setting.others().get(&id("stops")).await.unwrap().unwrap();
    forked(setting, &far, "fork").await;
    gate.open();
    soon(cancel).await.unwrap().unwrap();
    assert!(far.info().await.unwrap().cancelled);
}

/// Nor is it lost that a stream was deleted, and kept for its forks.
pub async fn a_deletion_is_not_lost_to_another_process(setting: &Setting<'_>) {
    let (streams, storage) = setting.faulty(StreamsOptions::default());
    let near = streams.create(&id("marked"), setting.options()).await.unwrap().stream();
    let fork = forked(setting, &near, "fork").await;
    let gate = Gate::new();
    storage.next(Call::Commit, Fault::Hold(gate.clone()));
    let delete = tokio::spawn(async move { streams.delete(near.id()).await });
    soon(gate.reached()).await;
    setting.others().cancel(&id("marked")).await.unwrap();
    gate.open();
    assert!(soon(delete).await.unwrap().unwrap());
    let error = setting.others().get(&id("marked")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Gone);
    assert!(setting.others().delete(fork.id()).await.unwrap());
    assert!(setting.others().get(&id("marked")).await.unwrap().is_none());
}

/// A process that only reads keeps to its bound of memory too.
pub async fn a_process_that_reads_is_bounded_in_memory(setting: &Setting<'_>) {
    let entries = vec![Bytes::from(vec![b'x'; 1_000]); 10];
    for n in 0..200 {
        let options = CreateOptions { entries: entries.clone(), ..setting.options() };
        setting.make_with(&n.to_string(), options).await;
    }
    let mut options = StreamsOptions::default();
    options.memory = 256 << 10;
    let streams = setting.bounded(options);
    for n in 0..200 {
        let stream = streams.get(&id(&n.to_string())).await.unwrap().unwrap();
        assert_eq!(stream.read(From::Start, Limit::NONE).await.unwrap().len(), 10);
        assert!(streams.memory_used() < 320 << 10, "{} bytes", streams.memory_used());
    }
}

/// Readers of what was shown and could not be stored go on with what is said instead; its writer is told.
pub async fn what_was_shown_and_is_lost_is_told(setting: &Setting<'_>) {
    setting.make("lost").await.append("0").await.unwrap();
    setting.streams().get(&id("lost")).await.unwrap().unwrap().flush().await.unwrap();
    let (streams, storage) = setting.faulty(StreamsOptions::default());
    let stream = streams.get(&id("lost")).await.unwrap().unwrap();
    let gate = Gate::new();
    storage.next(Call::Commit, Fault::Hold(gate.clone()));
    storage.next(Call::Commit, Fault::Refuse(Kind::Internal));
    let cancelled = tokio::spawn({
        let stream = stream.clone();
        async move { stream.cancel().await }
    });
    soon(gate.reached()).await;
    stream.append("lost").await.unwrap();
    let mut tail = stream.tail(From::Start);
    let Some(Followed::Page(page)) = soon(tail.next()).await.unwrap() else { panic!("a page comes first") };
    assert_eq!(entries(&page), ["0", "lost"]);
    gate.open();
    soon(cancelled).await.unwrap().unwrap();
    let Some(Followed::Reset(reset)) = soon(tail.next()).await.unwrap() else { panic!("it is told") };
    assert!(reset.earliest.offset <= 1);
    let told = match stream.append("1").await {
        Ok(_) => stream.flush().await.map_err(|error| error.kind()),
        Err(error) => Err(error.kind()),
    };
    assert_eq!(told, Err(Kind::Internal));
    assert_eq!(read_all(&stream, From::Start).await.0, numbers(0..1));
    stream.append("1").await.unwrap();
    stream.close(End::Complete).await.unwrap();
    let start = Cursor { offset: 0, ..reset.earliest };
    assert_eq!(follow(stream.tail(From::Start)).await, numbers(0..2));
    let rest = if reset.earliest == start { 0 } else { 1 };
    assert_eq!(follow(tail).await, numbers(rest..2));
}

/// What waits to be stored is bounded also while it cannot be.
pub async fn what_cannot_be_stored_is_bounded(setting: &Setting<'_>) {
    let mut options = StreamsOptions::default();
    options.unstored = 1_000;
    let (streams, storage) = setting.faulty(options);
    let stream = streams.create(&id("full"), setting.options()).await.unwrap().stream();
    storage.always(Call::Commit, Fault::Refuse(Kind::Unavailable));
    let mut shown = 0;
    while tokio::time::timeout(Duration::from_millis(500), stream.append(vec![b'x'; 900]))
        .await
        .is_ok_and(|appended| appended.is_ok())
    {
        shown += 1;
        assert!(shown < 4, "{shown} were taken");
    }
    storage.heal();
    stream.flush().await.unwrap();
    assert!(read_all(&stream, From::Start).await.0.len() >= shown);
}
