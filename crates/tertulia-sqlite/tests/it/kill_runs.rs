//! A process that steps a run of a graph is killed again and again: no step that returned is missing where steps wait for
//! their checkpoints, no more than may be queued where they do not, and there is never a hole.

use std::path::Path;

use tertulia::Clock;
use tertulia::graph::{Inputs, Options, Run, Runs};
use tertulia::session::WriteMode;
use tertulia_sqlite::Sqlite;
use tertulia_testkit::Played;
use tertulia_testkit::graphs::{Diary, diary};

use crate::rig::{Process, database, run, say};

/// How many steps a process runs, if it is not killed before.
const STEPS: u64 = 1_000;

/// How many may be queued where steps do not wait.
const QUEUED: u64 = 64;

/// The text of a page, of a length of its own, so that snapshots are met.
fn text(page: u64) -> String {
    "x".repeat(usize::try_from(page * 7_919 % 900).unwrap())
}

async fn runs(path: &Path, mode: WriteMode) -> (Sqlite, Runs<Diary>) {
    let storage = Sqlite::open(path).await.unwrap();
    let max_queued = Some(usize::try_from(QUEUED).unwrap());
    let options = Options { mode, max_queued, log_tail: 1 << 20, ..Options::default() };
    (storage.clone(), Runs::with(&diary().await, storage, Clock::system(), options))
}

async fn step(run: &Run<Diary>) -> u64 {
    let page = run.state().await.unwrap().pages + 1;
    run.step(Inputs::new().with("text", text(page))).await.unwrap().unwrap().seq
}

/// Kills processes that run this test, and looks what they left: as many as `TERTULIA_FUZZ_ROUNDS` says, or a few.
fn killed(test: &'static str, may_be_lost: u64) {
    let played = Played::new(484, 3);
    let mut random = fastrand::Rng::with_seed(played.seed);
    for round in 0..played.rounds {
        let heard = random.usize(1..600);
        run(move || async move {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.db");
            let mut process = Process::start(test, &path);
            let mut said: Vec<String> = (0..heard).map(|_| process.hear()).collect();
            said.extend(process.kill());
            let returned: u64 = said.last().unwrap().parse().unwrap();
            let stored = check(&path).await;
            assert!(
                stored + may_be_lost > returned,
                "round {round}: {stored} are stored, step {returned} returned"
            );
        });
    }
}

/// Every checkpoint is there and loads, and the next process goes on. Gives how many there are.
async fn check(path: &Path) -> u64 {
    let (storage, runs) = runs(path, WriteMode::Transactional).await;
    let history = runs.history("killed", None, usize::MAX).await.unwrap();
    let seqs: Vec<u64> = history.iter().rev().map(|checkpoint| checkpoint.seq).collect();
    let stored = seqs.len() as u64;
    assert_eq!(seqs, (0..stored).collect::<Vec<_>>(), "a hole");
    for seq in seqs {
        let state: Diary = runs.state_at("killed", seq).await.unwrap();
        assert_eq!(state, Diary::of(seq + 1, &text(seq + 1)), "checkpoint {seq}");
    }
    let run = runs.open("killed").await.unwrap().unwrap();
    assert_eq!(step(&run).await, stored);
    assert_eq!(*run.state().await.unwrap(), Diary::of(stored + 1, &text(stored + 1)));
    storage.close().await;
    stored
}

#[test]
fn a_kill_takes_no_step_that_returned() {
    killed("kill_runs::step_and_wait", 0);
}

#[test]
fn a_kill_takes_a_suffix_of_the_steps_that_did_not_wait() {
    killed("kill_runs::step_without_waiting", QUEUED);
}

#[test]
#[ignore = "run by `a_kill_takes_no_step_that_returned`"]
fn step_and_wait() {
    step_until_killed(WriteMode::Transactional);
}

#[test]
#[ignore = "run by `a_kill_takes_a_suffix_of_the_steps_that_did_not_wait`"]
fn step_without_waiting() {
    step_until_killed(WriteMode::FIRE_AND_FORGET);
}

fn step_until_killed(mode: WriteMode) {
    let Some(path) = database() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (_storage, runs) = runs(path.as_ref(), mode).await;
        let run = runs.create("killed", Diary::default()).await.unwrap();
        for _ in 0..STEPS {
            say(&step(&run).await.to_string());
        }
        std::future::pending::<()>().await;
    });
}
