//! The row statements of a step's checkpoint on SQLite, in a bare loop: no runtime, no actions, no promises to keep.
//!
//! The tables are those of `tertulia-sqlite`. A step appends its checkpoint to the log of its run; a step of a chat
//! appends its message to a log of its own besides. A log's head is written once in a transaction, which holds a
//! step of as many runs as the case has under way.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use measure::{Report, Run, Stopwatch};
use rusqlite::{CachedStatement, Connection, Transaction, TransactionBehavior, params};

use crate::payload::Payload;
use crate::sqlite::{configure, shard};

/// A slow disk gets fewer steps.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of a message.
const MESSAGE_BYTES: usize = 500;
/// Logs of one run: its checkpoints, and its messages.
const LOGS: u64 = 2;

const SCHEMA: &str = "
    CREATE TABLE logs (
        id INTEGER PRIMARY KEY, shard INTEGER NOT NULL, conversation TEXT NOT NULL, name TEXT NOT NULL,
        version INTEGER NOT NULL, commit_id INTEGER NOT NULL, incarnation INTEGER NOT NULL,
        base_version INTEGER NOT NULL, base_len INTEGER NOT NULL, first INTEGER NOT NULL, next INTEGER NOT NULL,
        entry_bytes INTEGER NOT NULL, deadline INTEGER, base BLOB, UNIQUE (shard, conversation, name)) STRICT;
    CREATE INDEX logs_by_deadline ON logs (deadline) WHERE deadline IS NOT NULL;
    CREATE TABLE entries (
        log INTEGER NOT NULL, offset INTEGER NOT NULL, bytes BLOB NOT NULL,
        PRIMARY KEY (log, offset)) STRICT, WITHOUT ROWID;
";

/// What is written of a log's head with each change.
#[derive(Clone, Copy, Default)]
struct Head {
    next: u64,
    bytes: u64,
    dirty: bool,
}

/// Counts each run's steps in its log and checks the sum in the database.
pub(crate) fn count(run: &Run) -> anyhow::Result<Report> {
    let dir = run.dir.as_deref().context("--dir is missing: it is the folder for the database")?;
    let mut db = open(&dir.join("bare.db"))?;
    let chat = run.case.starts_with("graph-chat");
    let payload = Payload::new();
    let mut heads = vec![Head::default(); (run.chats * LOGS) as usize];
    make_logs(&db, run.chats, chat)?;

    let (started, stopwatch) = (Instant::now(), Stopwatch::start());
    let (group, mut made) = (run.slots as u64, run.clone());
    for first in (0..run.updates).step_by(run.slots) {
        if !chat && started.elapsed() > PATIENCE {
            made.updates = first;
            break;
        }
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut rows = Rows::prepare(&transaction)?;
        let steps = first..run.updates.min(first + group);
        for step in steps.clone() {
            let log = run.chat(step) * LOGS;
            let count = heads[log as usize].next + 1;
            rows.append(log, &mut heads, &payload.checkpoint(step, count))?;
            if chat {
                rows.append(log + 1, &mut heads, payload.cut(step + 1, MESSAGE_BYTES))?;
            }
        }
        for step in steps {
            for log in [run.chat(step) * LOGS, run.chat(step) * LOGS + 1] {
                rows.flush(log, &mut heads)?;
            }
        }
        drop(rows);
        transaction.commit()?;
    }
    let taken = stopwatch.stop();

    let sum = counted(&db, run.chats)?;
    db.close().map_err(|(_, error)| error).context("cannot close the database")?;
    let file_mb = std::fs::metadata(dir.join("bare.db"))?.len() as f64 / 1e6;
    let report = Report::new("bare-checkpoints", &made, taken, sum).written(taken);
    let report = report.with("made", made.updates).asked(run.updates);
    Ok(if chat { report.with("file_mb", file_mb) } else { report })
}

fn open(path: &Path) -> anyhow::Result<Connection> {
    let db = Connection::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    configure(&db)?;
    db.execute_batch(SCHEMA)?;
    Ok(db)
}

/// The rows of the logs' heads, which are there before the first step.
fn make_logs(db: &Connection, runs: u64, chat: bool) -> anyhow::Result<()> {
    let mut insert =
        db.prepare("INSERT INTO logs VALUES (?1, ?2, ?3, ?4, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL)")?;
    for run in 0..runs {
        let conversation = format!("run:bench-{run}");
        insert.execute(params![run * LOGS, shard(run), conversation, format!("run/bench-{run}")])?;
        if chat {
            let name = format!("run/bench-{run}/log/1");
            insert.execute(params![run * LOGS + 1, shard(run), conversation, name])?;
        }
    }
    Ok(())
}

/// The prepared statements of one transaction.
struct Rows<'a> {
    entry: CachedStatement<'a>,
    head: CachedStatement<'a>,
}

impl<'a> Rows<'a> {
    fn prepare(transaction: &'a Transaction<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            entry: transaction
                .prepare_cached("INSERT INTO entries (log, offset, bytes) VALUES (?1, ?2, ?3)")?,
            head: transaction.prepare_cached(
                "UPDATE logs SET version = ?2, commit_id = ?3, first = ?4, next = ?5, entry_bytes = ?6
                 WHERE id = ?1",
            )?,
        })
    }

    fn append(&mut self, log: u64, heads: &mut [Head], bytes: &[u8]) -> rusqlite::Result<()> {
        let head = &mut heads[log as usize];
        self.entry.execute(params![log, head.next, bytes])?;
        *head = Head { next: head.next + 1, bytes: head.bytes + bytes.len() as u64, dirty: true };
        Ok(())
    }

    /// Writes a head that has changed.
    fn flush(&mut self, log: u64, heads: &mut [Head]) -> rusqlite::Result<()> {
        let head = &mut heads[log as usize];
        if std::mem::take(&mut head.dirty) {
            // Any number that differs: a commit's id.
            let commit = head.next.wrapping_mul(0x9E37_79B9_7F4A_7C15).cast_signed();
            self.head.execute(params![log, head.next, commit, 0, head.next, head.bytes])?;
        }
        Ok(())
    }
}

/// The sum of the counts in the last checkpoint of each run.
fn counted(db: &Connection, runs: u64) -> anyhow::Result<u64> {
    let mut sum = 0;
    let mut last = db.prepare("SELECT bytes FROM entries WHERE log = ?1 ORDER BY offset DESC LIMIT 1")?;
    for run in 0..runs {
        let bytes: Vec<u8> = last.query_row([run * LOGS], |row| row.get(0))?;
        let count = bytes.first_chunk().context("a checkpoint has no count")?;
        sum += u64::from_le_bytes(*count);
    }
    ensure!(sum > 0, "no step was counted");
    Ok(sum)
}
