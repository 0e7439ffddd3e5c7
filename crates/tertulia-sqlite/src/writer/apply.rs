//! Decided changes become rows: entries at once, each head once, at the end of the transaction.

use rusqlite::params;
use tertulia::storage::{
    Append, Change, CommitId, EntryHead, Expire, ItemId, LogChange, Offset, QueueChange, Revision, SEEN_FOR,
    See,
};
use tertulia::{Key, Timestamp};

use super::statements::Statements;
use super::store::{LogSlot, QueueSlot, Store, parts, place};
use crate::rows::{LogRow, QueueRow, forgotten};
use crate::schema::INLINE_BASE;

impl Store<'_> {
    /// Applies a change that was decided on this very state.
    pub(super) fn apply(&mut self, change: Change) -> rusqlite::Result<()> {
        match change {
            Change::Log(change) => self.apply_log(change),
            Change::Queue(change) => self.apply_queue(change),
        }
    }

    fn apply_log(&mut self, change: LogChange) -> rusqlite::Result<()> {
        let LogChange { key, fresh, head, base, append, trim, expire } = change;
        let statements = &mut self.statements;
        let place = self.logs.find(&key).expect("decided on the state of this slot");
        let slot = &mut self.logs[place];
        if (fresh || head.is_none())
            && let Some(old) = slot.take()
        {
            self.dropped |= drop_log(statements, &old)?;
        }
        let Some(head) = head else {
            self.dirty.push((key, place));
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
            let first = head.end.0 - append.len() as u64;
            for (offset, entry) in (first..).zip(&append) {
                let values = params![slot.row.id, offset.cast_signed(), &entry[..]];
                statements.append_entry.execute(values)?;
            }
        }
        if trim {
            statements.trim_entries.execute(params![slot.row.id, head.start.0.cast_signed()])?;
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
            self.dirty.push((key, place));
        }
        Ok(())
    }

    fn apply_queue(&mut self, change: QueueChange) -> rusqlite::Result<()> {
        let QueueChange { key, head, append, replace, remove, see } = change;
        let slot_place = self.queues.find(&key).expect("decided on the state of this slot");
        let slot = self.queues[slot_place].get_or_insert_with(|| {
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
            self.statements.remove_item.execute([place])?;
        }
        for (offset, revision, bytes) in replace {
            let place = place(queue, offset);
            if let Some(item) = self.items.find(&place) {
                let item = &mut self.items[item];
                (item.revision, item.len) = (revision, bytes.len() as u64);
            }
            let values = params![place, revision.0.0.cast_signed(), &bytes[..]];
            self.statements.replace_item.execute(values)?;
        }
        for (offset, append) in append {
            self.append(&key, queue, offset, head.etag.commit, &append)?;
        }
        for See { id, left } in see {
            let left = left.min(SEEN_FOR).as_nanos().div_ceil(1_000_000);
            let at = forgotten(self.now) + i64::try_from(left).unwrap_or(i64::MAX);
            self.see(&key, &id, at)?;
        }
        if !was_dirty {
            self.dirty.push((key, slot_place));
        }
        Ok(())
    }

    fn append(
        &mut self,
        key: &Key,
        queue: i64,
        offset: Offset,
        born: CommitId,
        Append { id, bytes }: &Append,
    ) -> rusqlite::Result<()> {
        let place = place(queue, offset);
        self.items.insert(place, EntryHead { born, revision: Revision(born), len: bytes.len() as u64 });
        let revision = born.0.cast_signed();
        let Some(id) = id else {
            let values = params![place, revision, None::<i64>, None::<i64>, &bytes[..]];
            self.statements.append_item.execute(values)?;
            return Ok(());
        };
        let space = self.see(key, id, self.now.0.cast_signed())?;
        let item = &mut self.statements.append_item;
        match id {
            ItemId::Number(_, number) => item.execute(params![place, revision, space, number, &bytes[..]])?,
            ItemId::Bytes(_, hash) => item.execute(params![place, revision, space, hash, &bytes[..]])?,
        };
        Ok(())
    }

    /// Remembers an id as appended at `at`; gives the number of its space.
    fn see(&mut self, key: &Key, id: &ItemId, at: i64) -> rusqlite::Result<i64> {
        let (space, shard) = (self.space_of(key.name(), id)?, key.shard().0);
        self.appended += 1;
        let see = &mut self.statements.see;
        match id {
            ItemId::Number(_, number) => see.execute(params![space, number, at, shard])?,
            ItemId::Bytes(_, hash) => see.execute(params![space, hash, at, shard])?,
        };
        Ok(space)
    }

    /// Writes the heads that changed, each once.
    pub(super) fn flush(&mut self) -> rusqlite::Result<()> {
        for (key, place) in &self.dirty {
            if key.is_queue() {
                if let Some(slot) = &mut self.queues[*place]
                    && std::mem::take(&mut slot.dirty)
                {
                    flush_queue(&mut self.statements, key, slot)?;
                }
            } else if let Some(slot) = &mut self.logs[*place]
                && std::mem::take(&mut slot.dirty)
            {
                flush_log(&mut self.statements, key, slot)?;
            }
        }
        Ok(())
    }
}

/// Takes a log's row away and leaves what it held to the sweep; tells whether it held something.
pub(super) fn drop_log(statements: &mut Statements<'_>, log: &LogSlot) -> rusqlite::Result<bool> {
    let LogRow { id, head, .. } = log.row;
    if log.stored {
        statements.drop_log.execute([id])?;
    }
    let rest = log.base_apart || head.start < head.end;
    if rest {
        statements.drop_rest.execute([id])?;
    }
    Ok(rest)
}

fn flush_log(statements: &mut Statements<'_>, key: &Key, slot: &mut LogSlot) -> rusqlite::Result<()> {
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
        statements.new_log.execute(params![
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
        statements.set_log_and_base.execute(values)?;
    } else {
        let values = params![id, version, commit, first, next, entry_bytes];
        statements.set_log.execute(values)?;
    }
    if slot.stored && slot.new_deadline {
        statements.set_deadline.execute(params![id, deadline])?;
    }
    if let Some(base) = &base {
        if apart {
            statements.set_base.execute(params![id, &base[..]])?;
        } else if slot.base_apart {
            statements.drop_base.execute([id])?;
        }
        slot.base_apart = apart;
    }
    slot.stored = true;
    slot.new_deadline = false;
    Ok(())
}

fn flush_queue(statements: &mut Statements<'_>, key: &Key, slot: &mut QueueSlot) -> rusqlite::Result<()> {
    let QueueRow { id, head } = slot.row;
    let version = head.etag.version.cast_signed();
    let commit = head.etag.commit.0.cast_signed();
    let (next, count, bytes) = (head.end.0.cast_signed(), head.count.cast_signed(), head.bytes.cast_signed());
    if slot.stored {
        statements.set_queue.execute(params![id, version, commit, next, count, bytes])?;
    } else {
        let (shard, _, name) = parts(key);
        let incarnation = head.incarnation.0.cast_signed();
        let values = params![id, version, commit, incarnation, next, count, bytes, shard, name];
        statements.new_queue.execute(values)?;
    }
    slot.stored = true;
    Ok(())
}
