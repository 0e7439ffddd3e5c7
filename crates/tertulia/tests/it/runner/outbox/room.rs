//! Room: a turn that could add calls waits, holding its key and no slot, while there are too many.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tertulia::runner::{DEAD, EntryId, Handle, OUTBOX, Options, Turn, dead};
use tertulia::storage::{Batch, CommitId, Memory, Offset, Page, QueueWrite, Read, Storage};
use tertulia::{Clock, Error, Key};

use super::super::support::{
    Diary, Fate, Faulty, Platform, assert_all_done, conversation, memory, pass, queued, runner, update,
};
use super::{Listing, call_listed, listing, noting, unavailable};

/// A platform that can be reached when told so.
pub(super) fn switched(sent: &Diary) -> (Arc<Platform>, Arc<AtomicBool>) {
    let open = Arc::new(AtomicBool::new(false));
    let (note, told) = (sent.clone(), Arc::clone(&open));
    let platform = Platform::new(move |call| {
        let open = told.load(Ordering::Relaxed);
        if open {
            note.note(&call.conversation, String::from_utf8_lossy(&call.body));
        }
        async move { if open { Ok(String::new()) } else { unavailable().map(|()| String::new()) } }
    });
    (platform, open)
}

pub(super) fn words(count: usize) -> String {
    (0..count).map(|n| format!("{n} ")).collect()
}

