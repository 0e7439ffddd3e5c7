//! An outbox that is read bit by bit, of a storage that fails over meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tertulia::runner::Options;
use tertulia::storage::Storage;

use super::super::support::{Diary, Pair, assert_all_done, pass};
use super::listing;
use super::room::{submit, switched, words};

/// Leaves calls in the outbox.
async fn leave(storage: &Arc<dyn Storage>, id: i64, calls: &str) {
    let handle = listing(storage, Options::default()).start().await.unwrap();
    submit(&handle, "a", id, calls).await;
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
}

/// What a process makes that knows 50 of a hundred calls when its storage fails over.
async fn made_after_a_failover(pair: Arc<Pair>) -> Vec<String> {
    let storage: Arc<dyn Storage> = pair.clone();
    let sent = Diary::default();
    let (platform, open) = switched(&sent);
    let options = Options { calls: 50, ..Options::default() };
    let handle = listing(&storage, options).sender("test", platform).start().await.unwrap();
    pass(1_000).await;
    assert_eq!(handle.calls(), 50);
    pair.fail_over();
    submit(&handle, "a", 3, "after").await;
    open.store(true, Ordering::Relaxed);
    pass(60_000).await;
    assert_eq!((handle.size(), handle.calls()), (0, 0));
    assert_all_done(&storage).await;
    sent.of("a")
}

#[tokio::test(start_paused = true)]
async fn what_is_not_read_yet_and_lost_holds_nothing_up() {
    let pair = Arc::new(Pair::default());
    let storage: Arc<dyn Storage> = pair.clone();
    leave(&storage, 1, &words(40)).await;
    pair.cut_off();
    leave(&storage, 2, &words(60)).await;
    let made = made_after_a_failover(pair).await;
    assert_eq!(made[50..], ["after"], "those that were known are made");
}

#[tokio::test(start_paused = true)]
async fn another_outbox_in_its_place_is_read_from_its_beginning() {
    let pair = Arc::new(Pair::default());
    let storage: Arc<dyn Storage> = pair.clone();
    pair.cut_off();
    leave(&storage, 1, &words(100)).await;
    // By another process, after the failover.
    let replica: Arc<dyn Storage> = Arc::new(pair.replica.clone());
    leave(&replica, 2, "another one").await;
    assert_eq!(made_after_a_failover(pair).await[50..], ["another", "one", "after"]);
}
