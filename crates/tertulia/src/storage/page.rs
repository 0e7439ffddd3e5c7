//! What reads, commits and listings ask for and give back.

use bytes::Bytes;

use super::{CommitId, Gone, Head, ItemId, LogHead, Offset, QueueHead, Revision};
use crate::{Error, Key, Name, Result, Shard};

/// What to read of a log or a queue.
#[derive(Clone, Debug)]
pub struct Read {
    /// The log or queue.
    pub key: Key,
    /// Where to begin.
    pub from: From,
    /// The most entries; 0 for none at all.
    pub max_entries: usize,
    /// The most bytes of entries; one entry is given all the same if there is any and `max_entries` is not 0.
    pub max_bytes: usize,
    /// Whether a log's base is wanted.
    pub base: Base,
}

/// Where a read begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum From {
    /// At the first entry that is there.
    #[default]
    Start,
    /// At an offset of an incarnation; `Gone` if it was trimmed or the log was made anew. In a queue, at the
    /// first entry that is not before the offset. An offset past the end is `Invalid`, at the end an empty page.
    At(CommitId, Offset),
    /// The last so many entries, oldest first.
    Last(usize),
}

/// Whether a read gives a log's base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Base {
    /// Yes.
    #[default]
    Always,
    /// No.
    Never,
    /// Unless the reader has it: the base set at this version of this incarnation.
    Unless(CommitId, u64),
}

impl Read {
    /// Everything from the start, up to 1,000 entries or 1 MiB of them.
    pub fn new(key: Key) -> Self {
        Self { key, from: From::Start, max_entries: 1_000, max_bytes: 1 << 20, base: Base::Always }
    }

    /// Only the head.
    pub fn head(key: Key) -> Self {
        Self { max_entries: 0, base: Base::Never, ..Self::new(key) }
    }

    /// Begins at `from`.
    #[must_use]
    pub fn from(mut self, from: From) -> Self {
        self.from = from;
        self
    }

    /// Sets the bounds of a page.
    #[must_use]
    pub fn limit(mut self, max_entries: usize, max_bytes: usize) -> Self {
        (self.max_entries, self.max_bytes) = (max_entries, max_bytes);
        self
    }

    /// Says whether the base is wanted.
    #[must_use]
    pub fn base(mut self, base: Base) -> Self {
        self.base = base;
        self
    }
}

/// What a read gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// Of a log.
    Log(LogPage),
    /// Of a queue.
    Queue(QueuePage),
}

/// A page of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPage {
    /// The head at the moment of the read.
    pub head: LogHead,
    /// The base, if there is one and it was wanted.
    pub base: Option<Bytes>,
    /// The offset of the first entry given; where to go on if there are none.
    pub first: Offset,
    /// The entries, dense from `first`.
    pub entries: Vec<Bytes>,
}

/// A page of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuePage {
    /// The head at the moment of the read.
    pub head: QueueHead,
    /// The entries in order, with holes between their offsets.
    pub entries: Vec<QueueEntry>,
}

/// An entry of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueEntry {
    /// Its place.
    pub offset: Offset,
    /// The commit that appended it, whatever has replaced it since.
    pub born: CommitId,
    /// The commit that wrote it last.
    pub revision: Revision,
    /// The id it was appended with.
    pub id: Option<ItemId>,
    /// Its bytes.
    pub bytes: Bytes,
}

impl LogHead {
    /// Where a read of a log with this head begins.
    ///
    /// # Errors
    /// `Gone` if that was trimmed or is of another incarnation, `Invalid` if it is past the end.
    pub fn first(&self, read: &Read) -> Result<Offset> {
        match read.from {
            From::Start => Ok(self.start),
            From::Last(n) => Ok(Offset(self.end.0.saturating_sub(n as u64).max(self.start.0))),
            From::At(incarnation, offset) if incarnation != self.incarnation || offset < self.start => {
                let gone = Gone { incarnation: self.incarnation, start: self.start };
                Err(gone.error(&read.key, incarnation, offset))
            }
            From::At(_, offset) if offset > self.end => Err(Error::invalid(format!(
                "{}: entry {offset} was asked for, the log ends at {}",
                read.key, self.end
            ))),
            From::At(_, offset) => Ok(offset),
        }
    }