pub(super) async fn submit(handle: &Handle<Listing>, chat: &str, id: i64, calls: &str) {
    handle.intake().submit(update(chat, id, calls)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn over_256_waiting_calls_a_conversation_starts_no_update_until_there_are_fewer() {
    let storage = memory();
    let sent = Diary::default();
    let (platform, open) = switched(&sent);
    let handle = listing(&storage, Options::default()).sender("test", platform).start().await.unwrap();
    submit(&handle, "a", 1, &words(256)).await;
    submit(&handle, "a", 2, "257th").await;
    submit(&handle, "a", 3, "258th").await;
    submit(&handle, "a", 4, "259th").await;
    submit(&handle, "b", 5, "other").await;
    pass(10_000).await;
    // Of `a` two updates have run: with 256 calls the second may, with 257 the third may not.
    assert_eq!((handle.calls(), handle.size(), handle.running()), (258, 2, 0));
    open.store(true, Ordering::Relaxed);
    pass(60_000).await;
    assert_eq!((handle.calls(), handle.size()), (0, 0));
    let sent = sent.of("a");
    assert_eq!(sent.len(), 259);
    assert_eq!(sent[256..], ["257th", "258th", "259th"]);
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn at_the_bound_of_all_calls_no_update_is_started_until_an_eighth_is_free() {
    for options in
        [Options { calls: 80, ..Options::default() }, Options { call_bytes: 160, ..Options::default() }]
    {
        let storage = memory();
        let sent = Diary::default();
        let (platform, open) = switched(&sent);
        let handle = listing(&storage, options).sender("test", platform).start().await.unwrap();
        for n in 0..20 {
            // Ten calls of two bytes.
            let calls: String = (10..20).map(|call| format!("{call} ")).collect();
            submit(&handle, &n.to_string(), n, &calls).await;
        }
        pass(10_000).await;
        assert_eq!((handle.calls(), handle.size(), handle.running()), (80, 12, 0));
        open.store(true, Ordering::Relaxed);
        pass(60_000).await;
        assert_eq!((handle.calls(), handle.size(), sent.len()), (0, 0, 200));
        assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
        assert_all_done(&storage).await;
    }
}

#[tokio::test(start_paused = true)]
async fn updates_whose_platform_is_read_and_not_called_go_on_at_the_bound() {
    let storage = memory();
    let (platform, _) = switched(&Diary::default());
    let options = Options { calls: 10, ..Options::default() };
    let handle = listing(&storage, options).sender("test", platform).start().await.unwrap();
    submit(&handle, "a", 1, &words(10)).await;
    submit(&handle, "b", 2, "waits").await;
    let mut read = update("c", 3, "");
    read.conversation = tertulia::Conversation::new("read", "c").unwrap();
    handle.intake().submit(read).await.unwrap();
    pass(10_000).await;
    assert_eq!((handle.calls(), handle.size()), (10, 1), "only `b` waits");
    let left = handle.shutdown(Duration::from_secs(1)).await;
    assert_eq!(left.len(), 1, "and is named at the stop");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_runs_the_updates_for_which_its_calls_make_room() {
    let storage = memory();
    let sent = Diary::default();
    let handle = listing(&storage, Options { calls: 5, ..Options::default() });
    let handle = handle.sender("test", noting(&sent)).start().await.unwrap();
    let updates = (0..40).map(|n| update(&n.to_string(), n, &words(5))).collect();
    handle.intake().submit_all(updates).await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    assert_eq!(sent.len(), 200);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_an_update_that_the_last_call_made_room_for() {
    let storage = memory();
    let sent = Diary::default();
    let note = sent.clone();
    let slow = Platform::new(move |call| {
        note.note(&call.conversation, String::from_utf8_lossy(&call.body));
        async {
            pass(50).await;
            Ok(String::new())
        }
    });
    let runner =
        runner(&storage, Options { calls: 1, ..Options::default() }, |turn: Turn, text| async move {
            pass(100).await;
            call_listed(turn, text).await
        });
    let handle = runner.sender("test", slow).start().await.unwrap();
    handle.intake().submit(update("a", 1, "one")).await.unwrap();
    pass(110).await;
    handle.intake().submit(update("b", 2, "two")).await.unwrap();
    assert_eq!((handle.running(), handle.size()), (0, 1), "it waits for the call that is under way");
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    assert_eq!((sent.of("a"), sent.of("b")), (vec!["one".to_owned()], vec!["two".to_owned()]));
    assert_all_done(&storage).await;
}

/// A storage with 100 calls in each of 30 conversations, in the outbox.
async fn full() -> Memory {
    let memory = Memory::new();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let handle = listing(&storage, Options::default()).start().await.unwrap();
    for n in 0..30 {
        submit(&handle, &n.to_string(), n, &words(100)).await;
    }
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    memory
}

#[tokio::test(start_paused = true)]
async fn a_start_loads_no_more_of_a_full_outbox_than_may_be_known_and_the_rest_as_calls_are_made() {
    // Slow to read, so that there is room for a turn before the rest is known.
    let storage: Arc<dyn Storage> = Faulty::slow_to_read(full().await, Duration::from_millis(50));
    let sent = Diary::default();
    let (platform, open) = switched(&sent);
    let options = Options { calls: 200, ..Options::default() };
    let handle = listing(&storage, options).sender("test", platform).start().await.unwrap();
    pass(10_000).await;
    assert_eq!(handle.calls(), 200);
    // What comes now is not run before its shard is wholly known, so that nothing overtakes what is unread.
    for n in 0..30 {
        submit(&handle, &n.to_string(), 100 + n, "new").await;
    }
    pass(10_000).await;
    assert_eq!((handle.calls(), handle.size()), (200, 30));
    open.store(true, Ordering::Relaxed);
    let mut most = 0;
    while handle.calls() > 0 || handle.size() > 0 {
        most = most.max(handle.calls());
        pass(1).await;
    }
    assert!(most <= 230, "{most} calls were known at once");
    for n in 0..30 {
        let sent = sent.of(&n.to_string());
        assert_eq!(sent.len(), 101);
        assert!(sent[..100].iter().zip(0..).all(|(call, n): (_, u32)| *call == n.to_string()), "{sent:?}");
    }
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_replayed_while_a_full_outbox_is_read_is_made_once() {
    // A dead call of one of the conversations, made elsewhere and put beside their full outbox.
    let other: Arc<dyn Storage> = Arc::new(Memory::new());
    let refuses = Platform::new(|_| async { Err(Error::invalid("chat not found")) });
    let handle = listing(&other, Options::default()).sender("test", refuses).start().await.unwrap();
    submit(&handle, "0", 1_000, "again").await;
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    let key = Key::Queue(conversation("0").shard(), DEAD);
    let page = other.read(&[Read::new(key.clone())]).await.unwrap().remove(0).unwrap();
    let entry = page.and_then(Page::into_queue).unwrap().entries.remove(0);
    let storage: Arc<dyn Storage> = Arc::new(full().await);
    let write = QueueWrite::new(key).append(entry.id, entry.bytes);
    storage.commit(Batch::new(CommitId(5), vec![write.into()])).await.unwrap();

    let sent = Diary::default();
    let (platform, open) = switched(&sent);
    let options = Options { calls: 200, ..Options::default() };
    let handle = listing(&storage, options).sender("test", platform).start().await.unwrap();
    let id = EntryId { shard: conversation("0").shard(), offset: Offset(0) };
    let notice = dead::replay(&*storage, &Clock::system(), id).await.unwrap();
    handle.look(notice).await.unwrap();
    open.store(true, Ordering::Relaxed);
    while handle.calls() > 0 {
        pass(1).await;
    }
    let sent = sent.of("0");
    assert_eq!((sent.len(), sent.last().map(String::as_str)), (101, Some("again")));
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_while_a_full_outbox_is_read_loses_and_reorders_nothing() {
    for seed in 0..10 {
        let memory = full().await;
        let mut rng = fastrand::Rng::with_seed(seed);
        let sent = Diary::default();
        let mut next = 100;
        let slow: Arc<dyn Storage> =
            Faulty::new(memory.clone(), |_| Fate { before: Duration::from_millis(1), ..Fate::default() });
        for life in 0..10 {
            // Nothing here stops the process but the test.
            let options = Options { calls: 64, linger: Duration::ZERO, stops: u8::MAX, ..Options::default() };
            let handle = listing(&slow, options).sender("test", noting(&sent)).start().await.unwrap();
            if life == 9 {
                while handle.calls() > 0 || handle.size() > 0 {
                    pass(5).await;
                }
                assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
                break;
            }
            for _ in 0..5 {
                submit(&handle, &(next % 30).to_string(), next, &format!("new{next}")).await;
                next += 1;
            }
            pass(rng.u64(0..40)).await;
            drop(handle);
        }
        for chat in 0..30 {
            let mut made = sent.of(&chat.to_string());
            let mut known = std::collections::HashSet::new();
            made.retain(|call| known.insert(call.clone()));
            let mut expected: Vec<String> = (0..100).map(|n| n.to_string()).collect();
            expected.extend((100..next).filter(|n| n % 30 == chat).map(|n| format!("new{n}")));
            assert_eq!(made, expected, "the first time of each call, seed {seed}, chat {chat}");
        }
        assert_eq!(queued(&slow, OUTBOX).await, 0);
    }
}
