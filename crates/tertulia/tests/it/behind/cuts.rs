//! Wherever the writing stops, what is stored is what was stored after some number of batches.

use std::sync::Arc;
use std::time::Duration;

use tertulia::Clock;
use tertulia::error::Kind;
use tertulia::storage::{Behind, LogWrite, Memory, Outcome};
use tertulia_testkit::{Call, Fault, Faulty, Rates};

use super::support::{Script, after, conversation, entries, log, plain};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// A storage whose commits take up to 50 ms, now and then begin late, or lose their answers.
fn slow(memory: &Memory, seed: u64, lose_answer: u16) -> Faulty {
    let rates = Rates { delay: 900, max_delay: Duration::from_millis(50), lose_answer, ..Rates::default() };
    Faulty::seeded(Arc::new(memory.clone()), seed, rates)
}

/// The same, until each script has queued about 20 batches.
async fn queue(scripts: &mut [Script], behind: &Behind, memory: &Memory, seed: u64) -> tertulia::Result<()> {
    let mut rng = fastrand::Rng::with_seed(!seed);
    for _ in 0..rng.usize(..20 * scripts.len()) {
        let i = rng.usize(..scripts.len());
        scripts[i].push(behind, memory).await?;
        if rng.u8(..4) == 0 {
            tokio::time::sleep(Duration::from_millis(rng.u64(..60))).await;
        }
    }
    Ok(())
}

#[test]
fn a_runtime_that_ends_leaves_a_prefix() {
    let (mut cut, mut whole) = (0, 0);
    for seed in 0..600 {
        let (first, memory) = (runtime(), Memory::new());
        let (behind, scripts) = first.block_on(async {
            let storage = slow(&memory, seed, 90);
            let behind = Behind::new(Arc::new(storage), Clock::system(), 1 << 20);
            let mut scripts = ["1", "2"].map(|id| Script::new(seed, id, false));
            queue(&mut scripts, &behind, &memory, seed).await.unwrap();
            tokio::time::sleep(Duration::from_millis(fastrand::Rng::with_seed(seed).u64(..100))).await;
            (behind, scripts)
        });
        let committed = scripts.each_ref().map(Script::committed);
        drop(first);
        runtime().block_on(async {
            for (script, committed) in scripts.iter().zip(committed) {
                let stored = script.snapshot(&memory).await;
                // The one under way may have been applied.
                assert!(script.snapshots[committed..].contains(&stored), "seed {seed}: {stored:?}");
                assert_eq!(script.committed(), committed, "nothing more is told to be committed");
                let flushed = behind.flush(&script.conversation).await;
                if committed == script.pending.len() {
                    whole += 1;
                    assert!(flushed.is_ok(), "seed {seed}");
                } else {
                    cut += 1;
                    assert_eq!(flushed.unwrap_err().kind(), Kind::Unknown, "seed {seed}");
                    assert!(matches!(script.pending[committed].outcome(), Outcome::Failed(_)));
                }
            }
            // In a new runtime it goes on.
            let of = conversation("3");
            behind.push(&of, vec![plain(LogWrite::new(log(&of, "a")).append("entry"))]).await.unwrap();
            behind.flush_all().await.unwrap();
            assert_eq!(entries(&memory, &log(&of, "a")).await, ["entry"]);
        });
    }
    assert!(cut > 100 && whole > 100, "{cut} were cut, {whole} were not");
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_stops_leaves_what_was_told_to_be_committed_and_no_more() {
    let mut cut = 0;
    for seed in 0..600 {
        let memory = Memory::new();
        let storage = slow(&memory, seed, 0);
        let mut rng = fastrand::Rng::with_seed(seed);
        let kind = [Kind::Closed, Kind::Internal, Kind::Corrupt, Kind::Invalid][rng.usize(..4)];
        storage.at(Call::Commit, 1 + rng.u64(..15), Fault::Refuse(kind));
        let behind = Behind::new(Arc::new(storage), Clock::system(), 1 << 20);
        let mut scripts = [Script::new(seed, "1", true)];
        let pushed = queue(&mut scripts, &behind, &memory, seed).await;
        let flushed = behind.flush(&scripts[0].conversation).await;
        let script = &scripts[0];
        let committed = script.committed();
        assert_eq!(script.snapshot(&memory).await, script.snapshots[committed], "seed {seed}");
        let dropped = script.pending.len() - committed;
        assert_eq!(behind.stats().dropped, dropped as u64);
        let errors: Vec<_> = [pushed, flushed].into_iter().filter_map(Result::err).collect();
        assert_eq!(errors.len(), usize::from(dropped > 0), "seed {seed}: told once, {errors:?}");
        for error in errors {
            cut += 1;
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().ends_with(&format!("dropped: {dropped}")), "{error}");
        }
    }
    assert!(cut > 200, "only {cut} were cut");
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_is_written_though_nobody_has_a_handle_any_more() {
    let memory = Memory::new();
    let behind = Behind::new(Arc::new(slow(&memory, 1, 0)), Clock::system(), 1 << 20);
    let of = conversation("1");
    let write = |i: u32| LogWrite::new(log(&of, "a")).append(i.to_string());
    let mut last = behind.push(&of, vec![plain(write(0))]).await.unwrap();
    for i in 1..5 {
        last = behind.push(&of, vec![after(&last, write(i))]).await.unwrap();
    }
    drop(behind);
    assert!(matches!(last.settled().await, Outcome::Committed));
    assert_eq!(entries(&memory, &log(&of, "a")).await.concat(), "01234");
}
