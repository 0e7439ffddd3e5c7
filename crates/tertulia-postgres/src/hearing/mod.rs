//! Tells other processes what changed, and hears it from them.
//!
//! `NOTIFY` in a transaction that writes would make all such transactions of the database wait for one another until
//! they are on disk, so what changed is told afterwards, in transactions of its own that wait for no disk.

mod listener;
mod notifier;

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tertulia::Key;
use tertulia::storage::Hub;
use tokio::sync::Notify;

pub(crate) use listener::Listener;
pub(crate) use notifier::Notifier;

use crate::keys::hash;

/// What one process tells and hears.
#[derive(Debug)]
pub(crate) struct Hearing {
    /// The name that all processes of a store use.
    channel: String,
    /// Who speaks. One does not hear oneself.
    sender: u64,
    /// What is yet to be told; taken by the notifier.
    pending: Mutex<Pending>,
    told: Notify,
    /// Which keys are watched here, by what stands for them, and by how many.
    watched: Mutex<Watched>,
}

type Watched = HashMap<u64, Vec<(Key, usize)>, RandomState>;

#[derive(Debug, Default)]
struct Pending {
    hashes: HashSet<u64, RandomState>,
    /// More than can be told: everything.
    all: bool,
}

/// The most changes that are told one by one.
const PENDING: usize = 4_096;

impl Hearing {
    pub(crate) fn new(schema: &str) -> Self {
        Self {
            channel: format!("tertulia:{schema}"),
            sender: fastrand::u64(..),
            pending: Mutex::default(),
            told: Notify::new(),
            watched: Mutex::default(),
        }
    }

    /// Tells the other processes, soon.
    pub(crate) fn tell(&self, changed: &[Key]) {
        if changed.is_empty() {
            return;
        }
        let mut pending = self.pending.lock();
        if !pending.all {
            pending.hashes.extend(changed.iter().map(hash));
            if pending.hashes.len() > PENDING {
                pending.everything();
            }
        }
        drop(pending);
        self.told.notify_one();
    }

    /// Notes that a key is watched as long as what this gives lives.
    pub(crate) fn watch<'a>(&'a self, key: &'a Key) -> Watching<'a> {
        let hash = hash(key);
        let mut watched = self.watched.lock();
        let keys = watched.entry(hash).or_default();
        match keys.iter_mut().find(|(other, _)| other == key) {
            Some((_, count)) => *count += 1,
            None => keys.push((key.clone(), 1)),
        }
        drop(watched);
        Watching { hearing: self, key, hash }
    }

    fn watched(&self) -> Vec<Key> {
        self.watched.lock().values().flatten().map(|(key, _)| key.clone()).collect()
    }

    fn wake(&self, hub: &Hub, hash: u64) {
        let keys: Vec<Key> = match self.watched.lock().get(&hash) {
            Some(keys) => keys.iter().map(|(key, _)| key.clone()).collect(),
            None => return,
        };
        for key in keys {
            hub.wake(&key);
        }
    }
}

impl Pending {
    fn everything(&mut self) {
        self.hashes.clear();
        self.all = true;
    }
}

/// A key that is watched. Dropped, it no longer is.
#[derive(Debug)]
pub(crate) struct Watching<'a> {
    hearing: &'a Hearing,
    key: &'a Key,
    hash: u64,
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        let mut watched = self.hearing.watched.lock();
        let Some(keys) = watched.get_mut(&self.hash) else { return };
        if let Some(at) = keys.iter().position(|(key, _)| key == self.key) {
            keys[at].1 -= 1;
            if keys[at].1 == 0 {
                keys.swap_remove(at);
            }
        }
        if keys.is_empty() {
            watched.remove(&self.hash);
        }
    }
}
