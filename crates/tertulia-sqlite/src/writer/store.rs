//! What the writer knows of the file: heads in memory, loaded when first asked for.

use std::collections::HashMap;

use bytes::Bytes;
use foldhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension, params};
use tertulia::storage::{CommitId, EntryHead, ItemId, LogHead, Offset, QueueHead, Revision, State};
use tertulia::{Key, Name, Result, Timestamp};

use super::cache::{Cache, Place};
use super::statements::Statements;
use crate::error::failed;
use crate::rows::{LogRow, QueueRow, forgotten};
use crate::schema::{INLINE_BASE, OFFSET_BITS};

/// How many spaces of item ids are remembered.
const SPACES: usize = 4096;

/// The connection that writes and what it has read, used by the writer thread alone. As nobody else writes to the
/// file, what is cached is what a query inside the open transaction would give, changes of earlier batches
/// included.
#[derive(Debug)]
pub(super) struct Store<'c> {
    pub(super) connection: &'c Connection,
    pub(super) statements: Statements<'c>,
    /// The time by which the batch in hand is decided.
    pub(super) now: Timestamp,
    /// `None`: there is no such row.
    pub(super) logs: Cache<Key, Option<LogSlot>>,
    pub(super) queues: Cache<Key, Option<QueueSlot>>,
    /// Entries of queues appended or looked at lately, by place: most are removed soon after.
    pub(super) items: Cache<i64, EntryHead>,
    /// By name of a queue, then by name of a space.
    spaces: HashMap<Name, HashMap<Name, Space, RandomState>, RandomState>,
    /// Keys changed in the open transaction and where their slots are: heads to write, watchers to wake.
    pub(super) dirty: Vec<(Key, Place)>,
    pub(super) next_log: i64,
    pub(super) next_queue: i64,
    /// A query failed, as opposed to a row that made no sense: the transaction is to be taken back.
    pub(super) broken: bool,
    /// Moves when somebody else wrote to the file, such as an operator with a shell.
    data_version: i64,
    /// Where the sweep of seen ids goes on.
    pub(super) swept_to: Option<super::sweep::SeenPlace>,
    /// Logs were dropped in the open transaction, whose bases and entries are yet to be freed.
    pub(super) dropped: bool,
    /// Ids appended since the last sweep.
    pub(super) appended: usize,
}

/// The head of a log in the file, and what of it is yet to be written there.
#[derive(Debug)]
pub(super) struct LogSlot {
    pub(super) row: LogRow,
    /// The row is in the file.
    pub(super) stored: bool,
    /// The base in the file has a row in `bases`.
    pub(super) base_apart: bool,
    pub(super) dirty: bool,
    pub(super) new_deadline: bool,
    pub(super) new_base: Option<Bytes>,
}

/// The head of a queue in the file, and whether it is yet to be written there.
#[derive(Debug)]
pub(super) struct QueueSlot {
    pub(super) row: QueueRow,
    pub(super) stored: bool,
    pub(super) dirty: bool,
}

#[derive(Debug)]
pub(super) struct Space {
    pub(super) id: i64,
    /// No number above it was ever appended, so that a source which counts upwards needs no look into the file.
    pub(super) highest: i64,
}

impl<'c> Store<'c> {
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    pub(super) fn new(connection: &'c Connection, heads: usize) -> Result<Self> {
        let cannot_read = |cause| failed("cannot read the database", cause);
        let mut store = Self {
            connection,
            statements: Statements::new(connection).map_err(cannot_read)?,
            now: Timestamp(0),
            logs: Cache::new(heads),
            queues: Cache::new(heads),
            items: Cache::new(heads),
            spaces: HashMap::default(),
            dirty: Vec::new(),
            next_log: 1,
            next_queue: 1,
            broken: false,
            data_version: -1,
            swept_to: None,
            dropped: false,
            appended: 0,
        };
        store.refresh().map_err(cannot_read)?;
        Ok(store)
    }

