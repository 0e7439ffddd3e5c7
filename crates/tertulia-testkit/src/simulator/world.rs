//! What all parts of a simulation share: the plan, the storage, the platform, the processes, and what went wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastrand::Rng;
use parking_lot::Mutex;
use tertulia::runner::{INBOX, Intake, OUTBOX};
use tertulia::storage::{Appended, Batch, Committed, Offset, Page, Read, Storage, Write};
use tertulia::{Conversation, Key, Name, Result};

use super::disk::Disk;
use super::figures::{Counters, Figures};
use super::ledger::{EVENTS, Ledger};
use super::life::Life;
use super::link::Link;
use super::plan::{Plan, Rates};
use super::platform::Platform;
use super::real::Real;
use super::sabotage::Sabotage;
use super::trace::Trace;

/// The world of one seed.
#[derive(Debug)]
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) trace: Trace,
    pub(super) disk: Disk,
    /// What is written to instead of the disk, where the story is played over a real server.
    pub(super) real: Option<Real>,
    pub(super) ledger: Mutex<Ledger>,
    pub(super) platform: Platform,
    /// Every process that was started, by its number.
    lives: Mutex<Vec<Arc<Life>>>,
    /// The processes that clients can reach.
    doors: Mutex<Vec<(Arc<Life>, Intake)>>,
    /// Nothing fails any more.
    healed: AtomicBool,
    /// Two processes were alive at once, or a batch of a dead one arrived in another's life: calls may be made by
    /// both, in no order.
    overlapped: AtomicBool,
    violations: Mutex<Vec<String>>,
    /// How often the handler of an update ran.
    ran: Mutex<BTreeMap<usize, usize>>,
    /// Entries that are not seen before a moment, where that is the bug.
    hidden: Mutex<BTreeMap<(Key, Offset), Duration>>,
    pub(super) counters: Counters,
}

impl World {
    pub(super) fn new(plan: Plan, is_traced: bool, real: Option<Real>) -> Arc<Self> {
        let world = Self {
            trace: Trace::new(is_traced),
            disk: Disk::new(plan.seed, plan.sabotage),
            real,
            ledger: Mutex::default(),
            platform: Platform::default(),
            lives: Mutex::default(),
            doors: Mutex::default(),
            healed: AtomicBool::new(false),
            overlapped: AtomicBool::new(false),
            violations: Mutex::default(),
            ran: Mutex::default(),
            hidden: Mutex::default(),
            counters: Counters::default(),
            plan,
        };
        world.trace.note(|| format!("{:#?}", world.plan));
        Arc::new(world)
    }

    /// Random numbers for a part of the world, so that one part does not move those of another.
    pub(super) fn rng(&self, part: u64) -> Rng {
        Rng::with_seed(self.plan.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ part)
    }

