//! What a storage knows of a log or a queue without reading it.

use std::fmt;
use std::time::Duration;

/// The id of a commit, made by the caller through the clock: random, so that a version that was lost and made
/// again with other content is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(pub u64);

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The state of a log or queue at a moment. It moves when a base is set or an entry appended, not when something
/// is trimmed, removed or given a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Etag {
    /// How often it moved in this incarnation, from 1.
    pub version: u64,
    /// The commit that moved it last.
    pub commit: CommitId,
}

/// The place of an entry. In a log offsets are dense; in a queue they grow and removals leave holes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub u64);

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The commit that appended a queue's entry or replaced it last. A number would not do: a storage that lost the end of
/// a queue gives its offsets again, and the entry there is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub CommitId);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a storage knows of a queue's entry without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryHead {
    /// The commit that appended it. It never changes.
    pub born: CommitId,
    /// The commit that wrote it last.
    pub revision: Revision,
    /// Its length in bytes.
    pub len: u64,
}

/// The head of a log or of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// A log's.
    Log(LogHead),
    /// A queue's.
    Queue(QueueHead),
}

/// The head of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogHead {
    /// Moves with every base and append.
    pub etag: Etag,
    /// The commit that created the log. A log deleted and made again has another one.
    pub incarnation: CommitId,
    /// The etag's version when the base was set last; 0 if there is none.
    pub base_version: u64,
    /// The base's length in bytes.
    pub base_len: u64,
    /// The first entry that is there.
    pub start: Offset,
    /// The offset the next entry gets.
    pub end: Offset,
    /// Bytes appended since the base was set, trimmed ones included.
    pub entry_bytes: u64,
    /// How long until it expires; `None` if never.
    pub expires_in: Option<Duration>,
}

/// The head of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueHead {
    /// Moves with every append.
    pub etag: Etag,
    /// The commit that created the queue.
    pub incarnation: CommitId,
    /// The offset the next entry gets.
    pub end: Offset,
    /// How many entries there are.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Head {
    /// The etag.
    pub fn etag(&self) -> Etag {
        match self {
            Self::Log(head) => head.etag,
            Self::Queue(head) => head.etag,
        }
    }

    /// The log's head, if it is one.
    pub fn log(&self) -> Option<LogHead> {
        match self {
            Self::Log(head) => Some(*head),
            Self::Queue(_) => None,
        }
    }

    /// The queue's head, if it is one.
    pub fn queue(&self) -> Option<QueueHead> {
        match self {
            Self::Log(_) => None,
            Self::Queue(head) => Some(*head),
        }
    }

    /// Whether there is nothing to read: no base and no entry.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Log(head) => head.base_version == 0 && head.start == head.end,
            Self::Queue(head) => head.count == 0,
        }
    }
}
