//! The storage itself: a memory storage behind a writer that groups batches and syncs them, and a power that fails.
//!
//! A batch is seen and answered when it is synced, not before. When the power fails in the middle of a group, a part
//! of it may have reached the disk, from its first batch on; nobody is told.

use std::collections::VecDeque;
use std::time::Duration;

use fastrand::Rng;
use parking_lot::Mutex;
use tertulia::storage::{Batch, Committed, Expect, Head, Limits, Memory, Read, Storage, Write};
use tertulia::{Clock, Error, Result, Timestamp};
use tokio::sync::{Notify, oneshot};

use super::ledger::Ledger;
use super::sabotage::Sabotage;
use super::world::World;

/// The most batches of a group.
const GROUP: usize = 8;
/// How many of the last batches a storage that loses some may lose.
const TAIL: usize = 6;

/// A batch on its way, and who waits for it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) batch: Batch,
    pub(super) answer: oneshot::Sender<Result<Committed>>,
    /// The process that sent it.
    pub(super) life: usize,
}

/// The storage that all processes share.
#[derive(Debug)]
pub(super) struct Disk {
    clock: Clock,
    rng: Mutex<Rng>,
    memory: Mutex<Memory>,
    waiting: Mutex<VecDeque<Request>>,
    /// The group that is being synced.
    syncing: Mutex<VecDeque<Request>>,
    came: Notify,
    /// Woken when what was there is not there any more.
    pub(super) replaced: Notify,
    is_down: Mutex<bool>,
    /// Every batch that was applied, where some may be lost again.
    journal: Mutex<Option<Vec<Batch>>>,
}

impl Disk {
    pub(super) fn new(seed: u64, sabotage: Sabotage) -> Self {
        let clock = Clock::starting_at(Timestamp(1_700_000_000_000), seed);
        Self {
            rng: Mutex::new(Rng::with_seed(seed ^ 0xD15C)),
            memory: Mutex::new(memory(&clock)),
            clock,
            waiting: Mutex::default(),
            syncing: Mutex::default(),
            came: Notify::new(),
            replaced: Notify::new(),
            is_down: Mutex::default(),
            journal: Mutex::new(sabotage.loses().then(Vec::new)),
        }
    }

    /// What is durable now.
    pub(super) fn memory(&self) -> Memory {
        self.memory.lock().clone()
    }

    pub(super) fn is_down(&self) -> bool {
        *self.is_down.lock()
    }

    /// Takes a batch, unless the storage is down: then it is lost.
    pub(super) fn push(&self, request: Request) {
        if !self.is_down() {
            self.waiting.lock().push_back(request);
            self.came.notify_one();
        }
    }

    /// Writes what comes, group by group.
    pub(super) async fn write(&self, world: &World) {
        loop {
            while self.waiting.lock().is_empty() {
                self.came.notified().await;
            }
            let group: VecDeque<_> = {
                let mut waiting = self.waiting.lock();
                let size = waiting.len().min(GROUP);
                waiting.drain(..size).collect()
            };
            *self.syncing.lock() = group;
            if world.plan.sabotage != Sabotage::SyncOff {
                let sync = self.rng.lock().u64(..=world.plan.rates.sync);
                tokio::time::sleep(Duration::from_millis(sync)).await;
            }
            while let Some(request) = self.next() {
                self.apply(world, request, true).await;
            }
        }
    }

    fn next(&self) -> Option<Request> {
        self.syncing.lock().pop_front()
    }

    async fn apply(&self, world: &World, request: Request, is_told: bool) {
        let Request { mut batch, answer, life } = request;
        if world.plan.sabotage == Sabotage::IntegerEtag {
            self.compare_versions_alone(&mut batch).await;
        }
        let memory = self.memory();
        let answered = memory.commit(batch.clone()).await;
        if let Ok(committed) = &answered {
            world.ledger.lock().applied(&batch, committed, world.trace.now());
            if let Some(journal) = &mut *self.journal.lock() {
                journal.push(batch.clone());
            }
        }
        world.applied(life, &batch, &answered);
        if is_told {
            // Who asked may be gone.
            let _ = answer.send(answered);
        }
    }

    /// What was on its way is lost, but for a part of the group that is being synced. With `is_power`, the storage is
    /// down until it is started again.
    pub(super) async fn cut(&self, world: &World, is_power: bool) {
        if is_power {
            *self.is_down.lock() = true;
        }
        self.waiting.lock().clear();
        let group = std::mem::take(&mut *self.syncing.lock());
        let reached = self.rng.lock().usize(..=group.len());
        for request in group.into_iter().take(reached) {
            self.apply(world, request, false).await;
        }
        if is_power && self.journal.lock().is_some() {
            self.lose_tail(world).await;
        }
    }

    pub(super) fn restart(&self) {
        *self.is_down.lock() = false;
    }

    /// What was written last is not there any more, though it was acknowledged.
    async fn lose_tail(&self, world: &World) {
        let Some(mut journal) = self.journal.lock().take() else { return };
        let lost = self.rng.lock().usize(..=journal.len().min(TAIL));
        journal.truncate(journal.len() - lost);
        world.trace.note(|| format!("disk: the last {lost} batches are lost"));
        let memory = memory(&self.clock);
        let mut ledger = Ledger::default();
        for batch in &journal {
            let committed = memory.commit(batch.clone()).await.expect("it was committed before");
            ledger.applied(batch, &committed, world.trace.now());
        }
        *self.memory.lock() = memory;
        *world.ledger.lock() = ledger;
        *self.journal.lock() = Some(journal);
        self.replaced.notify_waiters();
    }

    /// Expects of a log the version that is expected, whoever made it.
    async fn compare_versions_alone(&self, batch: &mut Batch) {
        for write in &mut batch.writes {
            let Write::Log(write) = write else { continue };
            let Expect::Etag(etag) = write.expect else { continue };
            let pages = self.memory().read(&[Read::head(write.key.clone())]).await;
            let page = pages.ok().and_then(|mut pages| pages.pop()?.ok()?);
            if let Some(Head::Log(head)) = page.map(|page| page.head())
                && head.etag.version == etag.version
            {
                write.expect = Expect::Etag(head.etag);
            }
        }
    }
}

fn memory(clock: &Clock) -> Memory {
    Memory::with(clock.clone(), Limits::default(), Memory::DEFAULT_MAX_BYTES)
}

/// What a storage says that cannot be reached.
pub(super) fn away() -> Error {
    Error::unavailable("the storage is away")
}