    /// Whether a reader that asks for `base` wants the base of a log with this head.
    pub fn wants_base(&self, base: Base) -> bool {
        match base {
            Base::Always => true,
            Base::Never => false,
            Base::Unless(incarnation, version) => {
                (incarnation, version) != (self.incarnation, self.base_version)
            }
        }
    }
}

impl QueueHead {
    /// Where a read of a queue with this head begins; `Last` is left to the reader, who knows the holes.
    ///
    /// # Errors
    /// `Gone` if it is of another incarnation, `Invalid` if it is past the end.
    pub fn first(&self, read: &Read) -> Result<Offset> {
        match read.from {
            From::Start | From::Last(_) => Ok(Offset(0)),
            From::At(incarnation, offset) if incarnation != self.incarnation => {
                let gone = Gone { incarnation: self.incarnation, start: Offset(0) };
                Err(gone.error(&read.key, incarnation, offset))
            }
            From::At(_, offset) if offset > self.end => Err(Error::invalid(format!(
                "{}: entry {offset} was asked for, the queue ends at {}",
                read.key, self.end
            ))),
            From::At(_, offset) => Ok(offset),
        }
    }
}

impl LogPage {
    /// The offset after the last entry given.
    pub fn next(&self) -> Offset {
        Offset(self.first.0 + self.entries.len() as u64)
    }
}

impl Page {
    /// The head.
    pub fn head(&self) -> Head {
        match self {
            Self::Log(page) => Head::Log(page.head),
            Self::Queue(page) => Head::Queue(page.head),
        }
    }

    /// The log's page, if it is one.
    pub fn into_log(self) -> Option<LogPage> {
        match self {
            Self::Log(page) => Some(page),
            Self::Queue(_) => None,
        }
    }

    /// The queue's page, if it is one.
    pub fn into_queue(self) -> Option<QueuePage> {
        match self {
            Self::Log(_) => None,
            Self::Queue(page) => Some(page),
        }
    }
}

/// What a commit did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The head of each write's key after the commit, in the batch's order; `None` where there is none.
    pub heads: Vec<Option<Head>>,
    /// What became of each appended queue entry, in the batch's order.
    pub appended: Vec<Appended>,
}

/// What became of an entry appended to a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is there.
    At(Offset),
    /// Its id was appended before, durably; this one was dropped.
    Seen,
}

/// Which keys to list, each once unless it changes meanwhile.
#[derive(Clone, Debug)]
pub struct ListQuery {
    /// Only keys of this shard.
    pub shard: Option<Shard>,
    /// Only logs of conversations of this source.
    pub source: Option<String>,
    /// Only keys with such names.
    pub names: Names,
    /// Leaves out logs and queues with nothing to read.
    pub not_empty: bool,
    /// Where the page before ended.
    pub after: Option<Cursor>,
    /// The most keys of a page, at least 1.
    pub limit: usize,
}

impl Default for ListQuery {
    fn default() -> Self {
        Self { shard: None, source: None, names: Names::Any, not_empty: false, after: None, limit: 1_000 }
    }
}

/// Which names a listing wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// All.
    #[default]
    Any,
    /// This one.
    Exactly(Name),
    /// Those that begin so.
    Prefix(String),
}

impl Names {
    /// Whether `name` is wanted.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(wanted) => wanted.as_str() == name,
            Self::Prefix(prefix) => name.starts_with(prefix.as_str()),
        }
    }
}

/// Where a listing goes on. Opaque, and good for the storage that gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub Bytes);

/// A page of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The keys with their heads.
    pub keys: Vec<Listed>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
}

/// A key and its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The log or queue.
    pub key: Key,
    /// Its head.
    pub head: Head,
}

impl ListQuery {
    /// Whether `key` is wanted, by shard, source and name.
    pub fn matches(&self, key: &Key) -> bool {
        self.shard.is_none_or(|shard| key.shard() == shard)
            && self.names.matches(key.name().as_str())
            && match (&self.source, key) {
                (None, _) => true,
                (Some(source), Key::Log(conversation, _)) => conversation.source() == source.as_str(),
                (Some(_), _) => false,
            }
    }
}
