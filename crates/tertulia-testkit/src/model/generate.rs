//! Random batches and reads, likely enough to be in order and likely enough not to be.

use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use tertulia::storage::{
    Append, Base, Batch, CommitId, Etag, Expect, Expire, From, ItemId, LogWrite, Offset, QueueWrite, Read,
    Removal, Revision, See, Which, Write,
};
use tertulia::{Key, Name};

use super::reference::Reference;
use crate::subject::{elsewhere, far_log, here, log, queue, shard_log};

/// Where a round's random choices come from.
#[derive(Debug)]
pub(super) struct Generator {
    rng: Rng,
    /// Whether a batch may reach over several shards.
    spans_shards: bool,
    /// Whether deadlines are so short that leaps in time pass them.
    short_deadlines: bool,
    keys: Vec<Key>,
    /// Ids of commits that were made, for expectations and cursors that were right once.
    commits: Vec<CommitId>,
}

impl Generator {
    /// Keys are told apart from those of other rounds by `prefix`.
    pub(super) fn new(seed: u64, prefix: &str, spans_shards: bool, short_deadlines: bool) -> Self {
        let name = |name: &str| format!("{prefix}{name}");
        let far = |name: &str| Name::new(format!("{prefix}{name}")).expect("a valid name");
        let keys = vec![
            log(&name("a")),
            log(&name("b")),
            shard_log(here().shard(), &name("a")),
            queue(&name("a")),
            queue(&name("b")),
            far_log(0, &name("a")),
            far_log(1, &name("b")),
            Key::Queue(elsewhere(0).shard(), far("far")),
        ];
        Self { rng: Rng::with_seed(seed), spans_shards, short_deadlines, keys, commits: Vec::new() }
    }

    pub(super) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.rng.u64(..end)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(super) fn key(&mut self) -> Key {
        let i = self.rng.usize(..self.keys.len());
        self.keys[i].clone()
    }

    fn bytes(&mut self) -> Bytes {
        if self.one_in(30) {
            return vec![b'x'; self.rng.usize(..5_000)].into();
        }
        (0..self.rng.usize(..8)).map(|_| self.rng.u8(..)).collect()
    }

    fn old_commit(&mut self) -> CommitId {
        let i = self.rng.usize(..=self.commits.len());
        self.commits.get(i).copied().unwrap_or(CommitId(self.rng.u64(..)))
    }

    pub(super) fn batch(&mut self, state: &Reference) -> Batch {
        let id = CommitId(self.rng.u64(..));
        let count = [0, 1, 1, 1, 2, 2, 3, 5][self.rng.usize(..8)];
        let mut writes: Vec<Write> = Vec::new();
        for _ in 0..count {
            let key = self.key();
            let elsewhere = writes.first().is_some_and(|write| write.key().shard() != key.shard());
            let twice = writes.iter().any(|write| *write.key() == key) && !self.one_in(20);
            if !twice && (self.spans_shards || !elsewhere) {
                writes.push(self.write(key, state));
            }
        }
        self.commits.push(id);
        Batch::new(id, writes)
    }

    fn write(&mut self, key: Key, state: &Reference) -> Write {
        if key.is_queue() { self.queue_write(key, state).into() } else { self.log_write(key, state).into() }
    }

    fn log_write(&mut self, key: Key, state: &Reference) -> LogWrite {
        let head = state.log_head(&key);
        let mut write = LogWrite::new(key);
        write.expect = self.expect(head.map(|head| (head.etag, head.incarnation, head.end)));
        if self.one_in(8) {
            write.delete = true;
            if !self.one_in(8) {
                return write;
            }
        }
        if self.one_in(3) {
            write.base = Some(self.bytes());
        }
        if self.one_in(2) {
            write.append = (0..self.below(4)).map(|_| self.bytes()).collect();
        }
        if self.one_in(4) {
            let (start, end) = head.map_or((0, 0), |head| (head.start.0, head.end.0));
            let trim = (start.saturating_sub(1) + self.below(end - start + 5)).saturating_sub(1);
            write.trim = Some(Offset(if self.one_in(30) { u64::MAX } else { trim }));
        }
        if if head.is_none() { self.one_in(3) } else { self.one_in(30) } {
            write.first = Some(Offset(self.below(20)));
        }
        write.expire = match self.below(8) {
            0 => Expire::Never,
            1 | 2 if self.short_deadlines => Expire::After(Duration::from_millis(1 + self.below(3_000))),
            1 => Expire::After(Duration::from_secs(3_600 + self.below(3_600_000))),
            _ => Expire::Keep,
        };
        write
    }

