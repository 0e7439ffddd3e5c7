//! Decided changes become rows: entries at once, each head once, at the end of the transaction.

use bytes::Bytes;
use rusqlite::{Connection, params};
use tertulia::storage::{Change, Expire, ItemId, LogChange, Offset, QueueChange};
use tertulia::{Key, Timestamp};

use super::store::{LogSlot, QueueSlot, Store, parts, place};
use crate::rows::{LogRow, QueueRow};
use crate::schema::INLINE_BASE;

impl Store {
    /// Applies a change that was decided on this very state.
    pub(super) fn apply(&mut self, change: Change) -> rusqlite::Result<()> {
        match change {
            Change::Log(change) => self.apply_log(change),
            Change::Queue(change) => self.apply_queue(change),
        }
    }

    fn apply_log(&mut self, change: LogChange) -> rusqlite::Result<()> {
        const APPEND: &str = "INSERT INTO entries (log, offset, bytes) VALUES (?1, ?2, ?3)";
        const TRIM: &str = "DELETE FROM entries WHERE log = ?1 AND offset < ?2";
        let LogChange { key, fresh, head, base, append, trim, expire } = change;
        let connection = &self.connection;
        let slot = self.logs.get_mut(&key).expect("decided on the state of this slot");
        if (fresh || head.is_none())
            && let Some(old) = slot.take()
        {
            self.dropped |= drop_log(connection, &old)?;
        }
        let Some(head) = head else {
            self.dirty.push(key);
            return Ok(());
        };
        let slot = slot.get_or_insert_with(|| {
            let id = self.next_log;
            self.next_log += 1;
            LogSlot {
                row: LogRow { id, head, deadline: None },
                stored: false,
                base_apart: false,
                dirty: false,
                new_deadline: false,
                new_base: None,
            }
        });
        slot.row.head = head;
        if !append.is_empty() {
            let mut statement = connection.prepare_cached(APPEND)?;
            let first = head.end.0 - append.len() as u64;
            for (offset, entry) in (first..).zip(&append) {
                statement.execute(params![slot.row.id, offset.cast_signed(), &entry[..]])?;
            }
        }
        if trim {
            connection.prepare_cached(TRIM)?.execute(params![slot.row.id, head.start.0.cast_signed()])?;
        }
        if base.is_some() {
            slot.new_base = base;
        }
        let deadline = match expire {
            Expire::Keep => slot.row.deadline,
            Expire::Never => None,
            Expire::After(duration) => Some(self.now.after(duration).min(Timestamp(i64::MAX as u64))),
        };
        if slot.row.deadline != deadline {
            slot.row.deadline = deadline;
            slot.new_deadline = true;
        }
        if !std::mem::replace(&mut slot.dirty, true) {
            self.dirty.push(key);
        }
        Ok(())
    }

    fn apply_queue(&mut self, change: QueueChange) -> rusqlite::Result<()> {
        const REMOVE: &str = "DELETE FROM items WHERE place = ?1";
        const REPLACE: &str = "UPDATE items SET revision = ?2, bytes = ?3 WHERE place = ?1";
        let QueueChange { key, head, append, replace, remove } = change;
        let slot = self.queues.get_mut(&key).expect("decided on the state of this slot");
        let slot = slot.get_or_insert_with(|| {
            let id = self.next_queue;
            self.next_queue += 1;
            QueueSlot { row: QueueRow { id, head }, stored: false, dirty: false }
        });
        slot.row.head = head;
        let queue = slot.row.id;
        let was_dirty = std::mem::replace(&mut slot.dirty, true);
        for offset in remove {
            let place = place(queue, offset);
            self.items.remove(&place);
            self.connection.prepare_cached(REMOVE)?.execute([place])?;
        }
        for (offset, revision, bytes) in replace {
            let place = place(queue, offset);
            self.items.insert(place, (revision, bytes.len() as u64));
            self.connection.prepare_cached(REPLACE)?.execute(params![
                place,
                revision.0.cast_signed(),
                &bytes[..]
            ])?;
        }
        for (offset, append) in append {
            self.append(&key, queue, offset, append.id.as_ref(), &append.bytes)?;
        }
        if !was_dirty {
            self.dirty.push(key);
        }
        Ok(())
    }

    fn append(
        &mut self,
        key: &Key,
        queue: i64,
        offset: Offset,
        id: Option<&ItemId>,
        bytes: &Bytes,
    ) -> rusqlite::Result<()> {
        const ITEM: &str = "INSERT INTO items (place, revision, space, id, bytes) VALUES (?1, 0, ?2, ?3, ?4)";
        const SEEN: &str = "INSERT INTO seen (space, id, at) VALUES (?1, ?2, ?3)
            ON CONFLICT (space, id) DO UPDATE SET at = excluded.at";
        let place = place(queue, offset);
        self.items.insert(place, Default::default());
        if let Some(item) = self.items.get_mut(&place) {
            item.1 = bytes.len() as u64;
        }
        let Some(id) = id else {
            self.connection.prepare_cached(ITEM)?.execute(params![
                place,
                None::<i64>,
                None::<i64>,
                &bytes[..]
            ])?;
            return Ok(());
        };
        let space = self.space_of(key.name(), id)?;
        self.appended += 1;
        let now = self.now.0.cast_signed();
        let mut item = self.connection.prepare_cached(ITEM)?;
        let mut seen = self.connection.prepare_cached(SEEN)?;
        match id {
            ItemId::Number(_, number) => {
                item.execute(params![place, space, number, &bytes[..]])?;
                seen.execute(params![space, number, now])?;
            }
            ItemId::Bytes(_, hash) => {
                item.execute(params![place, space, hash, &bytes[..]])?;
                seen.execute(params![space, hash, now])?;
            }
        }
        Ok(())
    }

