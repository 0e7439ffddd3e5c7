//! The thread that writes: it takes what is queued, decides and writes it in one transaction, then answers.

mod apply;
mod cache;
mod statements;
mod store;
mod sweep;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use tertulia::error::Kind;
use tertulia::storage::{Change, Committed, Decision, Limits, decide};
use tertulia::{Error, Result, Timestamp};

use self::store::Store;
use crate::SqliteOptions;
use crate::answer::{Answer, Answers};
use crate::error::{failed, is_full};
use crate::handoff::{Job, Taken};
use crate::lock::Lock;
use crate::schema::OFFSET_BITS;
use crate::sqlite::Shared;

/// Frames in the write-ahead log at which they are copied into the database.
const CHECKPOINT: u32 = 4_000;
/// Frames at which the writer waits for the readers, so that the log can begin anew.
const RESTART: u32 = 40_000;
/// How long the thread sleeps before it looks for something to sweep.
const IDLE: Duration = Duration::from_secs(1);
/// How long answers may be on their way while the thread sleeps.
const OVERDUE: Duration = Duration::from_millis(10);
/// Under load, a sweep step rides on every so manieth group.
const SWEEP_EVERY: u32 = 32;

/// The whole of the writer thread: tells through `ready` whether it could begin, then runs until the last handle
/// is gone and everything queued is answered. The connection is closed before the lock is released.
pub(crate) fn run(
    _lock: Arc<Lock>,
    mut connection: Connection,
    options: &SqliteOptions,
    shared: Arc<Shared>,
    ready: &Sender<Result<()>>,
) {
    let writer = Writer::new(&mut connection, options, shared);
    let (writer, begun) = match writer {
        Ok(writer) => (Some(writer), Ok(())),
        Err(error) => (None, Err(error)),
    };
    // It fails only if the opener is gone, and then the handoff is closed.
    let _ = ready.send(begun);
    if let Some(writer) = writer {
        writer.run();
    }
}

/// The writer thread's state. The thread ends when the handoff is closed and empty.
#[derive(Debug)]
struct Writer<'c> {
    store: Store<'c>,
    shared: Arc<Shared>,
    answers: Answers,
    limits: Limits,
    /// Frames in the write-ahead log after the last commit, told by SQLite.
    frames: Arc<AtomicU32>,
    /// Frames at which the next checkpoint is due.
    checkpoint_at: u32,
    /// Why no more commits are taken.
    stopped: Option<String>,
    groups: u32,
    swept: Timestamp,
    /// The last sweep left something to do.
    more: bool,
}

/// Why a group was not written.
struct Failure {
    error: Error,
    /// What the file holds is no longer certain.
    fatal: bool,
    /// There was no room, and freeing some may help.
    full: bool,
}

