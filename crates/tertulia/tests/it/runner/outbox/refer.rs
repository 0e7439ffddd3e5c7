//! Calls about earlier ones: they are made with what those gave, looked up when they are made.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tertulia::runner::{OUTBOX, Options, SENT, SentRecord};
use tertulia::storage::{Memory, Page, Read, Storage};
use tertulia::{Error, Key};

use super::super::support::{
    Diary, Fate, Faulty, Platform, assert_all_done, conversation, dead, memory, pass, queued, update,
};
use super::{listing, unavailable};

/// A platform with messages `m1`, `m2` and so on. A call about an earlier one is noted with the message; `grow` adds a
/// message to it, and `delete` leaves none.
fn messages(made: &Diary) -> Arc<Platform> {
    let (note, last) = (made.clone(), AtomicUsize::new(0));
    Platform::new(move |call| {
        let body = String::from_utf8_lossy(&call.body).into_owned();
        let next = || format!("m{}", last.fetch_add(1, Ordering::Relaxed) + 1);
        let given = match &call.refers {
            None => {
                let message = next();
                note.note(&call.conversation, format!("{body} is {message}"));
                Ok(message)
            }
            Some(referred) => {
                note.note(&call.conversation, format!("{body} of {}", referred.message));
                match body.as_str() {
                    "refused" => Err(Error::invalid("the platform refuses it")),
                    "grow" => Ok(format!("{},{}", referred.message, next())),
                    "delete" => Ok(String::new()),
                    _ => Ok(referred.message.clone()),
                }
            }
        };
        async move {
            pass(1).await;
            given
        }
    })
}

