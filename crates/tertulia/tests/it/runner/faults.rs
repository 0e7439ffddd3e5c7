//! A storage that refuses, or applies and loses its answer: effects once, calls made.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tertulia::runner::{INBOX, OUTBOX, Options, Turn};
use tertulia::storage::{Batch, Memory, Storage, Which, Write};

use super::support::{
    Diary, Fate, Faulty, Platform, applied, apply, assert_all_done, pass, queued, runner, update,
};

/// What kind of batch of the runner this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ingest,
    Turn,
    Marks,
}

fn which(batch: &Batch) -> Kind {
    let appends = batch.writes.iter().any(|write| match write {
        Write::Queue(write) => write.key.name() == &INBOX && !write.append.is_empty(),
        Write::Log(_) => false,
    });
    let removes = batch.writes.iter().any(|write| match write {
        Write::Queue(write) => write.remove.iter().any(|removal| matches!(removal.which, Which::Expected(_))),
        Write::Log(_) => false,
    });
    match (appends, removes) {
        (true, _) => Kind::Ingest,
        (_, true) => Kind::Turn,
        _ => Kind::Marks,
    }
}

/// Runs an update that applies itself and makes a call, with a fault at the first two batches of a kind.
async fn with_fault(at: Kind, fate: Fate) -> (Arc<dyn Storage>, Diary) {
    let nth = AtomicUsize::new(0);
    let faulty = Faulty::new(Memory::new(), move |batch| {
        let faulty = which(batch) == at && nth.fetch_add(1, Ordering::Relaxed) < 2;
        if faulty { fate } else { Fate::default() }
    });
    let storage: Arc<dyn Storage> = faulty;
    let sent = Diary::default();
    let note = sent.clone();
    let platform = Platform::new(move |call| {
        note.note(&call.conversation, String::from_utf8_lossy(&call.body));
        async { Ok(String::new()) }
    });
    let run = |turn: Turn, text: String| async move {
        apply(&turn, &text).await?;
        turn.call(text.into())?;
        Ok(())
    };
    let handle = runner(&storage, Options::default(), run).sender("test", platform).start().await.unwrap();
    for n in 0..3 {
        handle.intake().submit(update("a", n, &n.to_string())).await.unwrap();
        if n == 0 {
            pass(1_000).await;
            assert_eq!(applied(&storage, "a").await, ["0"], "without waiting for another update");
        }
    }
    pass(10_000).await;
    assert_eq!((handle.size(), handle.calls()), (0, 0));
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    (storage, sent)
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_is_refused_is_tried_again() {
    for at in [Kind::Ingest, Kind::Turn, Kind::Marks] {
        let (storage, sent) = with_fault(at, Fate { refused: true, ..Fate::default() }).await;
        assert_eq!(applied(&storage, "a").await, ["0", "1", "2"], "{at:?}");
        assert_eq!(sent.of("a"), ["0", "1", "2"], "{at:?}");
        assert_all_done(&storage).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_answer_is_lost_counts_once_and_its_calls_are_made() {
    for at in [Kind::Ingest, Kind::Turn, Kind::Marks] {
        let (storage, sent) = with_fault(at, Fate { lost: true, ..Fate::default() }).await;
        assert_eq!(applied(&storage, "a").await, ["0", "1", "2"], "{at:?}");
        assert_eq!(sent.of("a"), ["0", "1", "2"], "{at:?}");
        assert_all_done(&storage).await;
    }
}

#[tokio::test(start_paused = true)]
async fn random_faults_at_every_commit_lose_nothing_and_count_nothing_twice() {
    for seed in 0..20 {
        let rng = parking_lot::Mutex::new(fastrand::Rng::with_seed(seed));
        let faulty = Faulty::new(Memory::new(), move |_| {
            let mut rng = rng.lock();
            let mut wait = || Duration::from_millis(rng.u64(0..3));
            let (before, after) = (wait(), wait());
            Fate { before, after, refused: rng.u8(0..5) == 0, lost: rng.u8(0..5) == 0, hangs: false }
        });
        let storage: Arc<dyn Storage> = faulty;
        let calls = Diary::default();
        let note = calls.clone();
        let platform = Platform::new(move |call| {
            note.note(&call.conversation, String::from_utf8_lossy(&call.body));
            async { Ok(String::new()) }
        });
        let run = |turn: Turn, text: String| async move {
            apply(&turn, &text).await?;
            turn.call(text.clone().into())?;
            anyhow::ensure!(turn.about().attempt > 1 || !text.ends_with('3'), "the first try fails");
            Ok(())
        };
        let options = Options { backoff: Duration::from_millis(5), ..Options::default() };
        let handle = runner(&storage, options, run).sender("test", platform).start().await.unwrap();
        let updates = (0..100).map(|n| update(&(n % 7).to_string(), n, &n.to_string()));
        for updates in updates.collect::<Vec<_>>().chunks(9) {
            handle.intake().submit_all(updates.to_vec()).await.unwrap();
        }
        while handle.size() > 0 || handle.calls() > 0 {
            pass(10).await;
        }
        for chat in 0..7 {
            let expected: Vec<String> = (0..100).filter(|n| n % 7 == chat).map(|n| n.to_string()).collect();
            assert_eq!(applied(&storage, &chat.to_string()).await, expected, "seed {seed}");
            assert_eq!(calls.of(&chat.to_string()), expected, "seed {seed}");
        }
        assert_eq!(handle.shutdown(Duration::from_secs(10)).await, []);
        assert_eq!(queued(&storage, OUTBOX).await, 0, "marks are left after a shutdown, seed {seed}");
    }
}
