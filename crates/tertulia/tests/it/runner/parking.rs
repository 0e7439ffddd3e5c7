//! A parked update holds back its key, across restarts, until it is let go.

use std::sync::Arc;
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::runner::{AfterRetries, INBOX, InboxRecord, Mark, Options};
use tertulia::storage::{
    Batch, CommitId, Memory, Offset, Page, QueueEntry, QueueWrite, Read, Storage, Write,
};
use tertulia::{Error, Key, Shard};

use super::support::{
    Diary, Fate, Faulty, applied, apply, assert_all_done, conversation, dead, memory, pass, queued, start,
    update,
};

fn parking() -> Options {
    Options { retries: 1, after_retries: AfterRetries::Park, ..Options::default() }
}

/// The first entry of a chat's inbox.
async fn entry(storage: &Arc<dyn Storage>, chat: &str) -> (Shard, QueueEntry, InboxRecord) {
    let shard = conversation(chat).shard();
    let page = storage.read(&[Read::new(Key::Queue(shard, INBOX))]).await.unwrap().remove(0).unwrap();
    let entry = page.and_then(Page::into_queue).unwrap().entries.remove(0);
    let record = InboxRecord::decode(&entry.bytes).unwrap();
    (shard, entry, record)
}

/// Takes the mark off a chat's first entry, as `tertulia parked release` does; gives where it is.
async fn release(storage: &Arc<dyn Storage>, chat: &str) -> (Shard, Offset) {
    let (shard, entry, record) = entry(storage, chat).await;
    assert!(matches!(record.mark, Mark::Parked(_)));
    // The record of an update without a mark: version, arrival, attempts and a time that has passed.
    let mut bytes = vec![1];
    bytes.extend(record.arrived.0.to_le_bytes());
    bytes.extend([0; 10]);
    let text = record.conversation.to_string();
    bytes.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend(&record.body);
    let mut write = QueueWrite::new(Key::Queue(shard, INBOX));
    write.replace.push((entry.offset, entry.revision, bytes.into()));
    storage.commit(Batch::new(CommitId(77), vec![Write::from(write)])).await.unwrap();
    (shard, entry.offset)
}

#[tokio::test(start_paused = true)]
async fn after_the_last_try_an_update_may_be_parked_and_holds_back_its_key_alone() {
    let storage = memory();
    let handle = start(&storage, parking(), |turn, text| async move {
        anyhow::ensure!(text != "poison", "it is poison");
        apply(&turn, &text).await
    })
    .await;
    let updates = vec![update("a", 1, "poison"), update("a", 2, "fine"), update("b", 3, "other")];
    handle.intake().submit_all(updates).await.unwrap();
    pass(60_000).await;
    assert!(applied(&storage, "a").await.is_empty());
    assert_eq!(applied(&storage, "b").await, ["other"]);
    let (_, _, record) = entry(&storage, "a").await;
    assert_eq!(
        (record.mark, record.attempts, &*record.body),
        (Mark::Parked("it is poison".to_owned()), 2, &b"poison"[..])
    );
    let stats = handle.stats();
    assert_eq!((stats.updates, stats.parked, stats.running, stats.ready), (2, 1, 0, 0));
    assert!(handle.deepest(1)[0].parked);
    let left = handle.shutdown(Duration::from_secs(10)).await;
    assert_eq!(left.len(), 2, "it is told, and not waited for");
}

