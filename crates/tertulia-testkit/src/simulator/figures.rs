//! How much happened, so that it is known that something did.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How much happened in one seed or in many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Seeds.
    pub seeds: u64,
    /// Updates that people wrote.
    pub updates: u64,
    /// Runs of handlers.
    pub runs: u64,
    /// Batches that reached the storage.
    pub commits: u64,
    /// Batches that it refused.
    pub conflicts: u64,
    /// Answers to batches that were errors.
    pub errors: u64,
    /// Ends of processes.
    pub ends: u64,
    /// Batches of a process that was dead, in the life of another.
    pub ghosts: u64,
    /// Calls that were made again.
    pub repeats: u64,
    /// Live replies that were shown on the platform.
    pub lives: u64,
    /// Messages of theirs that nobody knew of: the answer was lost, or the process, before their id was noted.
    pub left_behind: u64,
    /// Connections to a real server that were cut at a commit or a byte.
    pub cuts: u64,
    /// Seconds of virtual time, or of real time.
    pub seconds: u64,
}

impl std::ops::AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.updates += other.updates;
        self.runs += other.runs;
        self.commits += other.commits;
        self.conflicts += other.conflicts;
        self.errors += other.errors;
        self.ends += other.ends;
        self.ghosts += other.ghosts;
        self.repeats += other.repeats;
        self.lives += other.lives;
        self.left_behind += other.left_behind;
        self.cuts += other.cuts;
        self.seconds += other.seconds;
    }
}

/// Counts while a seed is played.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) commits: AtomicU64,
    pub(super) conflicts: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) runs: AtomicU64,
    pub(super) crashes: AtomicU64,
    pub(super) ghosts: AtomicU64,
    pub(super) repeats: AtomicU64,
    pub(super) lives: AtomicU64,
    pub(super) left_behind: AtomicU64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self, updates: usize, time: Duration) -> Figures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Figures {
            seeds: 1,
            updates: updates as u64,
            runs: read(&self.runs),
            commits: read(&self.commits),
            conflicts: read(&self.conflicts),
            errors: read(&self.lost),
            ends: read(&self.crashes),
            ghosts: read(&self.ghosts),
            repeats: read(&self.repeats),
            lives: read(&self.lives),
            left_behind: read(&self.left_behind),
            cuts: 0,
            seconds: time.as_secs(),
        }
    }
}
