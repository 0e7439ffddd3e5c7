//! A batch: writes to logs and queues that apply whole or not at all.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::{CommitId, Etag, Limits, Offset, Revision, See};
use crate::{Error, Key, Name, Result};

/// Writes that apply whole or not at all. At most one write per key.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Made by the caller from [`Clock::random`](crate::Clock::random); the same for every retry of this batch.
    pub id: CommitId,
    /// In any order.
    pub writes: Vec<Write>,
}

/// A write to a log or a queue.
#[derive(Clone, Debug)]
pub enum Write {
    /// To a log.
    Log(LogWrite),
    /// To a queue.
    Queue(QueueWrite),
}

/// What to do with a log. Within one write the order is base, append, trim, expire.
///
/// A write with nothing but an expectation is a check and changes nothing. Only `base` and `append` create a log.
#[derive(Clone, Debug)]
pub struct LogWrite {
    /// The log.
    pub key: Key,
    /// What must hold for the whole batch to apply.
    pub expect: Expect,
    /// Replaces the base.
    pub base: Option<Bytes>,
    /// Entries added at the end.
    pub append: Vec<Bytes>,
    /// Where the first entry of a new log is, for forks, at most [`MAX_FIRST`](Self::MAX_FIRST); `Invalid` on a
    /// log that exists.
    pub first: Option<Offset>,
    /// Drops the entries before this offset, at most up to the end.
    pub trim: Option<Offset>,
    /// The deadline.
    pub expire: Expire,
    /// Removes the log. Stands alone.
    pub delete: bool,
}

/// What must hold of a log before a batch applies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expect {
    /// Anything.
    #[default]
    Any,
    /// There is no such log.
    Absent,
    /// The log is the one this commit created.
    Incarnation(CommitId),
    /// Nothing was set or appended since.
    Etag(Etag),
    /// The log is the one this commit created, and ends here.
    End(CommitId, Offset),
}

/// What a write does to a log's deadline. Deadlines are relative, by the storage's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expire {
    /// Leaves it as it is; a new log has none.
    #[default]
    Keep,
    /// Removes it.
    Never,
    /// The log is absent once this much time has passed.
    After(Duration),
}

/// What to do with a queue.
#[derive(Clone, Debug)]
pub struct QueueWrite {
    /// The queue.
    pub key: Key,
    /// Entries added at the end, unless their id was appended before.
    pub append: Vec<Append>,
    /// Entries to replace; a `Conflict` if one is gone or has another revision.
    pub replace: Vec<(Offset, Revision, Bytes)>,
    /// Entries to remove.
    pub remove: Vec<Removal>,
    /// Ids to remember without entries, such as those of a store that this one takes the place of. They make a queue,
    /// and move no etag but that of a queue that they make.
    pub see: Vec<See>,
}

/// An entry to remove from a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Where it is.
    pub offset: Offset,
    /// Which of those that may be there.
    pub which: Which,
}

/// Which entry a removal takes. The offset alone does not tell: a storage that lost the end of a queue gives it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one with this revision: a `Conflict` if it is gone or has another.
    Expected(Revision),
    /// The one that this commit appended, whatever has become of it, as when somebody else has marked it. If it is
    /// not there, nothing happens.
    Born(CommitId),
}

/// An entry to append to a queue.
#[derive(Clone, Debug)]
pub struct Append {
    /// If given, an id appended within the last 48 hours is answered as seen and not appended again.
    pub id: Option<ItemId>,
    /// The entry.
    pub bytes: Bytes,
}

/// What makes an entry the same entry: a number or 16 bytes within a space, such as a source's update ids.
/// Seen per queue name and space; an id never goes to two shards.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemId {
    /// A number.
    Number(Name, i64),
    /// A hash or other 16 bytes.
    Bytes(Name, [u8; 16]),
}

impl ItemId {
    /// The bytes of a number or other id, and of its space.
    fn bytes(&self) -> usize {
        match self {
            Self::Number(space, number) => size_of_val(number) + space.as_str().len(),
            Self::Bytes(space, bytes) => bytes.len() + space.as_str().len(),
        }
    }
}