    /// Writes the heads that changed, each once.
    pub(super) fn flush(&mut self) -> rusqlite::Result<()> {
        for key in &self.dirty {
            if key.is_queue() {
                if let Some(Some(slot)) = self.queues.get_mut(key)
                    && std::mem::take(&mut slot.dirty)
                {
                    flush_queue(&self.connection, key, slot)?;
                }
            } else if let Some(Some(slot)) = self.logs.get_mut(key)
                && std::mem::take(&mut slot.dirty)
            {
                flush_log(&self.connection, key, slot)?;
            }
        }
        Ok(())
    }
}

/// Takes a log's row away and leaves what it held to the sweep; tells whether it held something.
pub(super) fn drop_log(connection: &Connection, log: &LogSlot) -> rusqlite::Result<bool> {
    const ROW: &str = "DELETE FROM logs WHERE id = ?1";
    const REST: &str = "INSERT INTO dropped (log) VALUES (?1)";
    let LogRow { id, head, .. } = log.row;
    if log.stored {
        connection.prepare_cached(ROW)?.execute([id])?;
    }
    let rest = log.base_apart || head.start < head.end;
    if rest {
        connection.prepare_cached(REST)?.execute([id])?;
    }
    Ok(rest)
}

fn flush_log(connection: &Connection, key: &Key, slot: &mut LogSlot) -> rusqlite::Result<()> {
    const INSERT: &str =
        "INSERT INTO logs (id, version, commit_id, incarnation, base_version, base_len, first,
        next, entry_bytes, deadline, base, shard, conversation, name)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    const HEAD: &str = "UPDATE logs SET version = ?2, commit_id = ?3, first = ?4, next = ?5, entry_bytes = ?6
        WHERE id = ?1";
    const HEAD_AND_BASE: &str = "UPDATE logs SET version = ?2, commit_id = ?3, first = ?4, next = ?5,
        entry_bytes = ?6, base_version = ?7, base_len = ?8, base = ?9 WHERE id = ?1";
    const DEADLINE: &str = "UPDATE logs SET deadline = ?2 WHERE id = ?1";
    const BASE: &str = "INSERT INTO bases (log, bytes) VALUES (?1, ?2)
        ON CONFLICT (log) DO UPDATE SET bytes = excluded.bytes";
    const NO_BASE: &str = "DELETE FROM bases WHERE log = ?1";
    let LogRow { id, head, deadline } = slot.row;
    let deadline = deadline.map(|deadline| deadline.0.cast_signed());
    let version = head.etag.version.cast_signed();
    let commit = head.etag.commit.0.cast_signed();
    let (first, next) = (head.start.0.cast_signed(), head.end.0.cast_signed());
    let entry_bytes = head.entry_bytes.cast_signed();
    let (base_version, base_len) = (head.base_version.cast_signed(), head.base_len.cast_signed());
    let base = slot.new_base.take();
    let apart = head.base_len > INLINE_BASE;
    let inline = base.as_deref().filter(|_| !apart);
    if !slot.stored {
        let (shard, conversation, name) = parts(key);
        let incarnation = head.incarnation.0.cast_signed();
        connection.prepare_cached(INSERT)?.execute(params![
            id,
            version,
            commit,
            incarnation,
            base_version,
            base_len,
            first,
            next,
            entry_bytes,
            deadline,
            inline,
            shard,
            conversation,
            name
        ])?;
    } else if base.is_some() {
        let values = params![id, version, commit, first, next, entry_bytes, base_version, base_len, inline];
        connection.prepare_cached(HEAD_AND_BASE)?.execute(values)?;
    } else {
        let values = params![id, version, commit, first, next, entry_bytes];
        connection.prepare_cached(HEAD)?.execute(values)?;
    }
    if slot.stored && slot.new_deadline {
        connection.prepare_cached(DEADLINE)?.execute(params![id, deadline])?;
    }
    if let Some(base) = &base {
        if apart {
            connection.prepare_cached(BASE)?.execute(params![id, &base[..]])?;
        } else if slot.base_apart {
            connection.prepare_cached(NO_BASE)?.execute([id])?;
        }
        slot.base_apart = apart;
    }
    slot.stored = true;
    slot.new_deadline = false;
    Ok(())
}

fn flush_queue(connection: &Connection, key: &Key, slot: &mut QueueSlot) -> rusqlite::Result<()> {
    const INSERT: &str =
        "INSERT INTO queues (id, version, commit_id, incarnation, next, count, bytes, shard, name)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    const HEAD: &str =
        "UPDATE queues SET version = ?2, commit_id = ?3, next = ?4, count = ?5, bytes = ?6 WHERE id = ?1";
    let QueueRow { id, head } = slot.row;
    let version = head.etag.version.cast_signed();
    let commit = head.etag.commit.0.cast_signed();
    let (next, count, bytes) = (head.end.0.cast_signed(), head.count.cast_signed(), head.bytes.cast_signed());
    if slot.stored {
        connection.prepare_cached(HEAD)?.execute(params![id, version, commit, next, count, bytes])?;
    } else {
        let (shard, _, name) = parts(key);
        let incarnation = head.incarnation.0.cast_signed();
        let values = params![id, version, commit, incarnation, next, count, bytes, shard, name];
        connection.prepare_cached(INSERT)?.execute(values)?;
    }
    slot.stored = true;
    Ok(())
}