    fn expect(&mut self, head: Option<(Etag, CommitId, Offset)>) -> Expect {
        let right = !self.one_in(6);
        let old = self.old_commit();
        match (head, self.below(5)) {
            (_, 0) => Expect::Any,
            (None, _) if right => Expect::Absent,
            (Some((etag, ..)), 1 | 2) if right => Expect::Etag(etag),
            (Some((_, incarnation, _)), 3) if right => Expect::Incarnation(incarnation),
            (Some((_, incarnation, end)), _) if right => Expect::End(incarnation, end),
            (Some((etag, ..)), 1) => Expect::Etag(Etag { version: etag.version, commit: old }),
            (Some((_, incarnation, end)), 2) => Expect::End(incarnation, Offset(end.0 + 1)),
            (Some(_), 3) => Expect::Absent,
            (None, 1) => Expect::Etag(Etag { version: 1, commit: old }),
            _ => Expect::Incarnation(old),
        }
    }

    fn queue_write(&mut self, key: Key, state: &Reference) -> QueueWrite {
        let there = state.entries(&key);
        // An id never goes to two shards.
        let near = key.shard() == here().shard();
        let space = |n: u64| {
            Name::from_static(["near", "near too", "far", "far too"][usize::from(!near) * 2 + n as usize])
        };
        let mut write = QueueWrite::new(key.clone());
        for _ in 0..[0, 1, 1, 2, 4][self.rng.usize(..5)] {
            let n = self.below(20);
            let id = match self.below(5) {
                0 => None,
                1 => Some(ItemId::Bytes(space(self.below(2)), [n.to_le_bytes()[0]; 16])),
                _ => Some(ItemId::Number(space(self.below(2)), n.cast_signed() - 10)),
            };
            write.append.push(Append { id, bytes: self.bytes() });
        }
        for _ in 0..[0, 0, 0, 1, 3][self.rng.usize(..5)] {
            let (space, n) = (space(self.below(2)), self.below(20).cast_signed() - 10);
            let left = Duration::from_millis(self.below(50 * 60 * 60 * 1_000));
            // Where no time is leapt over, none runs out meanwhile.
            let left = if self.short_deadlines { left } else { left + Duration::from_hours(1) };
            let left = if self.one_in(8) { Duration::ZERO } else { left };
            write.see.push(See { id: ItemId::Number(space, n), left });
        }
        for _ in 0..[0, 0, 1, 1, 3][self.rng.usize(..5)] {
            let (offset, mut born, mut revision) = if there.is_empty() || self.one_in(10) {
                (Offset(self.below(12)), self.old_commit(), Revision(self.old_commit()))
            } else {
                let entry = there[self.rng.usize(..there.len())];
                (entry.offset, entry.born, entry.revision)
            };
            if self.one_in(10) {
                // Each in the place of the other, or of another entry.
                (born, revision) = if self.one_in(2) {
                    (revision.0, Revision(born))
                } else {
                    (self.old_commit(), Revision(self.old_commit()))
                };
            }
            let taken = write.replace.iter().any(|replace| replace.0 == offset)
                || write.remove.iter().any(|removal| removal.offset == offset);
            if taken && !self.one_in(10) {
                continue;
            }
            match self.below(3) {
                0 => write.replace.push((offset, revision, self.bytes())),
                1 => write.remove.push(Removal { offset, which: Which::Expected(revision) }),
                _ => write.remove.push(Removal { offset, which: Which::Born(born) }),
            }
        }
        write
    }

    pub(super) fn reads(&mut self, state: &Reference) -> Vec<Read> {
        (0..1 + self.below(4)).map(|_| self.read(state)).collect()
    }

    fn read(&mut self, state: &Reference) -> Read {
        let key = self.key();
        let (incarnation, version, start, end) = match state.head(&key) {
            None => (self.old_commit(), 1, 0, 0),
            Some(head) => match head.log() {
                Some(log) => (log.incarnation, log.base_version, log.start.0, log.end.0),
                None => head.queue().map_or((self.old_commit(), 0, 0, 0), |q| (q.incarnation, 0, 0, q.end.0)),
            },
        };
        let incarnation = if self.one_in(8) { self.old_commit() } else { incarnation };
        let from = match self.below(4) {
            0 => From::Start,
            1 => From::Last(self.rng.usize(..6)),
            _ => From::At(incarnation, Offset((start + self.below(end - start + 3)).saturating_sub(1))),
        };
        let base = match self.below(4) {
            0 => Base::Never,
            1 => Base::Always,
            _ => Base::Unless(incarnation, if self.one_in(4) { version + 1 } else { version }),
        };
        let max_bytes = [0, 5, 20, 1 << 20][self.rng.usize(..4)];
        Read::new(key).from(from).base(base).limit([0, 1, 3, 100][self.rng.usize(..4)], max_bytes)
    }
}
