//! An update that is given twice runs once.

use std::time::Duration;

use tertulia::Clock;
use tertulia::runner::{Options, Receipt};

use super::support::{applied, apply, assert_all_done, dead, memory, pass, start, update};

#[tokio::test(start_paused = true)]
async fn an_update_given_again_is_seen_and_runs_once() {
    let storage = memory();
    let run = |turn, text: String| async move { apply(&turn, &text).await };
    let handle = start(&storage, Options::default(), run).await;
    let once = || update("a", 7, "seven");
    assert_eq!(handle.intake().submit(once()).await.unwrap(), Receipt::Accepted);
    assert_eq!(handle.intake().submit(once()).await.unwrap(), Receipt::Seen, "it may not have run yet");
    pass(10).await;
    assert_eq!(handle.intake().submit(once()).await.unwrap(), Receipt::Seen, "it was applied");
    let receipts = handle.intake().submit_all(vec![once(), update("a", 8, "eight"), once()]).await.unwrap();
    assert_eq!(receipts, [Receipt::Seen, Receipt::Accepted, Receipt::Seen]);
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    let handle = start(&storage, Options::default(), run).await;
    assert_eq!(handle.intake().submit(once()).await.unwrap(), Receipt::Seen, "after a restart");
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_eq!(applied(&storage, "a").await, ["seven", "eight"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn an_update_given_by_many_at_once_is_accepted_from_one_of_them() {
    let storage = memory();
    let run = |turn, text: String| async move { apply(&turn, &text).await };
    let handle = start(&storage, Options::default(), run).await;
    let callers: Vec<_> = (0..50).map(|_| handle.intake().submit(update("a", 7, "seven"))).collect();
    let receipts = futures_util::future::join_all(callers).await;
    let accepted = receipts.iter().filter(|receipt| matches!(receipt, Ok(Receipt::Accepted))).count();
    assert_eq!((accepted, receipts.len()), (1, 50));
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_eq!(applied(&storage, "a").await, ["seven"]);
}

#[tokio::test(start_paused = true)]
async fn the_same_id_twice_in_one_submission_runs_once() {
    let storage = memory();
    let run = |turn, text: String| async move { apply(&turn, &text).await };
    let handle = start(&storage, Options::default(), run).await;
    let receipts = handle.intake().submit_all(vec![update("a", 7, "x"), update("a", 7, "y")]).await.unwrap();
    assert_eq!(receipts, [Receipt::Accepted, Receipt::Seen]);
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_eq!(applied(&storage, "a").await, ["x"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_an_update_goes_to_dead_and_is_seen_when_given_again() {
    let storage = memory();
    let run = |turn, text: String| async move { apply(&turn, &text).await };
    let handle = start(&storage, Options::default(), run).await;
    let mut faulty = update("a", 7, "{");
    faulty.fault = Some("not json".into());
    let updates = vec![faulty.clone(), update("a", 8, "eight")];
    let receipts = handle.intake().submit_all(updates).await.unwrap();
    assert_eq!(receipts, [Receipt::Accepted, Receipt::Accepted]);
    assert_eq!(handle.intake().submit(faulty).await.unwrap(), Receipt::Seen);
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_eq!(applied(&storage, "a").await, ["eight"]);
    let dead = dead(&storage).await;
    assert_eq!(dead.len(), 1);
    assert_eq!((&*dead[0].error, &*dead[0].body, dead[0].attempts), ("not json", &b"{"[..], 0));
    assert!(dead[0].died <= Clock::system().now());
}