#[tokio::test(start_paused = true)]
async fn a_parked_update_stays_parked_over_a_restart_and_runs_in_order_once_let_go() {
    let storage = memory();
    let tries = Diary::default();
    let run = |fixed: bool| {
        let tries = tries.clone();
        move |turn: tertulia::runner::Turn, text: String| {
            let tries = tries.clone();
            async move {
                tries.note(&turn.about().conversation, format!("{text} {}", turn.about().attempt));
                anyhow::ensure!(fixed || text != "poison", "it is poison");
                apply(&turn, &text).await
            }
        }
    };
    let handle = start(&storage, parking(), run(false)).await;
    handle.intake().submit_all(vec![update("a", 1, "poison"), update("a", 2, "fine")]).await.unwrap();
    pass(60_000).await;
    assert_eq!(tries.of("a"), ["poison 1", "poison 2"]);
    drop(handle);
    let handle = start(&storage, parking(), run(true)).await;
    pass(60_000).await;
    assert_eq!(tries.of("a").len(), 2, "nothing ran");
    let (shard, offset) = release(&storage, "a").await;
    handle.unpark(shard, offset);
    pass(1_000).await;
    assert_eq!(applied(&storage, "a").await, ["poison", "fine"]);
    assert_eq!(tries.of("a")[2..], ["poison 1", "fine 1"], "its tries begin anew");
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_let_go_but_not_changed_is_parked_again_without_running() {
    let storage = memory();
    let tries = Diary::default();
    let notes = tries.clone();
    let handle = start(&storage, parking(), move |turn, _| {
        notes.note(&turn.about().conversation, "run");
        async { anyhow::bail!("no") }
    })
    .await;
    handle.intake().submit(update("a", 1, "x")).await.unwrap();
    pass(60_000).await;
    let (shard, entry, _) = entry(&storage, "a").await;
    handle.unpark(shard, entry.offset);
    handle.unpark(shard, Offset(entry.offset.0 + 1));
    pass(60_000).await;
    assert_eq!((tries.of("a").len(), handle.stats().parked), (2, 1));
    // One that was removed meanwhile lets its key go on.
    let mut write = QueueWrite::new(Key::Queue(shard, INBOX));
    write = write.discard(entry.offset, entry.born);
    storage.commit(Batch::new(CommitId(78), vec![Write::from(write)])).await.unwrap();
    handle.unpark(shard, entry.offset);
    pass(1).await;
    assert_eq!(handle.size(), 0);
}

/// Whatever the policy: to go on would be to leave behind what cannot be read.
#[tokio::test(start_paused = true)]
async fn stored_bytes_that_cannot_be_read_park_their_key_at_once() {
    let storage = memory();
    let tries = Diary::default();
    let notes = tries.clone();
    let handle = start(&storage, Options::default(), move |turn, _| {
        notes.note(&turn.about().conversation, "run");
        async {
            Err(anyhow::Error::new(Error::corrupt("session `chat` of test:a is no state"))
                .context("in a handler"))
        }
    })
    .await;
    handle.intake().submit_all(vec![update("a", 1, "1"), update("a", 2, "2")]).await.unwrap();
    pass(60_000).await;
    assert_eq!(tries.of("a"), ["run"]);
    let (_, _, record) = entry(&storage, "a").await;
    let why = "in a handler: session `chat` of test:a is no state";
    assert_eq!(record.mark, Mark::Parked(why.to_owned()));
    assert!(dead(&storage).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn behind_a_parked_update_no_more_than_the_bound_wait() {
    let storage = memory();
    let options = Options { waiting: 10, retries: 0, ..parking() };
    let handle = start(&storage, options, |_, _| async { anyhow::bail!("no") }).await;
    for id in 0..10 {
        handle.intake().submit(update("a", id, "x")).await.unwrap();
        pass(100).await;
    }
    let refused = handle.intake().submit(update("a", 10, "x")).await;
    assert_eq!(refused.unwrap_err().kind(), Kind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_verdict_that_cannot_be_kept_gives_its_slot_back_and_is_carried_out_later() {
    let memory = Memory::new();
    // Nothing goes to `dead` for a minute.
    let began = tokio::time::Instant::now();
    let faulty = Faulty::new(memory.clone(), move |batch| {
        let buries = batch.writes.iter().any(|write| *write.key().name() == tertulia::runner::DEAD);
        Fate { refused: buries && began.elapsed() < Duration::from_secs(60), ..Fate::default() }
    });
    let storage: Arc<dyn Storage> = faulty;
    let tries = Diary::default();
    let notes = tries.clone();
    let options = Options { concurrency: 1, retries: 0, ..Options::default() };
    let handle = start(&storage, options, move |turn, text| {
        notes.note(&turn.about().conversation, "run");
        async move {
            anyhow::ensure!(text != "poison", "it is poison");
            apply(&turn, &text).await
        }
    })
    .await;
    handle.intake().submit_all(vec![update("a", 1, "poison"), update("b", 2, "b")]).await.unwrap();
    pass(30_000).await;
    assert_eq!(applied(&storage, "b").await, ["b"], "the only slot is free again");
    assert_eq!((dead(&storage).await.len(), handle.size()), (0, 1));
    pass(60_000).await;
    assert_eq!((dead(&storage).await.len(), handle.size()), (1, 0));
    assert_eq!(tries.of("a"), ["run"], "it does not run again for that");
    assert_eq!(queued(&storage, INBOX).await, 0);
}
