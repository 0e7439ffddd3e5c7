//! Stopping: calls that can be made are waited for, those that have failed and those behind them are not.

use std::time::Duration;

use tertulia::runner::{OUTBOX, Options};
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
