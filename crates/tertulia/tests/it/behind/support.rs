//! Random batches that are right one after another, with what is stored after each of them.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use tertulia::storage::{
    Batch, Behind, CommitId, Etag, Expect, Expire, LogHead, LogWrite, Memory, Offset, Outcome, Pending,
    Queued, Read, Storage, Write,
};
use tertulia::{Clock, Conversation, Key, Name};

/// What is stored of a log: what reads can tell, without what joining may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    incarnation: CommitId,
    base: Option<Bytes>,
    start: Offset,
    entries: Vec<Bytes>,
    expires: bool,
}

/// Of each log of a script.
pub(super) type Snapshot = Vec<Option<Stored>>;

/// Makes batches for one conversation. Each is also committed at once, alone and under its own id, to a storage of
/// the script's own, so that the next one fits.
pub(super) struct Script {
    rng: Rng,
    pub(super) conversation: Conversation,
    keys: Vec<Key>,
    reference: Memory,
    /// Of each log the last batch that moved it and the last one that wrote it.
    moved: HashMap<Key, Pending>,
    written: HashMap<Key, Pending>,
    deadlines: bool,
    /// What is stored after none, one, two ... batches.
    pub(super) snapshots: Vec<Snapshot>,
    pub(super) pending: Vec<Pending>,
}

pub(super) fn conversation(id: &str) -> Conversation {
    Conversation::new("test", id).unwrap()
}

pub(super) fn log(conversation: &Conversation, name: &'static str) -> Key {
    Key::Log(conversation.clone(), Name::from_static(name))
}

pub(super) fn plain(write: LogWrite) -> Queued {
    Queued { write, after: None }
}

pub(super) fn after(pending: &Pending, write: LogWrite) -> Queued {
    Queued { write, after: Some(pending.clone()) }
}

/// An expectation whose numbers are those of no log.
pub(super) fn some_etag() -> Expect {
    Expect::Etag(Etag { version: 999, commit: CommitId(999) })
}

pub(super) async fn stored(storage: &dyn Storage, key: &Key) -> Option<(LogHead, Stored)> {
    let read = Read::new(key.clone()).limit(usize::MAX, usize::MAX);
    let page = storage.read(&[read]).await.unwrap().remove(0).unwrap()?.into_log().unwrap();
    let (head, expires) = (page.head, page.head.expires_in.is_some());
    let (incarnation, start, base, entries) = (head.incarnation, head.start, page.base, page.entries);
    assert_eq!(head.end, Offset(start.0 + entries.len() as u64));
    Some((head, Stored { incarnation, base, start, entries, expires }))
}

/// A log's entries, as text.
pub(super) async fn entries(storage: &dyn Storage, key: &Key) -> Vec<String> {
    let stored = stored(storage, key).await.map_or_else(Vec::new, |(_, stored)| stored.entries);
    stored.iter().map(|entry| String::from_utf8_lossy(entry).into_owned()).collect()
}

impl Script {
    pub(super) fn new(seed: u64, id: &str, deadlines: bool) -> Self {
        let conversation = conversation(id);
        let keys = ["a", "b", "c"].map(|name| log(&conversation, name)).to_vec();
        Self {
            rng: Rng::with_seed(seed),
            conversation,
            snapshots: vec![vec![None; keys.len()]],
            keys,
            reference: Memory::with(Clock::system(), Default::default(), 1 << 30),
            moved: HashMap::new(),
            written: HashMap::new(),
            deadlines,
            pending: Vec::new(),
        }
    }

    pub(super) async fn snapshot(&self, storage: &dyn Storage) -> Snapshot {
        let mut snapshot = Vec::new();
        for key in &self.keys {
            snapshot.push(stored(storage, key).await.map(|(_, stored)| stored));
        }
        snapshot
    }

