//! A log and a queue while a group of batches is decided: what the server has, and what is to be written.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tertulia::storage::{
    CommitId, EntryHead, Expire, ItemId, LogChange, LogHead, Offset, QueueChange, QueueHead, Revision,
    SEEN_FOR, See,
};
use tertulia::{Error, Result};

use super::load::Seeing;
use crate::keys::{id_bytes, parts};
use crate::rows::{LogRow, QueueRow};
use crate::schema::{INLINE_BASE, REMEMBERED};
use crate::values::RowPlace;

/// A log.
#[derive(Debug, Default)]
pub(super) struct LogSlot {
    /// Its row cannot be understood, and why.
    pub(super) corrupt: Option<String>,
    /// The row, as it is to be; an expired one too.
    pub(super) live: Option<LiveLog>,
    /// The row that the server has, if that is to go.
    pub(super) dropped: Option<DroppedLog>,
    /// The server had no row.
    pub(super) was_absent: bool,
    /// A batch that applies relies on what was found, or changed it.
    pub(super) relied_on: bool,
}

#[derive(Debug)]
pub(super) struct LiveLog {
    pub(super) row: LogRow,
    /// The server has it, with this base apart or not.
    stored: bool,
    pub(super) base_was_apart: bool,
    pub(super) dirty: bool,
    pub(super) base: Option<Bytes>,
    pub(super) append: Vec<(Offset, Bytes)>,
    /// Entries before this one are to go, of those that the server has.
    pub(super) trim: Option<Offset>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct DroppedLog {
    pub(super) id: i64,
    /// There are entries or a base to be freed.
    pub(super) held: bool,
}

impl LogSlot {
    /// One that the server has.
    pub(super) fn stored(row: LogRow) -> Self {
        let live = LiveLog {
            row,
            stored: true,
            base_was_apart: row.head.base_len > INLINE_BASE,
            dirty: false,
            base: None,
            append: Vec::new(),
            trim: None,
        };
        Self { live: Some(live), ..Self::default() }
    }

    pub(super) fn head(&self, now: i64) -> Result<Option<LogHead>> {
        match &self.corrupt {
            Some(text) => Err(Error::corrupt(text.clone())),
            None => Ok(self.live.as_ref().and_then(|live| live.row.live(now))),
        }
    }

    /// Applies a change that was decided on this very state. `new_id` gives the number of a new log.
    pub(super) fn apply(&mut self, change: LogChange, now: i64, new_id: impl FnOnce() -> i64) {
        let LogChange { fresh, head, base, append, trim, expire, .. } = change;
        self.relied_on = true;
        if (fresh || head.is_none())
            && let Some(old) = self.live.take()
            && old.stored
        {
            let LogHead { start, end, .. } = old.row.head;
            let held = old.base_was_apart || start.0 < end.0 - old.append.len() as u64;
            self.dropped = Some(DroppedLog { id: old.row.id, held: held || old.trim.is_some() });
        }
        let Some(head) = head else { return };
        let live = self.live.get_or_insert_with(|| LiveLog {
            row: LogRow { id: new_id(), head, deadline: None },
            stored: false,
            base_was_apart: false,
            dirty: false,
            base: None,
            append: Vec::new(),
            trim: None,
        });
        live.dirty = true;
        live.row.head = head;
        let first = head.end.0 - append.len() as u64;
        live.append.extend((first..).map(Offset).zip(append));
        if trim {
            live.append.retain(|(offset, _)| *offset >= head.start);
            live.trim = live.stored.then_some(head.start);
        }
        if base.is_some() {
            live.base = base;
        }
        live.row.deadline = match expire {
            Expire::Keep => live.row.deadline,
            Expire::Never => None,
            Expire::After(duration) => {
                let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
                Some(now.saturating_add(micros))
            }
        };
    }
}

/// A queue.
#[derive(Debug, Default)]
pub(super) struct QueueSlot {
    pub(super) corrupt: Option<String>,
    pub(super) row: Option<QueueRow>,
    pub(super) dirty: bool,
    /// Entries that were asked for, or are to be written.
    pub(super) items: BTreeMap<Offset, Item>,
    /// Where the entries are that the server has and that are to go.
    pub(super) remove: Vec<RowPlace>,
}

#[derive(Debug)]
pub(super) struct Item {
    pub(super) born: CommitId,
    pub(super) revision: Revision,
    pub(super) len: u64,
    /// Where the server has it, if it has.
    pub(super) stored: Option<RowPlace>,
    /// What is to be written.
    pub(super) bytes: Option<Bytes>,
    pub(super) id: Option<(i32, Vec<u8>)>,
}

impl Item {
    pub(super) fn head(&self) -> EntryHead {
        EntryHead { born: self.born, revision: self.revision, len: self.len }
    }
}

impl QueueSlot {
    pub(super) fn head(&self) -> Result<Option<QueueHead>> {
        match &self.corrupt {
            Some(text) => Err(Error::corrupt(text.clone())),
            None => Ok(self.row.map(|row| row.head)),
        }
    }

    /// Applies a change that was decided on this very state. `space` gives the number of a space of ids, `new_id` that
    /// of a new queue; gives the ids to be remembered.
    ///
    /// # Errors
    /// What `space` gives.
    pub(super) fn apply(
        &mut self,
        change: QueueChange,
        space: impl Fn(&tertulia::Name) -> Result<i32>,
        new_id: impl FnOnce() -> i64,
    ) -> Result<Vec<Seeing>> {
        let QueueChange { key, head, append, replace, remove, see } = change;
        self.dirty = true;
        self.row.get_or_insert_with(|| QueueRow { id: new_id(), head }).head = head;
        for offset in remove {
            self.remove.extend(self.items.remove(&offset).and_then(|item| item.stored));
        }
        for (offset, revision, bytes) in replace {
            if let Some(item) = self.items.get_mut(&offset) {
                item.revision = revision;
                item.len = bytes.len() as u64;
                item.bytes = Some(bytes);
            }
        }
        let mut ids = Vec::new();
        let seeing = |id: &ItemId, left: Duration| {
            let (name, id) = id_bytes(id);
            let left = i64::try_from(left.as_nanos().div_ceil(1_000))
                .map_or(REMEMBERED, |left| left.min(REMEMBERED));
            Ok::<_, Error>(Seeing { space: space(name)?, id, shard: parts(&key).0, left })
        };
        for (offset, append) in append {
            let id = match &append.id {
                None => None,
                Some(id) => {
                    let seeing = seeing(id, SEEN_FOR)?;
                    let id = (seeing.space, seeing.id.clone());
                    ids.push(seeing);
                    Some(id)
                }
            };
            let item = Item {
                born: head.etag.commit,
                revision: Revision(head.etag.commit),
                len: append.bytes.len() as u64,
                stored: None,
                bytes: Some(append.bytes),
                id,
            };
            self.items.insert(offset, item);
        }
        for See { id, left } in see {
            ids.push(seeing(&id, left)?);
        }
        Ok(ids)
    }
}