impl fmt::Display for ItemId {
    /// The space, a slash, and the number or 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(space, number) => write!(f, "{space}/{number}"),
            Self::Bytes(space, bytes) => write!(f, "{space}/{:032x}", u128::from_be_bytes(*bytes)),
        }
    }
}

impl LogWrite {
    /// The highest offset that a log may begin at. It leaves room to append, and engines whose integers are signed
    /// or are doubles count all that follows exactly.
    pub const MAX_FIRST: Offset = Offset(1 << 52);

    /// A write that does nothing yet; a mere check if only `expect` is set.
    pub fn new(key: Key) -> Self {
        Self {
            key,
            expect: Expect::Any,
            base: None,
            append: Vec::new(),
            first: None,
            trim: None,
            expire: Expire::Keep,
            delete: false,
        }
    }

    /// Sets what must hold.
    #[must_use]
    pub fn expect(mut self, expect: Expect) -> Self {
        self.expect = expect;
        self
    }

    /// Sets the base.
    #[must_use]
    pub fn base(mut self, base: impl Into<Bytes>) -> Self {
        self.base = Some(base.into());
        self
    }

    /// Adds an entry at the end.
    #[must_use]
    pub fn append(mut self, entry: impl Into<Bytes>) -> Self {
        self.append.push(entry.into());
        self
    }

    /// Drops the entries before `offset`.
    #[must_use]
    pub fn trim(mut self, offset: Offset) -> Self {
        self.trim = Some(offset);
        self
    }

    /// Sets the deadline.
    #[must_use]
    pub fn expire(mut self, expire: Expire) -> Self {
        self.expire = expire;
        self
    }

    /// Removes the log.
    #[must_use]
    pub fn delete(mut self) -> Self {
        self.delete = true;
        self
    }
}

impl QueueWrite {
    /// A write that does nothing yet.
    pub fn new(key: Key) -> Self {
        Self { key, append: Vec::new(), replace: Vec::new(), remove: Vec::new(), see: Vec::new() }
    }

    /// Adds an entry at the end.
    #[must_use]
    pub fn append(mut self, id: Option<ItemId>, bytes: impl Into<Bytes>) -> Self {
        self.append.push(Append { id, bytes: bytes.into() });
        self
    }

    /// Replaces an entry.
    #[must_use]
    pub fn replace(mut self, offset: Offset, revision: Revision, bytes: impl Into<Bytes>) -> Self {
        self.replace.push((offset, revision, bytes.into()));
        self
    }

    /// Removes an entry, which must still be this one.
    #[must_use]
    pub fn remove(mut self, offset: Offset, revision: Revision) -> Self {
        self.remove.push(Removal { offset, which: Which::Expected(revision) });
        self
    }

    /// Removes the entry that the commit `born` appended, if it is there, whatever has become of it.
    #[must_use]
    pub fn discard(mut self, offset: Offset, born: CommitId) -> Self {
        self.remove.push(Removal { offset, which: Which::Born(born) });
        self
    }

    /// Remembers an id for so much longer without an entry.
    #[must_use]
    pub fn see(mut self, id: ItemId, left: Duration) -> Self {
        self.see.push(See { id, left });
        self
    }
}

impl From<LogWrite> for Write {
    fn from(write: LogWrite) -> Self {
        Self::Log(write)
    }
}

impl From<QueueWrite> for Write {
    fn from(write: QueueWrite) -> Self {
        Self::Queue(write)
    }
}

impl Write {
    /// What it writes to.
    pub fn key(&self) -> &Key {
        match self {
            Self::Log(write) => &write.key,
            Self::Queue(write) => &write.key,
        }
    }

    /// The bytes it carries, those of ids without entries too.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Log(write) => write.bytes(),
            Self::Queue(write) => {
                write.append.iter().map(|append| append.bytes.len()).sum::<usize>()
                    + write.replace.iter().map(|(_, _, bytes)| bytes.len()).sum::<usize>()
                    + write.see.iter().map(|see| see.id.bytes()).sum::<usize>()
            }
        }
    }
}