    /// Queues a batch more.
    pub(super) async fn push(&mut self, behind: &Behind, storage: &dyn Storage) -> tertulia::Result<()> {
        let is_idle = behind.is_idle(&self.conversation);
        let (mut queued, mut direct) = (Vec::new(), Vec::new());
        let all_alike = self.rng.bool();
        for key in self.keys.clone() {
            if !(all_alike && key == self.keys[0]) && self.rng.u8(..3) == 0 {
                continue;
            }
            let head = stored(&self.reference, &key).await.map(|(head, _)| head);
            let write = self.write(key.clone(), head);
            direct.push(Write::Log(write.clone()));
            let real = if is_idle { stored(storage, &key).await.map(|(head, _)| head) } else { None };
            queued.push(self.queued(write, real));
        }
        let pending = behind.push(&self.conversation, queued).await?;
        for write in &direct {
            let Write::Log(log) = write else { continue };
            if log.base.is_some() || !log.append.is_empty() || log.delete {
                self.moved.insert(log.key.clone(), pending.clone());
            }
            self.written.insert(log.key.clone(), pending.clone());
        }
        self.reference.commit(Batch::new(pending.commit_id(), direct)).await.expect("right by construction");
        self.snapshots.push(self.snapshot(&self.reference).await);
        self.pending.push(pending);
        Ok(())
    }

    /// A write that holds for a log with this head.
    fn write(&mut self, key: Key, head: Option<LogHead>) -> LogWrite {
        let rng = &mut self.rng;
        let expect = match head {
            _ if rng.u8(..5) == 0 => Expect::Any,
            None => Expect::Absent,
            Some(head) => match rng.u8(..3) {
                0 => Expect::Etag(head.etag),
                1 => Expect::End(head.incarnation, head.end),
                _ => Expect::Incarnation(head.incarnation),
            },
        };
        let mut write = LogWrite::new(key).expect(expect);
        if rng.u8(..10) == 0 {
            return write.delete();
        }
        let mut bytes =
            || Bytes::from((0..rng.usize(1..6)).map(|_| rng.alphanumeric() as u8).collect::<Vec<_>>());
        let (base, more) = (bytes(), [bytes(), bytes()]);
        if rng.u8(..3) == 0 {
            write = write.base(base);
        }
        write.append = more.into_iter().take(rng.usize(..4) % 3).collect();
        let (start, end) = head.map_or((0, 0), |head| (head.start.0, head.end.0));
        let end = end + write.append.len() as u64;
        match rng.u8(..6) {
            0 => write = write.trim(Offset(end)),
            1 => write = write.trim(Offset(rng.u64(start.saturating_sub(1)..end + 3))),
            _ => {}
        }
        if head.is_none() && (write.base.is_some() || !write.append.is_empty()) && rng.u8(..8) == 0 {
            write.first = Some(Offset(rng.u64(..9)));
        }
        match rng.u8(..12) {
            0 => write.expire(Expire::Never),
            1 | 2 => write.expire(Expire::After(Duration::from_hours(10_000))),
            3 if self.deadlines => write.expire(Expire::After(Duration::ZERO)),
            _ => write,
        }
    }

    /// The same write, built on what was queued, or on the `real` head if it is known.
    fn queued(&mut self, mut write: LogWrite, real: Option<LogHead>) -> Queued {
        let Some(moved) = self.moved.get(&write.key) else { return plain(write) };
        if let (Some(real), Expect::Etag(_)) = (real, write.expect)
            && self.rng.bool()
        {
            return plain(write.expect(Expect::Etag(real.etag)));
        }
        if write.expect == Expect::Any && self.rng.bool() {
            return plain(write);
        }
        let after = if self.rng.bool() { moved } else { &self.written[&write.key] };
        write.expect = match write.expect {
            Expect::Etag(_) => some_etag(),
            Expect::End(..) => Expect::End(CommitId(999), Offset(999)),
            Expect::Incarnation(_) => Expect::Incarnation(CommitId(999)),
            expect => expect,
        };
        Queued { write, after: Some(after.clone()) }
    }

    /// How many batches were committed; those and no others, from the first on.
    pub(super) fn committed(&self) -> usize {
        let is_committed = |pending: &&Pending| matches!(pending.outcome(), Outcome::Committed);
        let committed = self.pending.iter().take_while(is_committed).count();
        assert_eq!(self.pending.iter().filter(is_committed).count(), committed, "there is a hole");
        committed
    }
}
