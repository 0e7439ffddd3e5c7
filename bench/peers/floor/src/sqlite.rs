//! The row statements of one update on SQLite, in a bare loop: no runtime, no callers, no promises to keep.
//!
//! Updates come in groups of 256. In each transaction one group enters the inbox, the group before it is
//! applied (session written, reply put into the outbox, inbox row removed) and the replies of the group
//! before that are removed as sent. So a transaction holds every statement of 256 updates, and an update is
//! committed in the inbox before it is applied, as a runner with enough callers would do it.

use std::path::Path;

use anyhow::Context;
use measure::{Report, Run, Stopwatch};
use rusqlite::{CachedStatement, Connection, Transaction, params};

use crate::payload::{Payload, SESSION_BYTES};

/// Updates in one transaction.
const GROUP: u64 = 256;
/// Bits of the number of shards: 256 of them.
const SHARD_BITS: u32 = 8;
/// The source that all updates come from.
const SOURCE: u64 = 1;

const SCHEMA: &str = "
    CREATE TABLE inbox (
        shard INTEGER NOT NULL, offset INTEGER NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (shard, offset)) WITHOUT ROWID;
    CREATE TABLE seen (
        source INTEGER NOT NULL, id INTEGER NOT NULL, offset INTEGER NOT NULL,
        PRIMARY KEY (source, id)) WITHOUT ROWID;
    CREATE TABLE session (
        shard INTEGER NOT NULL, chat TEXT NOT NULL, version INTEGER NOT NULL, commit_id BLOB NOT NULL,
        value BLOB NOT NULL, PRIMARY KEY (shard, chat)) WITHOUT ROWID;
    CREATE TABLE outbox (
        shard INTEGER NOT NULL, offset INTEGER NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (shard, offset)) WITHOUT ROWID;
";

/// One chat as a runner that owns it would hold it in memory.
struct Chat {
    name: String,
    shard: u64,
    count: u64,
}

/// Counts each chat's updates in its session row and checks the sum in the database.
pub(crate) fn count(run: &Run) -> anyhow::Result<Report> {
    anyhow::ensure!(
        run.sleep_ms == 0,
        "bare SQLite cannot wait: --sleep-ms is {}, allowed is 0",
        run.sleep_ms
    );
    let dir = run.dir.as_deref().context("--dir is missing: it is the folder for the database")?;
    let mut db = open(&dir.join("bare.db"))?;
    let payload = Payload::new();
    let mut chats: Vec<Chat> = (0..run.chats)
        .map(|chat| Chat { name: format!("telegram:{chat}"), shard: shard(chat), count: 0 })
        .collect();

    let stopwatch = Stopwatch::start();
    let groups = run.updates.div_ceil(GROUP);
    let group = |number: u64| number * GROUP..run.updates.min((number + 1) * GROUP);
    for step in 0..groups + 2 {
        let transaction = db.transaction()?;
        let mut rows = Rows::prepare(&transaction)?;
        if step < groups {
            for update in group(step) {
                rows.receive(update, &chats[run.chat(update) as usize], payload.update(update))?;
            }
        }
        if (1..=groups).contains(&step) {
            for update in group(step - 1) {
                rows.apply(update, &mut chats[run.chat(update) as usize], &payload)?;
            }
        }
        if step >= 2 {
            for update in group(step - 2) {
                rows.sent(update, &chats[run.chat(update) as usize])?;
            }
        }
        drop(rows);
        transaction.commit()?;
    }
    let taken = stopwatch.stop();

    let sum = counted(&db)?;
    let left: u64 =
        db.query_row("SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM outbox)", [], |row| {
            row.get(0)
        })?;
    anyhow::ensure!(left == 0, "{left} rows are left in inbox and outbox, expected 0");
    Ok(Report::new("bare-sqlite", run, taken, sum).written(taken).with("sqlite", rusqlite::version()))
}

/// The shard of a chat, scattered as a hash would scatter it.
pub(crate) fn shard(chat: u64) -> u64 {
    chat.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - SHARD_BITS)
}

fn open(path: &Path) -> anyhow::Result<Connection> {
    let db = Connection::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    configure(&db)?;
    db.execute_batch(SCHEMA)?;
    Ok(db)
}

/// Has SQLite write as `tertulia-sqlite` has it.
pub(crate) fn configure(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "wal_autocheckpoint", 4000)?;
    // Everything a case touches stays in SQLite's own cache: 64 MiB.
    db.pragma_update(None, "cache_size", -65_536)
}

/// The prepared statements of one transaction.
struct Rows<'a> {
    receive: CachedStatement<'a>,
    seen: CachedStatement<'a>,
    session: CachedStatement<'a>,
    reply: CachedStatement<'a>,
    done: CachedStatement<'a>,
    sent: CachedStatement<'a>,
}

impl<'a> Rows<'a> {
    fn prepare(transaction: &'a Transaction<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            receive: transaction.prepare_cached("INSERT INTO inbox VALUES (?1, ?2, ?3)")?,
            seen: transaction.prepare_cached("INSERT INTO seen VALUES (?1, ?2, ?3)")?,
            session: transaction.prepare_cached(
                "INSERT INTO session VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET
                 version = excluded.version, commit_id = excluded.commit_id, value = excluded.value",
            )?,
            reply: transaction.prepare_cached("INSERT INTO outbox VALUES (?1, ?2, ?3)")?,
            done: transaction.prepare_cached("DELETE FROM inbox WHERE shard = ?1 AND offset = ?2")?,
            sent: transaction.prepare_cached("DELETE FROM outbox WHERE shard = ?1 AND offset = ?2")?,
        })
    }

    fn receive(&mut self, update: u64, chat: &Chat, body: &[u8]) -> rusqlite::Result<()> {
        self.receive.execute(params![chat.shard, update, body])?;
        self.seen.execute(params![SOURCE, update, update])?;
        Ok(())
    }

    fn apply(&mut self, update: u64, chat: &mut Chat, payload: &Payload) -> rusqlite::Result<()> {
        chat.count += 1;
        let value = payload.session(update, chat.count);
        let commit = payload.commit_id(update);
        self.session.execute(params![chat.shard, chat.name, chat.count, commit, value])?;
        self.reply.execute(params![chat.shard, update, payload.reply(update)])?;
        self.done.execute(params![chat.shard, update])?;
        Ok(())
    }

    fn sent(&mut self, update: u64, chat: &Chat) -> rusqlite::Result<()> {
        self.sent.execute(params![chat.shard, update])?;
        Ok(())
    }
}

/// The sum of all counters as the rows hold it.
fn counted(db: &Connection) -> anyhow::Result<u64> {
    let mut sum = 0;
    let mut statement = db.prepare("SELECT value FROM session")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let value: [u8; SESSION_BYTES] = row.get(0)?;
        sum += Payload::count_in(&value);
    }
    Ok(sum)
}
