//! A turn without effects writes nothing but its removal from the inbox, together with many others.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tertulia::runner::Options;
use tertulia::storage::{Memory, Storage};

use super::support::{Fate, Faulty, assert_all_done, pass, start, update};

#[tokio::test(start_paused = true)]
async fn turns_without_effects_share_few_commits() {
    let faulty = Faulty::new(Memory::new(), |_| Fate::default());
    let storage: Arc<dyn Storage> = faulty.clone();
    let handle = start(&storage, Options::default(), |_, _| async { Ok(()) }).await;
    for round in 0..100 {
        let updates = (0..100).map(|n| update(&n.to_string(), round * 100 + n, "")).collect();
        handle.intake().submit_all(updates).await.unwrap();
        pass(1).await;
    }
    pass(100).await;
    assert_eq!(handle.size(), 0);
    assert_all_done(&storage).await;
    let commits = faulty.commits.load(Ordering::Relaxed);
    assert!(commits <= 1 + 100 + 3 * 8, "{commits} commits: a note, 100 of the intake, and 8 each 50 ms");
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_eq!(faulty.commits.load(Ordering::Relaxed), commits + 1, "only the note that it stopped");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_marks_turns_without_effects_at_once() {
    let faulty = Faulty::new(Memory::new(), |_| Fate::default());
    let storage: Arc<dyn Storage> = faulty.clone();
    let options = Options { linger: Duration::from_secs(3_600), ..Options::default() };
    let handle = start(&storage, options, |_, _| async { Ok(()) }).await;
    let updates = (0..100).map(|n| update(&n.to_string(), n, "")).collect();
    handle.intake().submit_all(updates).await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_all_done(&storage).await;
}