    /// Starts over if somebody else wrote to the file. Called within a transaction or before the first.
    pub(super) fn refresh(&mut self) -> rusqlite::Result<()> {
        let version = self.statements.data_version.query_row((), |row| row.get(0))?;
        if version == self.data_version {
            return Ok(());
        }
        self.forget();
        let highest = |sql| self.connection.query_row(sql, (), |row| row.get::<_, i64>(0));
        self.next_log = 1 + highest(
            "SELECT max(ifnull((SELECT max(id) FROM logs), 0), ifnull((SELECT max(log) FROM dropped), 0))",
        )?;
        self.next_queue = 1 + highest("SELECT ifnull(max(id), 0) FROM queues")?;
        self.data_version = version;
        Ok(())
    }

    /// Forgets everything that was read or changed: the transaction was taken back.
    pub(super) fn forget(&mut self) {
        self.logs.clear();
        self.queues.clear();
        self.items.clear();
        self.spaces.clear();
        self.dirty.clear();
        self.dropped = false;
        self.broken = false;
    }

    /// Keeps the caches within their bounds; between transactions only.
    pub(super) fn age(&mut self) {
        self.logs.age();
        self.queues.age();
        self.items.age();
        if self.spaces.values().map(HashMap::len).sum::<usize>() > SPACES {
            self.spaces.clear();
        }
    }

    fn log_slot(&mut self, key: &Key) -> Result<&mut Option<LogSlot>> {
        let place = match self.logs.find(key) {
            Some(place) => place,
            None => {
                let slot = self.load_log(key)?;
                self.logs.insert(key.clone(), slot)
            }
        };
        Ok(&mut self.logs[place])
    }

    fn load_log(&mut self, key: &Key) -> Result<Option<LogSlot>> {
        let (shard, conversation, name) = parts(key);
        let decode = |row: &rusqlite::Row<'_>| Ok(LogRow::decode(row, 0, key));
        let loaded =
            self.statements.log_head.query_row(params![shard, conversation, name], decode).optional();
        let row = self.read("a head", loaded)?.transpose()?;
        Ok(row.map(|row| LogSlot {
            base_apart: row.head.base_len > INLINE_BASE,
            row,
            stored: true,
            dirty: false,
            new_deadline: false,
            new_base: None,
        }))
    }

    fn queue_slot(&mut self, key: &Key) -> Result<&mut Option<QueueSlot>> {
        let place = match self.queues.find(key) {
            Some(place) => place,
            None => {
                let slot = self.load_queue(key)?;
                self.queues.insert(key.clone(), slot)
            }
        };
        Ok(&mut self.queues[place])
    }

    fn load_queue(&mut self, key: &Key) -> Result<Option<QueueSlot>> {
        let (shard, _, name) = parts(key);
        let decode = |row: &rusqlite::Row<'_>| Ok(QueueRow::decode(row, 0, key));
        let loaded = self.statements.queue_head.query_row(params![shard, name], decode).optional();
        let row = self.read("a head", loaded)?.transpose()?;
        Ok(row.map(|row| QueueSlot { row, stored: true, dirty: false }))
    }

    fn space(&mut self, queue: &Name, name: &Name) -> Result<Option<&mut Space>> {
        let known = self.spaces.get(queue).is_some_and(|spaces| spaces.contains_key(name));
        if !known {
            let loaded = load_space(self.connection, queue, name);
            let Some(space) = self.read("the space of an id", loaded)? else { return Ok(None) };
            self.remember(queue, name, space);
        }
        Ok(self.spaces.get_mut(queue).and_then(|spaces| spaces.get_mut(name)))
    }

    fn remember(&mut self, queue: &Name, name: &Name, space: Space) {
        self.spaces.entry(queue.clone()).or_default().insert(name.clone(), space);
    }

    /// The space's number, made if there is none; `id` was appended to it.
    pub(super) fn space_of(&mut self, queue: &Name, id: &ItemId) -> rusqlite::Result<i64> {
        const SQL: &str = "INSERT INTO spaces (queue, name) VALUES (?1, ?2)";
        let (ItemId::Number(name, _) | ItemId::Bytes(name, _)) = id;
        let space = match self.spaces.get_mut(queue).and_then(|spaces| spaces.get_mut(name)) {
            Some(space) => space,
            None => {
                self.connection.prepare_cached(SQL)?.execute(params![queue.as_str(), name.as_str()])?;
                let id = self.connection.last_insert_rowid();
                let spaces = self.spaces.entry(queue.clone()).or_default();
                spaces.entry(name.clone()).or_insert(Space { id, highest: i64::MIN })
            }
        };
        if let ItemId::Number(_, number) = id {
            space.highest = space.highest.max(*number);
        }
        Ok(space.id)
    }

