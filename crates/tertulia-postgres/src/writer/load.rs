//! What a group of batches asks for, and what the server has of it: the state that batches are decided on.

use std::collections::{BTreeSet, HashMap, HashSet};

use foldhash::fast::RandomState;
use tertulia::storage::{EntryHead, ItemId, LogHead, Offset, QueueHead, State, Write};
use tertulia::{Error, Key, Name, Result};

use super::slots::{Item, LogSlot, QueueSlot};
use crate::handoff::Job;
use crate::keys::id_bytes;

/// What a group touches, in the order that everybody locks in.
#[derive(Debug, Default)]
pub(super) struct Wanted<'a> {
    pub(super) logs: BTreeSet<&'a Key>,
    pub(super) queues: BTreeSet<&'a Key>,
    /// Entries that are to be replaced or removed.
    pub(super) items: BTreeSet<(&'a Key, Offset)>,
    pub(super) ids: Vec<(&'a Key, &'a ItemId)>,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(group: &'a [Job]) -> Self {
        let mut wanted = Self::default();
        for write in group.iter().flat_map(|job| &job.batch.writes) {
            match write {
                Write::Log(write) => {
                    wanted.logs.insert(&write.key);
                }
                Write::Queue(write) => {
                    let key = &write.key;
                    wanted.queues.insert(key);
                    wanted.items.extend(write.replace.iter().map(|replace| (key, replace.0)));
                    wanted.items.extend(write.remove.iter().map(|remove| (key, remove.offset)));
                    let ids = write.append.iter().filter_map(|append| append.id.as_ref());
                    let ids = ids.chain(write.see.iter().map(|see| &see.id));
                    wanted.ids.extend(ids.map(|id| (key, id)));
                }
            }
        }
        wanted
    }
}

/// The numbers of spaces of ids, by the queue's name and their own. They never change.
pub(super) type Spaces = HashMap<(Name, Name), i32, RandomState>;

/// What the server has, and what the batches that were decided so far make of it.
#[derive(Debug)]
pub(super) struct Loaded<'a> {
    /// Microseconds since 1970 by the server's clock, once everything was locked.
    pub(super) now: i64,
    pub(super) logs: HashMap<&'a Key, LogSlot, RandomState>,
    pub(super) queues: HashMap<&'a Key, QueueSlot, RandomState>,
    pub(super) spaces: &'a Spaces,
    pub(super) seen: HashSet<(i32, Vec<u8>), RandomState>,
    /// Ids to be remembered, of those.
    pub(super) see: Vec<Seeing>,
}

/// An id to be remembered.
#[derive(Debug)]
pub(super) struct Seeing {
    pub(super) space: i32,
    pub(super) id: Vec<u8>,
    pub(super) shard: i16,
    /// For so many microseconds.
    pub(super) left: i64,
}

impl Loaded<'_> {
    pub(super) fn space(&self, queue: &Key, name: &Name) -> Result<i32> {
        let space = self.spaces.get(&(queue.name().clone(), name.clone()));
        space.copied().ok_or_else(|| not_loaded(queue))
    }
}

impl State for Loaded<'_> {
    fn log(&mut self, key: &Key) -> Result<Option<LogHead>> {
        let slot = self.logs.get(key).ok_or_else(|| not_loaded(key))?;
        slot.head(self.now)
    }

    fn queue(&mut self, key: &Key) -> Result<Option<QueueHead>> {
        let slot = self.queues.get(key).ok_or_else(|| not_loaded(key))?;
        slot.head()
    }

    fn seen(&mut self, key: &Key, id: &ItemId) -> Result<bool> {
        let (space, bytes) = id_bytes(id);
        Ok(self.seen.contains(&(self.space(key, space)?, bytes)))
    }

    fn entry(&mut self, key: &Key, offset: Offset) -> Result<Option<EntryHead>> {
        let slot = self.queues.get(key).ok_or_else(|| not_loaded(key))?;
        Ok(slot.items.get(&offset).map(Item::head))
    }
}

fn not_loaded(key: &Key) -> Error {
    Error::internal(format!("{key} was not loaded"))
}
