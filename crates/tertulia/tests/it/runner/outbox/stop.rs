//! Stopping: calls that can be made are waited for, those that have failed and those behind them are not.

use std::sync::Arc;
use std::time::Duration;

use tertulia::Result;
use tertulia::runner::{Call, OUTBOX, Options, Sender, Step};
use tertulia::storage::BoxFuture;
use tokio::time::Instant;

use super::super::support::{Diary, Platform, assert_all_done, memory, pass, queued, update};
use super::{answering, listing, noting, too_many, unavailable};

#[tokio::test(start_paused = true)]
async fn a_platform_that_cannot_be_reached_does_not_use_up_the_time_of_a_shutdown() {
    let storage = memory();
    let away = answering(&Diary::default(), |_, _| unavailable());
    let handle = listing(&storage, Options::default()).sender("test", away).start().await.unwrap();
    let updates = (0..100).map(|n| update(&n.to_string(), n, "one two")).collect();
    handle.intake().submit_all(updates).await.unwrap();
    pass(5_000).await;
    let begun = Instant::now();
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    assert!(begun.elapsed() < Duration::from_millis(100), "it took {:?}", begun.elapsed());
    assert_eq!(queued(&storage, OUTBOX).await, 200);
    let sent = Diary::default();
    let handle = listing(&storage, Options::default()).sender("test", noting(&sent)).start().await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    assert_eq!((sent.len(), sent.of("7")), (200, vec!["one".to_owned(), "two".to_owned()]));
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn calls_that_can_be_made_are_waited_for_beside_those_that_cannot() {
    let storage = memory();
    let sent = Diary::default();
    let note = sent.clone();
    let platform = Platform::new(move |call| {
        let away = call.conversation.id() == "away";
        note.note(&call.conversation, String::from_utf8_lossy(&call.body));
        async move {
            pass(1_000).await;
            if away { unavailable().map(|()| String::new()) } else { Ok(String::new()) }
        }
    });
    let options = Options { senders: 2, ..Options::default() };
    let handle = listing(&storage, options).sender("test", platform).start().await.unwrap();
    handle.intake().submit_all(vec![update("away", 1, "x y"), update("a", 2, "1 2 3 4 5")]).await.unwrap();
    pass(100).await;
    let begun = Instant::now();
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    assert_eq!(begun.elapsed().as_millis(), 4_900);
    assert_eq!(sent.of("a"), ["1", "2", "3", "4", "5"]);
    assert_eq!(queued(&storage, OUTBOX).await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_told_all_to_wait_is_not_waited_for() {
    let storage = memory();
    let busy = answering(&Diary::default(), |_, _| too_many(45));
    let handle = listing(&storage, Options::default()).sender("test", busy).start().await.unwrap();
    handle.intake().submit_all((0..3).map(|n| update(&n.to_string(), n, "x")).collect()).await.unwrap();
    pass(100).await;
    handle.intake().submit_all((3..9).map(|n| update(&n.to_string(), n, "x")).collect()).await.unwrap();
    pass(100).await;
    let begun = Instant::now();
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    assert!(begun.elapsed() < Duration::from_millis(100), "it took {:?}", begun.elapsed());
    assert_eq!(queued(&storage, OUTBOX).await, 9);
}

/// A platform where a call takes four steps of a second, and rests after the `rests`th of them until it is stirred.
#[derive(Debug)]
struct Stepping {
    made: Diary,
    rests: usize,
}

impl Sender for Stepping {
    fn send<'a>(&'a self, _: &'a Call) -> BoxFuture<'a, Result<String>> {
        unreachable!("each call is made in steps")
    }

    fn step<'a>(&'a self, call: &'a Call, so_far: &'a str) -> BoxFuture<'a, Result<Step>> {
        Box::pin(async move {
            pass(1_000).await;
            let made = self.made.len() + 1;
            self.made.note(&call.conversation, so_far);
            let next: BoxFuture<'static, ()> = if made == self.rests {
                Box::pin(std::future::pending())
            } else {
                Box::pin(std::future::ready(()))
            };
            Ok(if made < 4 {
                Step::On { so_far: made.to_string(), next }
            } else {
                Step::Made(made.to_string())
            })
        })
    }
}

/// Shuts down while the first step of a call is made; gives the steps that were made.
async fn steps_of_a_shutdown(rests: usize) -> Vec<String> {
    let (storage, made) = (memory(), Diary::default());
    let platform = Arc::new(Stepping { made: made.clone(), rests });
    let handle = listing(&storage, Options::default()).sender("test", platform).start().await.unwrap();
    handle.intake().submit_all(vec![update("a", 1, "x+")]).await.unwrap();
    pass(500).await;
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    assert_all_done(&storage).await;
    made.of("a")
}

#[tokio::test(start_paused = true)]
async fn the_steps_that_a_call_has_to_make_are_waited_for() {
    assert_eq!(steps_of_a_shutdown(0).await, ["", "1", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_under_way_when_the_last_turn_ended_and_rests_since_has_one_more_step_made() {
    for rests in 1..4 {
        assert_eq!(steps_of_a_shutdown(rests).await, ["", "1", "2", "3"], "after {rests}");
    }
}