    /// Notes that a query failed, for the whole transaction.
    fn read<T>(&mut self, what: &str, result: rusqlite::Result<T>) -> Result<T> {
        result.map_err(|cause| {
            self.broken = true;
            failed(&format!("cannot read {what}"), cause)
        })
    }
}

impl State for Store<'_> {
    fn log(&mut self, key: &Key) -> Result<Option<LogHead>> {
        let now = self.now;
        Ok(self.log_slot(key)?.as_ref().and_then(|slot| slot.row.live(now)))
    }

    fn queue(&mut self, key: &Key) -> Result<Option<QueueHead>> {
        Ok(self.queue_slot(key)?.as_ref().map(|slot| slot.row.head))
    }

    fn seen(&mut self, key: &Key, id: &ItemId) -> Result<bool> {
        let (ItemId::Number(name, _) | ItemId::Bytes(name, _)) = id;
        let Some(space) = self.space(key.name(), name)? else { return Ok(false) };
        let space_id = space.id;
        if matches!(id, ItemId::Number(_, number) if *number > space.highest) {
            return Ok(false);
        }
        let at = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        let found = match id {
            ItemId::Number(_, number) => self.statements.seen.query_row(params![space_id, number], at),
            ItemId::Bytes(_, bytes) => self.statements.seen.query_row(params![space_id, bytes], at),
        };
        let at = self.read("a seen id", found.optional())?;
        Ok(at.is_some_and(|at| at > forgotten(self.now)))
    }

    fn entry(&mut self, key: &Key, offset: Offset) -> Result<Option<EntryHead>> {
        let Some(slot) = self.queue_slot(key)? else { return Ok(None) };
        if offset >= slot.row.head.end {
            return Ok(None);
        }
        let place = place(slot.row.id, offset);
        if let Some(item) = self.items.find(&place) {
            return Ok(Some(self.items[item]));
        }
        let head = |row: &rusqlite::Row<'_>| {
            let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
            let (born, revision) = (CommitId(number(0)?), Revision(CommitId(number(1)?)));
            Ok(EntryHead { born, revision, len: number(2)? })
        };
        let found = self.statements.item.query_row([place], head).optional();
        let Some(entry) = self.read("an entry", found)? else { return Ok(None) };
        self.items.insert(place, entry);
        Ok(Some(entry))
    }
}

fn load_space(connection: &Connection, queue: &Name, name: &Name) -> rusqlite::Result<Option<Space>> {
    const SPACE: &str = "SELECT id FROM spaces WHERE queue = ?1 AND name = ?2";
    // Integers sort before blobs.
    const HIGHEST: &str =
        "SELECT id FROM seen WHERE space = ?1 AND id <= 9223372036854775807 ORDER BY id DESC LIMIT 1";
    let id = connection
        .prepare_cached(SPACE)?
        .query_row(params![queue.as_str(), name.as_str()], |row| row.get::<_, i64>(0))
        .optional()?;
    let Some(id) = id else { return Ok(None) };
    let highest = connection.prepare_cached(HIGHEST)?.query_row([id], |row| row.get(0)).optional()?;
    Ok(Some(Space { id, highest: highest.unwrap_or(i64::MIN) }))
}

/// The key's columns.
pub(super) fn parts(key: &Key) -> (i64, &str, &str) {
    let conversation = match key {
        Key::Log(conversation, _) => conversation.as_str(),
        Key::ShardLog(..) | Key::Queue(..) => "",
    };
    (i64::from(key.shard().0), conversation, key.name().as_str())
}

/// Where an entry of a queue is. The caller has checked that the offset has at most [`OFFSET_BITS`] bits.
pub(super) fn place(queue: i64, offset: Offset) -> i64 {
    queue << OFFSET_BITS | offset.0.cast_signed()
}
