//! What this process committed last, so that a server that lost some of it is found out.
//!
//! A replica that is promoted may lack the last commits of its primary, and a server that lost its power those of its
//! last second. Nothing stale overwrites what is newer all the same, since an etag is told apart by the commit in it;
//! but somebody has to say that acknowledged commits are gone.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tertulia::Key;
use tertulia::storage::{Batch, CommitId, Committed, Etag, Head};

/// The most keys that a report names.
const NAMED: usize = 10;

/// The last commits of this process, by key.
#[derive(Debug)]
pub(crate) struct Recent {
    most: usize,
    kept: Mutex<Kept>,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct Kept {
    /// Written by every commit; with the number of the commit that is meant.
    keys: HashMap<Key, (Last, u64)>,
    /// In the order of the commits; one that was outdone by a later commit to its key has another number than `keys`.
    order: VecDeque<(Key, u64)>,
    next: u64,
}

/// How a key was left.
#[derive(Clone, Copy, Debug)]
struct Last {
    etag: Etag,
    incarnation: CommitId,
    /// It may be gone for a good reason.
    expires: bool,
}

impl Recent {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, kept: Mutex::default(), lost: AtomicU64::new(0) }
    }

    /// How many keys were found to have lost commits.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Remembers how a batch left its keys.
    pub(crate) fn remember(&self, batch: &Batch, committed: &Committed) {
        if self.most == 0 {
            return;
        }
        let mut kept = self.kept.lock();
        for (write, head) in batch.writes.iter().zip(&committed.heads) {
            match head.as_ref().map(last) {
                Some(last) => kept.put(write.key(), last),
                None => drop(kept.keys.remove(write.key())),
            }
        }
        while kept.order.len() > self.most {
            if let Some((key, number)) = kept.order.pop_front()
                && kept.keys.get(&key).is_some_and(|(_, latest)| *latest == number)
            {
                kept.keys.remove(&key);
            }
        }
    }

    /// The keys to be compared.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.kept.lock().keys.keys().cloned().collect()
    }

    /// Compares what is there now, and reports what went back.
    pub(crate) fn compare<'a>(&self, store: &str, now: impl Iterator<Item = (&'a Key, Option<Head>)>) {
        let mut lost = Vec::new();
        let mut kept = self.kept.lock();
        for (key, head) in now {
            if kept.keys.get(key).is_some_and(|(last, _)| last.is_lost(head.as_ref())) {
                // Told once.
                kept.keys.remove(key);
                lost.push(key.to_string());
            }
        }
        drop(kept);
        if lost.is_empty() {
            return;
        }
        self.lost.fetch_add(lost.len() as u64, Ordering::Relaxed);
        let count = lost.len();
        lost.truncate(NAMED);
        tracing::error!(
            store,
            keys = count,
            some = lost.join(", "),
            "acknowledged commits are gone: the server was restarted or failed over and is behind what it had confirmed"
        );
    }
}

impl Kept {
    fn put(&mut self, key: &Key, last: Last) {
        let number = self.next;
        self.next += 1;
        self.keys.insert(key.clone(), (last, number));
        self.order.push_back((key.clone(), number));
    }
}

fn last(head: &Head) -> Last {
    match head {
        Head::Log(log) => {
            Last { etag: log.etag, incarnation: log.incarnation, expires: log.expires_in.is_some() }
        }
        Head::Queue(queue) => Last { etag: queue.etag, incarnation: queue.incarnation, expires: false },
    }
}

impl Last {
    /// Whether a key that has this head now is behind. One that was made anew may have been deleted before.
    fn is_lost(&self, head: Option<&Head>) -> bool {
        let Some(now) = head.map(last) else { return !self.expires };
        now.incarnation == self.incarnation
            && (now.etag.version < self.etag.version
                || now.etag.version == self.etag.version && now.etag.commit != self.etag.commit)
    }
}

#[cfg(test)]
mod tests {
    use tertulia::storage::{Offset, QueueHead, QueueWrite};
    use tertulia::{Name, Shard};

    use super::*;

    fn key(n: u64) -> Key {
        Key::Queue(Shard(0), Name::new(n.to_string()).expect("valid"))
    }

    fn head(version: u64, commit: u64) -> Head {
        let etag = Etag { version, commit: CommitId(commit) };
        Head::Queue(QueueHead { etag, incarnation: CommitId(1), end: Offset(0), count: 0, bytes: 0 })
    }

    fn remember(recent: &Recent, n: u64, head: Head) {
        let batch = Batch::new(CommitId(0), vec![QueueWrite::new(key(n)).into()]);
        recent.remember(&batch, &Committed { heads: vec![Some(head)], appended: Vec::new() });
    }

    #[test]
    fn what_went_back_is_told_once_and_what_went_on_is_not() {
        let recent = Recent::new(10);
        for n in 0..5 {
            remember(&recent, n, head(7, 7));
        }
        let now = [Some(head(7, 7)), Some(head(8, 9)), Some(head(6, 6)), Some(head(7, 8)), None];
        let keys: Vec<Key> = (0..5).map(key).collect();
        recent.compare("here", keys.iter().zip(now));
        assert_eq!(recent.lost(), 3);
        recent.compare("here", keys.iter().zip(now));
        assert_eq!(recent.lost(), 3);
    }

    #[test]
    fn the_last_keys_are_remembered_and_no_more() {
        let recent = Recent::new(3);
        for n in [0, 1, 2, 0, 3, 4] {
            remember(&recent, n, head(1, 1));
        }
        let mut keys = recent.keys();
        keys.sort();
        assert_eq!(keys, [key(0), key(3), key(4)]);
    }
}
