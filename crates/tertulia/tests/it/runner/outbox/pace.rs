//! Rates: a conversation or a whole platform waits as its sender says, holding no slot, and nothing is lost or
//! overtaken.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::Error;
use tertulia::runner::{Options, Paced, Wait};
use tokio::time::Instant;

use super::super::support::{Diary, Platform, assert_all_done, memory, pass, update};
use super::{answering, listing, too_many};

/// Notes when each call was made, in milliseconds since it was made itself.
#[derive(Clone)]
struct Times(Arc<Mutex<Vec<(String, String, u64)>>>, Instant);

impl Times {
    fn new() -> Self {
        Self(Arc::default(), Instant::now())
    }

    fn note(&self, call: &tertulia::runner::Call) {
        let millis = u64::try_from(self.1.elapsed().as_millis()).unwrap();
        let body = String::from_utf8_lossy(&call.body).into_owned();
        self.0.lock().push((call.conversation.id().into_owned(), body, millis));
    }

    fn of(&self, chat: &str) -> Vec<(String, u64)> {
        let all = self.0.lock();
        all.iter().filter(|(of, ..)| of == chat).map(|(_, body, at)| (body.clone(), *at)).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_is_held_to_a_rate_holds_no_slot_and_keeps_its_order() {
    let storage = memory();
    let times = Times::new();
    let (note, last) = (times.clone(), Mutex::new(HashMap::<String, Instant>::new()));
    // One a second in each chat that is not `b`.
    let wait = move |call: &tertulia::runner::Call| {
        let mut last = last.lock();
        let free = last.get(&*call.conversation.id()).map(|last| *last + Duration::from_secs(1));
        match free.map(|free| free.saturating_duration_since(Instant::now())) {
            Some(wait) if !wait.is_zero() && call.conversation.id() != "b" => Wait::Conversation(wait),
            _ => {
                last.insert(call.conversation.id().into_owned(), Instant::now());
                Wait::None
            }
        }
    };
    let platform = Platform::pacing(wait, move |call| {
        note.note(call);
        async { Ok(String::new()) }
    });
    let options = Options { senders: 1, ..Options::default() };
    let handle = listing(&storage, options).sender("test", platform).start().await.unwrap();
    handle.intake().submit_all(vec![update("a", 1, "1 2 3"), update("b", 2, "4 5 6")]).await.unwrap();
    // What is held to a rate is on its way, so a shutdown waits for it.
    assert_eq!(handle.shutdown(Duration::from_secs(10)).await, []);
    let at = |chat: &str| -> Vec<(String, u64)> {
        times.of(chat).into_iter().map(|(body, at)| (body, at / 1_000)).collect()
    };
    let expected = |calls: [(&str, u64); 3]| calls.map(|(body, at)| (body.to_owned(), at));
    assert_eq!(at("a"), expected([("1", 0), ("2", 1), ("3", 2)]));
    assert_eq!(at("b"), expected([("4", 0), ("5", 0), ("6", 0)]));
    assert_eq!((handle.call_stats().made, handle.call_stats().put_off), (6, 0));
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_is_held_to_a_rate_takes_calls_in_the_order_in_which_they_came() {
    let storage = memory();
    let times = Times::new();
    let (note, next) = (times.clone(), Mutex::new(Instant::now()));
    // One each 100 ms of all chats together.
    let wait = move |_: &tertulia::runner::Call| {
        let mut next = next.lock();
        let wait = next.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            *next = Instant::now() + Duration::from_millis(100);
            Wait::None
        } else {
            Wait::Everybody(wait)
        }
    };
    let platform = Platform::pacing(wait, move |call| {
        note.note(call);
        async { Ok(String::new()) }
    });
    let handle = listing(&storage, Options::default()).sender("test", platform).start().await.unwrap();
    for n in 0..50 {
        handle.intake().submit(update(&(n % 25).to_string(), n, &n.to_string())).await.unwrap();
    }
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    let made: Vec<(String, u64)> = times.0.lock().iter().map(|(_, body, at)| (body.clone(), *at)).collect();
    for ((body, at), n) in made.iter().zip(0_u64..) {
        assert_eq!(*body, n.to_string(), "in the order in which they came");
        assert!((n * 100..n * 103 + 20).contains(at), "call {n} was made at {at} ms");
    }
    assert_eq!(made.len(), 50);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_held_to_a_rate_in_its_middle_goes_on_and_has_not_failed() {
    let storage = memory();
    let tries = Diary::default();
    let note = tries.clone();
    let platform = Platform::new(move |call| {
        let body = String::from_utf8_lossy(&call.body).into_owned();
        let paced = note.count(&call.conversation, &body) < 4;
        async move {
            if paced {
                return Err(Error::unavailable("later").with_source(Paced(Duration::from_secs(1))));
            }
            Ok(String::new())
        }
    });
    let handle = listing(&storage, Options::default()).sender("test", platform).start().await.unwrap();
    // Also one that is made at most once, since it is the same try.
    handle.intake().submit(update("a", 1, "one! two")).await.unwrap();
    let begun = Instant::now();
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    assert_eq!(begun.elapsed().as_secs(), 6);
    assert_eq!(tries.of("a"), ["one", "one", "one", "one", "two", "two", "two", "two"]);
    let stats = handle.call_stats();
    assert_eq!((stats.made, stats.put_off, stats.repeated), (2, 0, 0));
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn when_three_conversations_in_a_row_are_told_to_wait_all_do_until_the_longest_wait_is_over() {
    let storage = memory();
    let times = Times::new();
    let note = times.clone();
    let platform = Platform::new(move |call| {
        note.note(call);
        // In its first 20 s the platform refuses all but `fine`.
        let refuses = note.1.elapsed() < Duration::from_secs(20) && call.body != "fine";
        let seconds = if call.body == "long" { 40 } else { 30 };
        async move { if refuses { too_many(seconds).map(|()| String::new()) } else { Ok(String::new()) } }
    });
    let handle = listing(&storage, Options::default()).sender("test", platform).start().await.unwrap();
    for (n, body) in ["x", "fine", "x", "long", "fine"].into_iter().enumerate() {
        handle.intake().submit(update(&n.to_string(), n as i64, body)).await.unwrap();
        pass(1_000).await;
    }
    assert_eq!(times.0.lock().len(), 5, "two in a row may be about those two");
    handle.intake().submit(update("5", 5, "x")).await.unwrap();
    handle.intake().submit(update("6", 6, "x")).await.unwrap();
    pass(1_000).await;
    handle.intake().submit(update("7", 7, "x")).await.unwrap();
    handle.intake().submit(update("8", 8, "fine")).await.unwrap();
    pass(29_000).await;
    assert_eq!((times.of("8"), times.of("0").len()), (vec![], 1), "three in a row are about all");
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    drop(handle);
    let handle = listing(&storage, Options::default());
    let sent = Diary::default();
    let handle = handle.sender("test", super::noting(&sent)).start().await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    assert_eq!(sent.len(), 7, "nothing is lost");
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_closed_platform_opens_when_the_longest_wait_is_over_and_goes_on_in_order() {
    let storage = memory();
    let tries = Diary::default();
    let begun = Instant::now();
    let platform =
        answering(
            &tries,
            move |_, _| {
                if begun.elapsed() < Duration::from_secs(1) { too_many(30) } else { Ok(()) }
            },
        );
    let handle = listing(&storage, Options::default()).sender("test", platform).start().await.unwrap();
    let updates = (0..5).map(|n| update(&n.to_string(), n, "1 2 3")).collect();
    handle.intake().submit_all(updates).await.unwrap();
    pass(100).await;
    handle.intake().submit(update("9", 9, "1 2")).await.unwrap();
    pass(29_000).await;
    assert_eq!(tries.of("9"), Vec::<String>::new());
    pass(2_000).await;
    assert_eq!(tries.of("9"), ["1", "2"]);
    for chat in 0..5 {
        let tries = tries.of(&chat.to_string());
        let expected = if chat < 3 { vec!["1", "1", "2", "3"] } else { vec!["1", "2", "3"] };
        assert_eq!(tries, expected, "the third to be refused closed it for all");
    }
    assert_eq!(handle.call_stats().put_off, 3);
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_longer_wait_that_is_told_while_a_platform_is_closed_counts() {
    let storage = memory();
    let tries = Diary::default();
    let (note, begun) = (tries.clone(), Instant::now());
    let platform = Platform::new(move |call| {
        note.note(&call.conversation, "tried");
        let late = call.body == "late";
        async move {
            pass(if late { 500 } else { 1 }).await;
            match begun.elapsed() < Duration::from_secs(1) {
                true => too_many(if late { 60 } else { 30 }).map(|()| String::new()),
                false => Ok(String::new()),
            }
        }
    });
    let handle = listing(&storage, Options::default()).sender("test", platform).start().await.unwrap();
    let calls = ["late", "1", "2", "3"];
    let updates = calls.iter().zip(0..).map(|(call, n)| update(&n.to_string(), n, call)).collect();
    handle.intake().submit_all(updates).await.unwrap();
    pass(10_000).await;
    handle.intake().submit(update("new", 9, "x")).await.unwrap();
    pass(50_000).await;
    assert_eq!((tries.len(), tries.of("new")), (4, vec![]));
    pass(1_000).await;
    assert_eq!((tries.len(), tries.of("new").len()), (9, 1));
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_all_done(&storage).await;
}
