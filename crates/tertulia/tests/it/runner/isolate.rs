//! An update that stops the process is found and put away, and those that ran beside it are not.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::runner::{AfterRetries, Options};
use tertulia::storage::Storage;

use super::support::{Diary, applied, apply, assert_all_done, dead, memory, pass, start, update};

/// One life of a process: it ends, as if killed, when an update that says `stop` runs, or well after `millis`. Gives
/// the texts of the updates that were begun, and whether it was stopped.
async fn live(storage: &Arc<dyn Storage>, millis: u64, poison: &'static str) -> (Vec<String>, bool) {
    live_slowly(storage, millis, poison, 10).await
}

/// As [`live`], with updates that take so many milliseconds.
async fn live_slowly(
    storage: &Arc<dyn Storage>,
    millis: u64,
    poison: &'static str,
    takes: u64,
) -> (Vec<String>, bool) {
    let begun: Arc<Mutex<Vec<String>>> = Arc::default();
    let stopped = Arc::new(tokio::sync::Notify::new());
    let (begins, stops) = (Arc::clone(&begun), Arc::clone(&stopped));
    let handle = start(storage, Options::default(), move |turn, text| {
        begins.lock().push(text.clone());
        let stops = Arc::clone(&stops);
        async move {
            if text == poison {
                stops.notify_one();
                std::future::pending::<()>().await;
            }
            pass(takes).await;
            apply(&turn, &text).await
        }
    })
    .await;
    let killed = tokio::time::timeout(Duration::from_millis(millis), stopped.notified()).await.is_ok();
    if killed {
        drop(handle);
    } else {
        handle.shutdown(Duration::from_secs(10)).await;
    }
    let begun = begun.lock().clone();
    (begun, killed)
}

/// Puts `count` updates of as many chats into the inbox, the one in the middle being `poison`, and is killed.
async fn fill(storage: &Arc<dyn Storage>, count: i64) {
    let handle = start(storage, Options::default(), |_, _| std::future::pending()).await;
    let text = |n: i64| if n == count / 2 { "poison".to_owned() } else { n.to_string() };
    let updates = (0..count).map(|n| update(&n.to_string(), n, &text(n))).collect();
    handle.intake().submit_all(updates).await.unwrap();
    handle.intake().submit(update(&(count / 2).to_string(), count, "next")).await.unwrap();
    drop(handle);
}

#[tokio::test(start_paused = true)]
async fn what_stops_the_process_ends_dead_and_no_innocent_does() {
    for count in [1, 5, 40, 400] {
        let storage = memory();
        fill(&storage, count).await;
        let mut lives = 0;
        while live(&storage, 5_000, "poison").await.1 {
            lives += 1;
            assert!(lives < 10, "{count} updates: it is still not found");
        }
        let dead = dead(&storage).await;
        assert_eq!(dead.len(), 1, "{count} updates");
        assert_eq!(&*dead[0].body, b"poison");
        assert_eq!(dead[0].error, "the process stopped 3 times while this update ran alone");
        for n in (0..count).filter(|n| *n != count / 2) {
            assert_eq!(applied(&storage, &n.to_string()).await, [n.to_string()]);
        }
        assert_eq!(applied(&storage, &(count / 2).to_string()).await, ["next"], "its key goes on");
        // One that is begun unmarked, one in which all are, and the rest to find it among them.
        assert!(lives <= if count <= 16 { 4 } else { 6 }, "{count} updates took {lives} stops");
    }
}

#[tokio::test(start_paused = true)]
async fn a_suspect_runs_while_nothing_else_does() {
    let storage = memory();
    fill(&storage, 5).await;
    // Marks all five, and stops.
    assert!(live(&storage, 100, "poison").await.1);
    let (begun, stopped) = live(&storage, 5_000, "poison").await;
    assert!(stopped);
    assert_eq!(
        begun.last().unwrap(),
        "poison",
        "what was before it is done, what is behind it waits: {begun:?}"
    );
    for text in &begun[..begun.len() - 1] {
        assert_eq!(applied(&storage, text).await, std::slice::from_ref(text));
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stopped_well_makes_nobody_a_suspect() {
    let storage = memory();
    let handle = start(&storage, Options::default(), |_, _| std::future::pending()).await;
    handle.intake().submit(update("a", 1, "1")).await.unwrap();
    assert_eq!(handle.shutdown(Duration::ZERO).await.len(), 1);
    for _ in 0..10 {
        let handle = start(&storage, Options::default(), |_, _| std::future::pending()).await;
        pass(10).await;
        assert_eq!(handle.running(), 1);
        assert_eq!(handle.shutdown(Duration::ZERO).await.len(), 1);
    }
    live(&storage, 1_000, "").await;
    assert_eq!(applied(&storage, "a").await, ["1"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_minute_without_a_stop_clears_the_marks() {
    let storage = memory();
    fill(&storage, 1).await;
    let hang = |_, _| std::future::pending();
    for _ in 0..10 {
        // It runs for long each time, and what stops the process is something else.
        let handle = start(&storage, Options::default(), hang).await;
        pass(61_000).await;
        assert_eq!(handle.running(), 1);
        drop(handle);
    }
    live(&storage, 1_000, "").await;
    assert_eq!(applied(&storage, "0").await, ["poison", "next"]);
    assert!(dead(&storage).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_failed_by_itself_is_no_suspect_any_more() {
    let storage = memory();
    fill(&storage, 1).await;
    let tries = Diary::default();
    let options = Options {
        after_retries: AfterRetries::Park,
        retries: 100,
        backoff: Duration::from_millis(1),
        backoff_max: Duration::from_millis(1),
        ..Options::default()
    };
    for _ in 0..10 {
        let notes = tries.clone();
        let handle = start(&storage, options.clone(), move |turn, text| {
            let notes = notes.clone();
            async move {
                notes.note(&turn.about().conversation, text);
                anyhow::bail!("it fails well")
            }
        })
        .await;
        pass(5).await;
        assert!(handle.size() > 0);
        drop(handle);
        // The mark of a try that ended is gone; what stops between two tries stopped nobody.
    }
    assert!(tries.of("0").len() >= 10);
    assert!(dead(&storage).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn suspects_that_take_longer_than_a_minute_together_do_not_hide_the_one_among_them() {
    let storage = memory();
    fill(&storage, 16).await;
    let mut lives = 0;
    while live_slowly(&storage, 1_000_000, "poison", 10_000).await.1 {
        lives += 1;
    }
    assert_eq!(lives, 4, "one that marks them, and three in which it is alone");
    assert_eq!(dead(&storage).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn how_often_it_was_alone_is_forgotten_once_it_failed_by_itself() {
    let storage = memory();
    fill(&storage, 1).await;
    // One life that marks it, and two in which it is alone.
    for _ in 0..3 {
        let handle = start(&storage, Options::default(), |_, _| std::future::pending()).await;
        pass(10).await;
        drop(handle);
    }
    // Alone for the third time it fails, is run again, and the process stops for another reason.
    let handle = start(&storage, Options::default(), |turn, _| async move {
        anyhow::ensure!(turn.about().attempt > 1, "it fails well");
        std::future::pending().await
    })
    .await;
    pass(5_000).await;
    assert_eq!(handle.running(), 1);
    drop(handle);
    assert!(!live(&storage, 5_000, "").await.1);
    assert!(dead(&storage).await.is_empty());
    assert_eq!(applied(&storage, "0").await, ["poison", "next"]);
}