impl Batch {
    /// A batch with these writes.
    pub fn new(id: CommitId, writes: Vec<Write>) -> Self {
        Self { id, writes }
    }

    /// Refuses what no storage accepts: sizes over the limits, two writes to one key, a queue written as a log.
    /// Every storage calls it first.
    ///
    /// # Errors
    /// `Invalid`, naming the key and the limit.
    pub fn check(&self, limits: &Limits) -> Result<()> {
        if self.writes.len() > limits.writes {
            return Err(Error::invalid(format!(
                "batch has {} writes, at most {} are allowed",
                self.writes.len(),
                limits.writes
            )));
        }
        let bytes: usize = self.writes.iter().map(Write::bytes).sum();
        if bytes > limits.batch_bytes {
            return Err(Error::invalid(format!(
                "batch has {bytes} bytes, at most {} are allowed",
                limits.batch_bytes
            )));
        }
        for write in &self.writes {
            match write {
                Write::Log(write) => write.check(limits)?,
                Write::Queue(write) => write.check(limits)?,
            }
        }
        self.check_keys()
    }

    fn check_keys(&self) -> Result<()> {
        let twice = |key: &Key| Error::invalid(format!("batch writes {key} twice"));
        if self.writes.len() <= 8 {
            for (i, write) in self.writes.iter().enumerate() {
                if self.writes[..i].iter().any(|earlier| earlier.key() == write.key()) {
                    return Err(twice(write.key()));
                }
            }
            return Ok(());
        }
        let mut keys: Vec<&Key> = self.writes.iter().map(Write::key).collect();
        keys.sort_unstable();
        match keys.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(twice(pair[0])),
            None => Ok(()),
        }
    }
}

impl LogWrite {
    /// The bytes it carries.
    pub(crate) fn bytes(&self) -> usize {
        self.base.as_ref().map_or(0, Bytes::len) + self.append.iter().map(Bytes::len).sum::<usize>()
    }

    fn check(&self, limits: &Limits) -> Result<()> {
        let key = &self.key;
        if key.is_queue() {
            return Err(Error::invalid(format!("{key} is a queue and was written as a log")));
        }
        if let Some(base) = &self.base
            && base.len() > limits.base_bytes
        {
            return Err(Error::invalid(format!(
                "{key}: base has {} bytes, at most {} are allowed",
                base.len(),
                limits.base_bytes
            )));
        }
        for entry in &self.append {
            limits.check_entry(key, entry)?;
        }
        let empty = self.base.is_none() && self.append.is_empty();
        if self.delete
            && !(empty && self.first.is_none() && self.trim.is_none() && self.expire == Expire::Keep)
        {
            return Err(Error::invalid(format!("{key}: a delete stands alone, with at most an expectation")));
        }
        if self.first.is_some() && empty {
            return Err(Error::invalid(format!("{key}: a first offset needs a base or an entry")));
        }
        if let Some(first) = self.first
            && first > Self::MAX_FIRST
        {
            return Err(Error::invalid(format!(
                "{key}: a first offset of {first} was given, at most {} is allowed",
                Self::MAX_FIRST
            )));
        }
        Ok(())
    }
}

impl QueueWrite {
    fn check(&self, limits: &Limits) -> Result<()> {
        let key = &self.key;
        if !key.is_queue() {
            return Err(Error::invalid(format!("{key} is a log and was written as a queue")));
        }
        for entry in self.append.iter().map(|append| &append.bytes).chain(self.replace.iter().map(|r| &r.2)) {
            limits.check_entry(key, entry)?;
        }
        let mut offsets: Vec<Offset> =
            self.replace.iter().map(|r| r.0).chain(self.remove.iter().map(|r| r.offset)).collect();
        offsets.sort_unstable();
        match offsets.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Error::invalid(format!("{key}: batch changes entry {} twice", pair[0]))),
            None => Ok(()),
        }
    }
}