/// What the calls of a chat gave, as its log says.
async fn sent(storage: &Arc<dyn Storage>, chat: &str) -> Vec<String> {
    let read = Read::new(Key::Log(conversation(chat), SENT));
    let page = storage.read(&[read]).await.unwrap().remove(0).unwrap().and_then(Page::into_log).unwrap();
    let records = page.entries.iter().map(|entry| SentRecord::decode(entry).unwrap());
    records.map(|SentRecord { ticket, message }| format!("{ticket} {message}")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_call_about_one_of_the_same_turn_gets_what_that_gave_before_anything_is_marked() {
    let storage = memory();
    let made = Diary::default();
    // No mark leaves before the end.
    let options = Options { linger: Duration::from_secs(600), ..Options::default() };
    let handle = listing(&storage, options).sender("test", messages(&made)).start().await.unwrap();
    handle.intake().submit(update("a", 1, "hello edit@1.0 again@1.0 bye delete@1.3 late@1.3")).await.unwrap();
    pass(100).await;
    assert_eq!(
        made.of("a"),
        ["hello is m1", "edit of m1", "again of m1", "bye is m2", "delete of m2", "late of "]
    );
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_about_one_of_an_earlier_turn_and_process_gets_what_that_gave() {
    let storage = memory();
    let made = Diary::default();
    let platform = messages(&made);
    let start = || listing(&storage, Options::default()).sender("test", platform.clone()).start();
    let first = start().await.unwrap();
    first.intake().submit_all(vec![update("a", 1, "one two"), update("b", 2, "three")]).await.unwrap();
    assert_eq!(first.shutdown(Duration::from_secs(1)).await, []);
    let second = start().await.unwrap();
    second.intake().submit(update("a", 3, "edit@1.1 grow@1.1 edit@1.1")).await.unwrap();
    pass(1_000).await;
    second.intake().submit(update("a", 4, "edit@1.1 edit@1.0")).await.unwrap();
    assert_eq!(second.shutdown(Duration::from_secs(1)).await, []);
    let of_a: Vec<String> = made.of("a").split_off(2);
    let second_message = made.of("a")[1].strip_prefix("two is ").unwrap().to_owned();
    let first_message = made.of("a")[0].strip_prefix("one is ").unwrap().to_owned();
    assert_eq!(
        of_a,
        [
            format!("edit of {second_message}"),
            format!("grow of {second_message}"),
            format!("edit of {second_message},m4"),
            format!("edit of {second_message},m4"),
            format!("edit of {first_message}"),
        ]
    );
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_edited_again_and_again_takes_the_place_of_no_other_in_the_log() {
    let storage = memory();
    let made = Diary::default();
    let handle = listing(&storage, Options::default()).sender("test", messages(&made)).start().await.unwrap();
    handle.intake().submit(update("a", 1, "one two")).await.unwrap();
    for n in 2..=600 {
        handle.intake().submit(update("a", n, "edit@1.1")).await.unwrap();
        pass(2).await;
    }
    handle.intake().submit(update("a", 601, "edit@1.0 grow@1.0 delete@1.1")).await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_eq!(made.of("a").split_off(601), ["edit of m1", "grow of m1", "delete of m2"]);
    assert_eq!(
        sent(&storage, "a").await,
        ["test/1.0 m1", "test/1.1 m2", "test/1.0 m1,m3", "test/1.1 "],
        "what changed is in the log, and nothing else"
    );
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_about_one_that_is_not_known_goes_to_dead_and_says_what_may_have_become_of_it() {
    let storage = memory();
    let made = Diary::default();
    let refuses = {
        let made = made.clone();
        Platform::new(move |call| {
            made.note(&call.conversation, String::from_utf8_lossy(&call.body));
            let refused = call.body == "refused";
            async move { if refused { Err(Error::invalid("no")) } else { Ok("id".to_owned()) } }
        })
    };
    let handle = listing(&storage, Options::default()).sender("test", refuses).start().await.unwrap();
    handle.intake().submit(update("a", 1, "refused edit@1.0 then")).await.unwrap();
    handle.intake().submit(update("b", 2, "foreign@1.2")).await.unwrap();
    pass(1_000).await;
    assert_eq!((made.of("a"), made.of("b").len()), (vec!["refused".to_owned(), "then".to_owned()], 0));
    let errors: Vec<String> = dead(&storage).await.into_iter().map(|record| record.error).collect();
    assert_eq!(errors.len(), 3);
    let unknown = |chat: &str, ticket: &str| {
        format!(
            "the call refers to {ticket}, which gave no message in test:{chat}: it was never made there, was \
             overwritten by a later one, or went to dead"
        )
    };
    assert!(errors.contains(&unknown("a", "test/1.0")), "{errors:?}");
    assert!(errors.contains(&unknown("b", "test/1.2")), "another conversation's ticket is worth nothing");
    for n in 10..15 {
        handle.intake().submit(update("a", n, &"word ".repeat(200))).await.unwrap();
        pass(1_000).await;
    }
    handle.intake().submit(update("a", 20, "edit@1.2")).await.unwrap();
    pass(1_000).await;
    let old = dead(&storage).await.into_iter().map(|record| record.error).find(|error| error.contains("256"));
    assert_eq!(
        old.unwrap(),
        unknown("a", "test/1.2") + ", or others have been made since, of which the last 256 are known"
    );
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_a_call_and_its_mark_has_the_next_process_change_the_new_message() {
    let memory = Memory::new();
    // Nothing but the turn's own batch gets through.
    let faulty = Faulty::new(memory.clone(), |batch| {
        let marks = batch.writes.iter().any(|write| *write.key().name() == SENT);
        Fate { refused: marks, ..Fate::default() }
    });
    let made = Diary::default();
    let platform = messages(&made);
    let storage: Arc<dyn Storage> = faulty;
    let handle =
        listing(&storage, Options::default()).sender("test", platform.clone()).start().await.unwrap();
    handle.intake().submit(update("a", 1, "hello edit@1.0")).await.unwrap();
    pass(500).await;
    drop(handle);
    let storage: Arc<dyn Storage> = Arc::new(memory);
    assert_eq!(queued(&storage, OUTBOX).await, 2);
    let handle = listing(&storage, Options::default()).sender("test", platform).start().await.unwrap();
    handle.intake().submit(update("a", 2, "later@1.0")).await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_eq!(
        made.of("a"),
        ["hello is m1", "edit of m1", "hello is m2", "edit of m2", "later of m2"],
        "what may have been made is made again, and it is that which is edited"
    );
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn marks_that_are_on_their_way_into_the_log_are_found_there() {
    let memory = Memory::new();
    // The marks are committed, and nobody is told for a second.
    let faulty = Faulty::new(memory, |batch| {
        let marks = batch.writes.iter().any(|write| *write.key().name() == SENT);
        let wait = if marks { Duration::from_secs(1) } else { Duration::ZERO };
        Fate { before: wait, after: wait, ..Fate::default() }
    });
    let storage: Arc<dyn Storage> = faulty;
    let made = Diary::default();
    let handle = listing(&storage, Options::default()).sender("test", messages(&made)).start().await.unwrap();
    handle.intake().submit(update("a", 1, "hello")).await.unwrap();
    for n in 2..30 {
        pass(100).await;
        handle.intake().submit(update("a", n, "edit@1.0")).await.unwrap();
    }
    pass(10_000).await;
    assert_eq!(made.of("a").len(), 29, "{:?}", made.of("a"));
    assert!(made.of("a")[1..].iter().all(|edit| edit == "edit of m1"));
    assert_eq!(dead(&storage).await.len(), 0);
    assert_eq!(handle.shutdown(Duration::from_secs(10)).await, []);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_read_for_a_while_holds_the_conversation_up_and_nothing_is_given_up() {
    let memory = Memory::new();
    let made = Diary::default();
    let platform = messages(&made);
    let away = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&away);
    let faulty = Faulty::refusing_reads(memory, move |reads| {
        let of_sent = reads.iter().any(|read| *read.key.name() == SENT);
        of_sent && seen.fetch_add(1, Ordering::Relaxed) < 3
    });
    let storage: Arc<dyn Storage> = faulty;
    let first = listing(&storage, Options::default()).sender("test", platform.clone()).start().await.unwrap();
    first.intake().submit(update("a", 1, "hello")).await.unwrap();
    assert_eq!(first.shutdown(Duration::from_secs(1)).await, []);
    let second = listing(&storage, Options::default()).sender("test", platform).start().await.unwrap();
    second.intake().submit(update("a", 2, "edit@1.0 bye")).await.unwrap();
    pass(600_000).await;
    assert_eq!(away.load(Ordering::Relaxed), 4);
    assert_eq!(made.of("a"), ["hello is m1", "edit of m1", "bye is m2"]);
    assert_eq!(second.call_stats().put_off, 3);
    assert_eq!(second.shutdown(Duration::from_secs(1)).await, []);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_about_another_that_is_tried_again_by_the_next_process_or_joined_is_about_the_same() {
    let storage = memory();
    let tries = Diary::default();
    let note = tries.clone();
    let platform = Platform::new(move |call| {
        let body = String::from_utf8_lossy(&call.body).into_owned();
        let message = call.refers.as_ref().map(|referred| referred.message.clone());
        let nth = note.count(&call.conversation, &format!("{body} {message:?}"));
        let given = if body == "first" && nth == 1 { unavailable() } else { Ok(()) };
        async move { given.map(|()| message.unwrap_or_else(|| "m1".to_owned())) }
    });
    let start = || listing(&storage, Options::default()).sender("test", platform.clone()).start();
    let handle = start().await.unwrap();
    handle.intake().submit(update("a", 1, "hello")).await.unwrap();
    pass(1_000).await;
    handle.intake().submit(update("a", 2, "first!@1.0 joined@1.0#k last@1.0#k")).await.unwrap();
    pass(20).await;
    drop(handle);
    let handle = start().await.unwrap();
    pass(60_000).await;
    let about = |body: &str| format!("{body} Some(\"m1\")");
    assert_eq!(tries.of("a"), ["hello None".to_owned(), about("first"), about("first"), about("last")]);
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_all_done(&storage).await;
}