    /// Starts something that is no part of a process.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        // It ends with the seed's runtime.
        drop(tokio::spawn(task));
    }

    /// Something happened that must not.
    pub(super) fn violation(&self, text: impl FnOnce() -> String) {
        let text = text();
        self.trace.note(|| format!("VIOLATION: {text}"));
        self.violations.lock().push(format!("{text}, at {:.3} s", self.trace.now().as_secs_f64()));
    }

    pub(super) fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut *self.violations.lock())
    }

    /// How often things fail now.
    pub(super) fn rates(&self) -> Rates {
        if !self.is_healed() {
            return self.plan.rates;
        }
        let Rates { way, sync, pace, .. } = self.plan.rates;
        Rates {
            refused: 0,
            request_lost: 0,
            answer_lost: 0,
            late: 0,
            way,
            sync,
            platform: 0,
            doubled: 0,
            pace,
        }
    }

    pub(super) fn heal(&self) {
        self.trace.note(|| "from here on nothing fails".into());
        self.healed.store(true, Ordering::Relaxed);
        match &self.real {
            Some(real) => real.heal(),
            None => self.disk.restart(),
        }
    }

    pub(super) fn is_healed(&self) -> bool {
        self.healed.load(Ordering::Relaxed)
    }

    /// Whether the storage cannot be reached.
    pub(super) fn is_away(&self) -> bool {
        let now = self.trace.now();
        let is_out = |(from, length): &(Duration, Duration)| *from <= now && now < *from + *length;
        self.disk.is_down() || !self.is_healed() && self.plan.outages.iter().any(is_out)
    }

    /// A process's own way to the storage.
    pub(super) async fn way(self: &Arc<Self>, life: &Arc<Life>) -> Result<Arc<dyn Storage>> {
        match &self.real {
            Some(real) => real.way(self, life).await,
            None => Ok(Arc::new(Link::new(Arc::clone(self), Arc::clone(life)))),
        }
    }

    /// What is stored, for who looks at it from outside.
    pub(super) fn stored(&self) -> Arc<dyn Storage> {
        match &self.real {
            Some(real) => real.outside(),
            None => Arc::new(self.disk.memory()),
        }
    }

    /// How much happened so far.
    pub(super) fn figures(&self) -> Figures {
        let cuts = self.real.as_ref().map_or(0, Real::cuts);
        Figures { cuts, ..self.counters.read(self.plan.updates.len(), self.trace.now()) }
    }

    /// A process begins.
    pub(super) fn born(&self) -> Arc<Life> {
        let mut lives = self.lives.lock();
        if lives.iter().any(|life| !life.is_dead()) {
            self.overlap();
        }
        let life = Arc::new(Life::new(lives.len(), self.trace.now()));
        lives.push(Arc::clone(&life));
        self.trace.note(|| format!("p{}: starts", life.number));
        life
    }

    /// From here on nothing is promised of the order of calls.
    pub(super) fn overlap(&self) {
        self.overlapped.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_overlapped(&self) -> bool {
        self.overlapped.load(Ordering::Relaxed)
    }

    /// A process dies, as by `kill -9`.
    pub(super) async fn kill(&self, life: &Life) {
        if life.is_dead() {
            return;
        }
        self.trace.note(|| format!("p{}: dies", life.number));
        Counters::add(&self.counters.crashes);
        life.die();
        self.doors.lock().retain(|(life, _)| !life.is_dead());
        if self.plan.is_embedded {
            self.disk.cut(self, false).await;
        }
    }

    /// Every process that is alive dies.
    pub(super) async fn kill_all(&self) {
        let lives = self.lives.lock().clone();
        for life in lives {
            self.kill(&life).await;
        }
    }

    /// A process takes updates from clients.
    pub(super) fn opens(&self, life: &Arc<Life>, intake: Intake) {
        self.doors.lock().push((Arc::clone(life), intake));
    }

    /// A process that takes updates, if there is one.
    pub(super) fn door(&self, rng: &mut Rng) -> Option<(Arc<Life>, Intake)> {
        rng.choice(&*self.doors.lock()).cloned()
    }

    /// A handler begins; gives how often this update's began before.
    pub(super) fn runs(&self, life: &Life, number: usize, attempt: u16) -> usize {
        Counters::add(&self.counters.runs);
        let run = {
            let mut ran = self.ran.lock();
            let ran = ran.entry(number).or_default();
            *ran += 1;
            *ran - 1
        };
        self.trace.note(|| format!("p{}: runs {number}, try {attempt}, run {run}", life.number));
        run
    }

    /// The storage has applied a batch, or refused it.
    pub(super) fn applied(&self, life: usize, batch: &Batch, answered: &Result<Committed>) {
        Counters::add(&self.counters.commits);
        let say = |write: &Write| match write {
            Write::Log(write) => format!("{}+{}", write.key, write.append.len()),
            Write::Queue(write) => {
                let (append, replace) = (write.append.len(), write.replace.len());
                let remove: Vec<_> = write.remove.iter().map(|removal| removal.offset.0).collect();
                format!("{}+{append}~{replace}-{remove:?}", write.key)
            }
        };
        self.trace.note(|| {
            let writes: Vec<_> = batch.writes.iter().map(say).collect();
            let outcome = match answered {
                Ok(committed) => format!("applied, {:?}", committed.appended),
                Err(error) => error.to_string(),
            };
            format!("disk: {} of p{life}: {}: {outcome}", batch.id, writes.join(" "))
        });
        let Ok(committed) = answered else {
            Counters::add(&self.counters.conflicts);
            return;
        };
        let is_ghost = {
            let lives = self.lives.lock();
            lives[life].is_dead() && lives.iter().any(|other| !other.is_dead() && other.number > life)
        };
        if is_ghost {
            Counters::add(&self.counters.ghosts);
            self.overlap();
        }
        if self.plan.sabotage == Sabotage::SkippingReader {
            self.hide_some(batch, committed);
        }
    }

    /// A process was told what became of its batch.
    pub(super) fn answered(&self, life: &Life, answer: &Result<Committed>) {
        if let Err(error) = answer {
            Counters::add(&self.counters.lost);
            self.trace.note(|| format!("p{}: is told: {}: {error}", life.number, error.kind()));
        }
    }

    fn hide_some(&self, batch: &Batch, committed: &Committed) {
        let mut appended = committed.appended.iter();
        for write in &batch.writes {
            let Write::Queue(write) = write else { continue };
            for appended in appended.by_ref().take(write.append.len()) {
                if let Appended::At(offset) = appended
                    && *write.key.name() == INBOX
                    && offset.0 % 2 == 0
                {
                    let until = self.trace.now() + Duration::from_millis(60);
                    self.hidden.lock().insert((write.key.clone(), *offset), until);
                }
            }
        }
    }

    /// Takes out of what was read what is not to be seen yet.
    pub(super) fn hide(&self, reads: &[Read], pages: &mut [Result<Option<Page>>]) {
        if self.plan.sabotage != Sabotage::SkippingReader {
            return;
        }
        let (now, hidden) = (self.trace.now(), self.hidden.lock());
        for (read, page) in reads.iter().zip(pages) {
            if let Ok(Some(Page::Queue(page))) = page {
                let is_seen =
                    |offset| hidden.get(&(read.key.clone(), offset)).is_none_or(|until| *until <= now);
                page.entries.retain(|entry| is_seen(entry.offset));
            }
        }
    }

    /// All conversations in which somebody writes.
    pub(super) fn conversations(&self) -> BTreeSet<Conversation> {
        self.plan.updates.iter().map(|update| update.conversation.clone()).collect()
    }

    /// How many entries are in the queues of this name.
    pub(super) async fn queued(&self, name: &Name) -> u64 {
        let shards: BTreeSet<_> = self.conversations().iter().map(Conversation::shard).collect();
        let reads: Vec<_> = shards.iter().map(|shard| Read::head(Key::Queue(*shard, name.clone()))).collect();
        let pages = self.stored().read(&reads).await.unwrap_or_default();
        let heads = pages.into_iter().filter_map(|page| page.ok()?.and_then(|page| page.head().queue()));
        heads.map(|head| head.count).sum()
    }

    /// Whether every update was taken in and has left the inbox, and the outbox too if that is asked for.
    pub(super) async fn is_done(&self, with_calls: bool) -> bool {
        self.platform.is_all_taken(self)
            && self.queued(&INBOX).await == 0
            && (!with_calls || self.queued(&OUTBOX).await == 0)
    }
}

/// The log of a conversation to which each turn adds its update.
pub(super) fn events(conversation: &Conversation) -> Key {
    Key::Log(conversation.clone(), Name::from_static(EVENTS))
}
