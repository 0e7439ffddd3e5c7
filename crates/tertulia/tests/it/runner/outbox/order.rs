//! Order: per conversation one after the other, after the commit, over failures and restarts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tertulia::Error;
use tertulia::error::Kind;
use tertulia::runner::{DEAD, DeadKind, OUTBOX, Options, RetryAfter, Ticket, Turn};
use tertulia::storage::{Memory, Storage};

use super::super::support::{
    Diary, Fate, Faulty, Platform, assert_all_done, dead, memory, pass, queued, runner, update,
};
use super::{call_twice, noting, twice};

#[tokio::test(start_paused = true)]
async fn calls_are_made_in_order_per_conversation_and_conversations_side_by_side() {
    let storage = memory();
    let sent = Diary::default();
    let runner = runner(&storage, Options::default(), call_twice).sender("test", noting(&sent));
    let handle = runner.start().await.unwrap();
    let updates = (0..500).map(|n| update(&(n % 50).to_string(), n, &n.to_string())).collect();
    handle.intake().submit_all(updates).await.unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    assert!(begun.elapsed() < Duration::from_millis(40), "20 calls of 1 ms in each of 50 conversations");
    for chat in 0..50 {
        assert_eq!(sent.of(&chat.to_string()), twice((0..10).map(|n| n * 50 + chat)));
    }
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn no_call_is_made_before_the_commit_and_none_of_a_turn_that_fails() {
    let away = Arc::new(AtomicBool::new(true));
    let told = Arc::clone(&away);
    let faulty = Faulty::new(Memory::new(), move |batch| {
        let appends = batch.writes.iter().any(|write| *write.key().name() == OUTBOX && write.bytes() > 0);
        Fate { refused: appends && told.load(Ordering::Relaxed), ..Fate::default() }
    });
    let storage: Arc<dyn Storage> = faulty;
    let sent = Diary::default();
    let run = |turn: Turn, text: String| async move {
        let fails = text == "fails";
        call_twice(turn, text).await?;
        anyhow::ensure!(!fails, "after its calls");
        Ok(())
    };
    let runner = runner(&storage, Options::default(), run).sender("test", noting(&sent));
    let handle = runner.start().await.unwrap();
    handle.intake().submit_all(vec![update("a", 1, "1"), update("b", 2, "fails")]).await.unwrap();
    pass(3_000).await;
    assert_eq!((sent.len(), handle.calls()), (0, 0));
    away.store(false, Ordering::Relaxed);
    pass(60_000).await;
    assert_eq!((sent.of("a"), sent.of("b")), (twice([1]), vec![]));
    assert_eq!(dead(&storage).await.len(), 1);
    drop(handle);
}

#[tokio::test(start_paused = true)]
async fn calls_that_were_not_made_are_made_after_a_restart_in_order() {
    let storage = memory();
    let never = Platform::new(|_| async { Err(Error::unavailable("no network")) });
    let first = runner(&storage, Options::default(), call_twice).sender("test", never);
    let handle = first.start().await.unwrap();
    let updates = (0..300).map(|n| update(&(n % 3).to_string(), n, &n.to_string())).collect();
    handle.intake().submit_all(updates).await.unwrap();
    pass(100).await;
    assert_eq!((handle.size(), handle.calls()), (0, 600));
    drop(handle);
    let sent = Diary::default();
    let second = runner(&storage, Options::default(), call_twice).sender("test", noting(&sent));
    let handle = second.start().await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    for chat in 0..3 {
        assert_eq!(sent.of(&chat.to_string()), twice((0..100).map(|n| n * 3 + chat)));
    }
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_when_to_come_back_is_obeyed_and_holds_up_its_conversation_only() {
    let storage = memory();
    let tries = Diary::default();
    let note = tries.clone();
    let platform = Platform::new(move |call| {
        let body = String::from_utf8_lossy(&call.body).into_owned();
        let nth = note.count(&call.conversation, &body);
        let busy = nth == 1 && body == "1.0";
        async move {
            match busy {
                true => {
                    let after = RetryAfter(Duration::from_secs(17));
                    Err(Error::unavailable("too many requests").with_source(after))
                }
                false => Ok(String::new()),
            }
        }
    });
    let runner = runner(&storage, Options { senders: 1, ..Options::default() }, call_twice);
    let handle = runner.sender("test", platform).start().await.unwrap();
    handle.intake().submit_all(vec![update("a", 1, "1"), update("b", 2, "2")]).await.unwrap();
    pass(16_900).await;
    assert_eq!((tries.of("a"), tries.of("b")), (vec!["1.0".to_owned()], twice([2])));
    pass(200).await;
    assert_eq!(tries.of("a"), ["1.0", "1.0", "1.1"]);
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn calls_are_tried_again_with_growing_waits_or_given_up_by_what_the_platform_says() {
    let storage = memory();
    let tries = Diary::default();
    let note = tries.clone();
    let platform = Platform::new(move |call| {
        let body = String::from_utf8_lossy(&call.body).into_owned();
        let nth = note.count(&call.conversation, &body);
        async move {
            match (body.as_str(), nth) {
                ("1.0", 1) => Err(Error::unavailable("no network")),
                ("1.0", 2) => Err(Error::new(Kind::Timeout, "no answer")),
                ("1.0", 3) => Err(Error::new(Kind::Unknown, "the connection broke")),
                ("1.1", _) => Err(Error::invalid("chat not found")),
                ("2.0", _) => panic!("the adapter cannot stand this"),
                _ => Ok(String::new()),
            }
        }
    });
    let runner = runner(&storage, Options::default(), call_twice).sender("test", platform);
    let handle = runner.start().await.unwrap();
    handle.intake().submit_all(vec![update("a", 1, "1"), update("a", 2, "2")]).await.unwrap();
    pass(900).await;
    assert_eq!(tries.of("a"), ["1.0"]);
    pass(20_000).await;
    assert_eq!(tries.of("a"), ["1.0", "1.0", "1.0", "1.0", "1.1", "2.0", "2.1"]);
    let dead = dead(&storage).await;
    let mut given_up: Vec<_> =
        dead.iter().map(|dead| (&*dead.body, dead.what.clone(), dead.attempts)).collect();
    given_up.sort_unstable_by_key(|(body, ..)| *body);
    let call = |id, ordinal| DeadKind::Call(Some(Ticket { update: update("a", id, "").id, ordinal }));
    assert_eq!(given_up, [(&b"1.1"[..], call(1, 1), 1), (&b"2.0"[..], call(2, 0), 1)]);
    assert!(dead.iter().any(|dead| dead.error == "chat not found"));
    assert_eq!((queued(&storage, OUTBOX).await, handle.calls()), (0, 0));
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
}

#[tokio::test(start_paused = true)]
async fn calls_for_which_there_is_no_adapter_wait_for_a_process_that_has_it() {
    let storage = memory();
    let without = runner(&storage, Options::default(), call_twice).start().await.unwrap();
    without.intake().submit(update("a", 1, "1")).await.unwrap();
    assert_eq!(without.shutdown(Duration::from_secs(1)).await, []);
    assert_eq!((queued(&storage, DEAD).await, queued(&storage, OUTBOX).await), (0, 2));
    let sent = Diary::default();
    let with = runner(&storage, Options::default(), call_twice).sender("test", noting(&sent));
    let with = with.start().await.unwrap();
    assert_eq!(with.shutdown(Duration::from_secs(1)).await, []);
    assert_eq!(sent.of("a"), ["1.0", "1.1"]);
    assert_eq!(queued(&storage, OUTBOX).await, 0);
}