impl<'c> Writer<'c> {
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    fn new(connection: &'c mut Connection, options: &SqliteOptions, shared: Arc<Shared>) -> Result<Self> {
        let frames = Arc::new(AtomicU32::new(0));
        let counted = frames.clone();
        // In the place of SQLite's own automatic checkpoint, which swallows errors.
        let count = move |_: &mut rusqlite::hooks::Wal, pages: std::ffi::c_int| {
            counted.store(pages.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        };
        connection
            .wal_hook(Some(count))
            .map_err(|cause| failed("cannot watch the write-ahead log", cause))?;
        let store = Store::new(connection, options.heads)?;
        Ok(Self {
            store,
            shared,
            answers: Answers::default(),
            limits: options.limits,
            frames,
            checkpoint_at: CHECKPOINT,
            stopped: None,
            groups: 0,
            swept: Timestamp(0),
            more: false,
        })
    }

    fn run(mut self) {
        let abandon = AbandonOnDrop(self.shared.clone());
        let mut group = Vec::new();
        loop {
            let idle = if self.answers.are_under_way() { OVERDUE } else { IDLE };
            let patience = if self.more { Duration::ZERO } else { idle };
            match abandon.0.handoff.take(&mut group, patience) {
                Taken::Group => self.write(&mut group),
                Taken::Nothing => {
                    self.answers.bring();
                    self.sweep_alone();
                }
                Taken::Closed => break,
            }
        }
        if self.stopped.is_none() {
            self.checkpoint("PRAGMA wal_checkpoint(TRUNCATE)");
        }
    }

    fn write(&mut self, group: &mut Vec<Job>) {
        let mut answers = Vec::with_capacity(group.len());
        let room: Vec<usize> = group.iter().map(|job| job.bytes).collect();
        match self.transaction(group, &mut answers) {
            Ok(()) => {
                self.answers.send(answers.into_iter());
                for (key, _) in self.store.dirty.drain(..) {
                    self.shared.hub.wake(&key);
                }
                // What was deleted is freed at the next idle moment.
                self.more |= std::mem::take(&mut self.store.dropped);
                self.store.age();
                self.checkpoint_if_due();
            }
            Err(failure) => {
                self.take_back();
                if failure.fatal {
                    self.stop(&failure.error);
                }
                let error = &failure.error;
                let callers = answers.into_iter().map(|(caller, _)| caller);
                let callers = callers.chain(group.drain(..).map(|job| job.caller));
                let refusal = || Err(Error::new(error.kind(), error.to_string()));
                self.answers.send(callers.map(|caller| (caller, refusal())));
                if failure.full {
                    // Groups that fail carry no sweep step, and callers that try again leave no idle moment.
                    self.more = true;
                    self.sweep_alone();
                }
            }
        }
        self.shared.handoff.done(room.into_iter());
    }

    /// Decides and writes a group; the answers are true once this returns `Ok`.
    fn transaction(&mut self, group: &mut Vec<Job>, answers: &mut Vec<Answer>) -> Result<(), Failure> {
        if let Some(reason) = &self.stopped {
            return Err(Failure {
                error: Error::new(Kind::Closed, reason.clone()),
                fatal: false,
                full: false,
            });
        }
        self.begin()?;
        for job in group.drain(..) {
            let Job { batch, now, caller, .. } = job;
            self.store.now = self.store.now.max(now);
            let decided = decide(batch, &mut self.store, &self.limits).and_then(within_bounds);
            let (result, failure) = match decided {
                Ok(Decision::Conflict(conflict)) => (Err(conflict.into()), None),
                Ok(Decision::Apply(changes, committed)) => {
                    let applied = changes.into_iter().try_for_each(|change| self.store.apply(change));
                    (Ok(committed), applied.err().map(Failure::from))
                }
                Err(error) if self.store.broken => {
                    (Ok(Committed::default()), Some(Failure { error, fatal: false, full: false }))
                }
                Err(error) => (Err(error), None),
            };
            answers.push((caller, result));
            if let Some(failure) = failure {
                return Err(failure);
            }
        }
        self.store.flush()?;
        self.groups += 1;
        if self.groups >= SWEEP_EVERY || self.store.now.since(self.swept) >= IDLE {
            self.sweep()?;
        }
        self.commit()
    }

    fn begin(&mut self) -> rusqlite::Result<()> {
        self.store.statements.begin.execute(())?;
        self.store.refresh()
    }

    fn commit(&mut self) -> Result<(), Failure> {
        match self.store.statements.commit.execute(()) {
            Ok(_) => Ok(()),
            Err(cause) if is_full(&cause) => Err(cause.into()),
            // After a failed flush nobody knows what the disk has; only reading it anew tells.
            Err(cause) => {
                let text = format!("the commit may or may not have been written: {cause}");
                Err(Failure {
                    error: Error::new(Kind::Unknown, text).with_source(cause),
                    fatal: true,
                    full: false,
                })
            }
        }
    }

    /// Ends the transaction without a trace.
    fn take_back(&mut self) {
        self.store.forget();
        // SQLite has often done it by itself.
        if !self.store.connection.is_autocommit()
            && let Err(cause) = self.store.connection.execute_batch("ROLLBACK")
        {
            self.stop(&failed("cannot roll back", cause));
        }
    }

    fn stop(&mut self, error: &Error) {
        tracing::error!(%error, "the database takes no more commits");
        self.stopped
            .get_or_insert(format!("the database takes no more commits until it is opened again: {error}"));
    }

    fn sweep(&mut self) -> rusqlite::Result<()> {
        self.groups = 0;
        self.swept = self.store.now;
        self.more = self.store.sweep()?;
        Ok(())
    }

    /// A sweep step in a transaction of its own, if time went on since the last one. Time is what callers brought
    /// along: a store that nobody calls is not swept.
    fn sweep_alone(&mut self) {
        self.store.now = self.store.now.max(self.shared.latest());
        let due = self.more || self.store.now.since(self.swept) >= IDLE;
        if self.stopped.is_some() || !due {
            self.more = false;
            return;
        }
        let swept =
            self.begin().and_then(|()| self.sweep()).map_err(Failure::from).and_then(|()| self.commit());
        if let Err(failure) = swept {
            self.more = false;
            self.take_back();
            tracing::warn!(error = %failure.error, "cannot free expired rows");
            if failure.fatal {
                self.stop(&failure.error);
            }
        }
        self.checkpoint_if_due();
    }

    fn checkpoint_if_due(&mut self) {
        let frames = self.frames.load(Ordering::Relaxed);
        if frames < self.checkpoint_at {
            if frames < CHECKPOINT {
                self.checkpoint_at = CHECKPOINT;
            }
            return;
        }
        // If readers keep the log from beginning anew, the next checkpoint is not due with the next commit.
        self.checkpoint_at = frames + CHECKPOINT;
        let wait = frames >= RESTART;
        self.checkpoint(if wait {
            "PRAGMA wal_checkpoint(RESTART)"
        } else {
            "PRAGMA wal_checkpoint(PASSIVE)"
        });
    }

    fn checkpoint(&mut self, sql: &str) {
        if let Err(cause) = self.store.connection.query_row(sql, (), |_| Ok(())) {
            let flushing = cause.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
            let error = failed("cannot copy the write-ahead log into the database", cause);
            if flushing {
                self.stop(&error);
            } else {
                tracing::warn!(%error, "a checkpoint was put off");
            }
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(cause: rusqlite::Error) -> Self {
        let full = is_full(&cause);
        Self { error: failed("cannot write", cause), fatal: false, full }
    }
}

/// Refuses what the rows cannot hold, before anything of the batch is written.
fn within_bounds(decision: Decision) -> Result<Decision> {
    if let Decision::Apply(changes, _) = &decision {
        for change in changes {
            if let Change::Queue(change) = change
                && change.head.end.0 >> OFFSET_BITS != 0
            {
                let text = format!("{} has taken all of its 2^{OFFSET_BITS} offsets", change.key);
                return Err(Error::unavailable(text));
            }
        }
    }
    Ok(decision)
}

/// Lets nobody wait for a writer that is gone, by a panic too.
struct AbandonOnDrop(Arc<Shared>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.handoff.abandon();
    }
}
