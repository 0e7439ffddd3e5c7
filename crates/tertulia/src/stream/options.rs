//! How a stream is made, and the bounds of all of them.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::{Cursor, StreamId};
use crate::{Error, Result, Timestamp};

/// What a stream is when it is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateOptions {
    /// The media type of the entries, such as `application/json`; `application/octet-stream` if empty, or the
    /// source's for a fork. At most 255 bytes.
    pub content_type: String,
    /// When it goes by itself.
    pub expiry: Expiry,
    /// When readers see what is appended.
    pub visible: Visible,
    /// Its first entries.
    pub entries: Vec<Bytes>,
    /// Whether it is closed as soon as it is made.
    pub closed: bool,
    /// The stream it begins as a copy of.
    pub fork: Option<ForkFrom>,
    /// A stream to which nothing is appended for so long ends as [`End::Aborted`]; never if not given. This is how
    /// readers learn that a producer outside of a handler has died.
    pub abandoned_after: Option<Duration>,
}

/// When a stream goes by itself. At least a second, at most 100 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry {
    /// It stays.
    #[default]
    Never,
    /// So long after it was last written or read.
    Sliding(Duration),
    /// At this moment.
    At(Timestamp),
}

/// When readers see what is appended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visible {
    /// Once it is as durable as the storage promises. What was read is never lost.
    #[default]
    Gated,
    /// At once. It is stored within 25 ms, or once 4 KiB have come together; a crash may lose what was not, and
    /// readers are told.
    Live,
}

/// What a fork is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkFrom {
    /// The stream.
    pub source: StreamId,
    /// Up to where it is copied; its end if not given.
    pub at: Option<Cursor>,
    /// How much of what comes next is copied too: entries of a JSON stream, bytes of the next entry of another.
    pub sub: u64,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Whoever wrote it said all there was to say.
    Complete,
    /// Somebody stopped it.
    Stopped,
    /// Whoever wrote it is gone or has given up.
    Aborted,
}

/// What is to be appended, as one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Append {
    /// The entries, in order.
    pub entries: Vec<Bytes>,
    /// Who appends them, and which of its requests this is: the same again is answered and not appended.
    pub producer: Option<Producer>,
    /// A text that has to be greater than the last one given, byte by byte. At most 256 bytes.
    pub seq: Option<String>,
    /// Closes the stream after the entries.
    pub close: Option<End>,
}

/// A producer and which of its requests this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// Its name, at most 256 bytes.
    pub id: String,
    /// Greater each time it starts; a lower one is refused from then on.
    pub epoch: u64,
    /// The number of the request, dense from 0 in each epoch.
    pub seq: u64,
}

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is there; this is where it ends.
    New(Cursor),
    /// The producer's request was taken before.
    Duplicate {
        /// Where the stream ends.
        end: Cursor,
        /// The last request of the producer's epoch that was taken, if a producer asked.
        last: Option<u64>,
    },
}

/// How much to read at once. One entry is given all the same if there is any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The most entries.
    pub entries: usize,
    /// The most bytes.
    pub bytes: usize,
}

/// The bounds of all streams of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamsOptions {
    /// The most bytes that streams take in memory: 256 MiB. Beyond, closed streams leave first, the ones closed
    /// longest ago before others, then those not written for longest. What is stored is read again when it is asked
    /// for; what is in memory alone is gone.
    pub memory: usize,
    /// The most bytes of one stream in memory: 32 MiB. Beyond, its first entries leave; readers of a stream in memory
    /// alone are told where it begins.
    pub stream_memory: usize,
    /// The most bytes that wait to be stored, of one stream; whoever appends more waits: 4 MiB.
    pub unstored: usize,
}

impl Default for StreamsOptions {
    fn default() -> Self {
        Self { memory: 256 << 20, stream_memory: 32 << 20, unstored: 4 << 20 }
    }
}

impl Limit {
    /// What a reader is given at once unless it asks for something else: 10,000 entries or 64 KiB.
    pub const PAGE: Self = Self { entries: 10_000, bytes: 64 << 10 };
    /// Everything that is there.
    pub const NONE: Self = Self { entries: usize::MAX, bytes: usize::MAX };
}

impl Default for Limit {
    fn default() -> Self {
        Self::PAGE
    }
}

/// The most bytes of a content type.
const MAX_TYPE: usize = 255;
/// The shortest and the longest life of a stream.
const LIFE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(100 * 366 * 24 * 60 * 60));
/// The most bytes of a producer's name and of a sequence text.
const MAX_TEXT: usize = 256;
/// The most bytes of one entry, and of all entries of one append: what a storage takes as one entry, with room for
/// what is noted beside it.
const MAX_BYTES: usize = (8 << 20) - (64 << 10);
/// The most entries of one append.
const MAX_ENTRIES: usize = 10_000;
/// The largest number a producer may give: what a double holds exactly.
const MAX_NUMBER: u64 = (1 << 53) - 1;

impl CreateOptions {
    /// What is appended when the stream is made.
    pub(super) fn begin(&self) -> Append {
        let close = self.closed.then_some(End::Complete);
        Append { entries: self.entries.clone(), close, ..Append::default() }
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.content_type.len() > MAX_TYPE {
            return Err(Error::invalid(format!(
                "the content type has {} bytes, at most {MAX_TYPE} are allowed",
                self.content_type.len()
            )));
        }
        let spans = [("abandoned_after", self.abandoned_after), ("the time to live", self.expiry.sliding())];
        for (what, span) in spans {
            if let Some(span) = span
                && !(LIFE.0..=LIFE.1).contains(&span)
            {
                return Err(Error::invalid(format!(
                    "{what} is {span:?}, between {:?} and {:?} is allowed",
                    LIFE.0, LIFE.1
                )));
            }
        }
        Ok(())
    }
}

impl Expiry {
    /// The time to live, if it slides.
    pub fn sliding(self) -> Option<Duration> {
        match self {
            Self::Sliding(ttl) => Some(ttl),
            Self::Never | Self::At(_) => None,
        }
    }
}

impl Append {
    pub(super) fn check(&self) -> Result<()> {
        if let Some(producer) = &self.producer {
            if producer.id.is_empty() || producer.id.len() > MAX_TEXT {
                return Err(Error::invalid(format!(
                    "a producer's id has {} bytes, 1 to {MAX_TEXT} are allowed",
                    producer.id.len()
                )));
            }
            if producer.epoch > MAX_NUMBER || producer.seq > MAX_NUMBER {
                return Err(Error::invalid(format!(
                    "a producer's epoch and sequence number are at most {MAX_NUMBER}"
                )));
            }
        }
        match &self.seq {
            Some(seq) if seq.len() > MAX_TEXT => Err(Error::invalid(format!(
                "the sequence has {} bytes, at most {MAX_TEXT} are allowed",
                seq.len()
            ))),
            _ => Ok(()),
        }
    }

    pub(super) fn check_size(&self, id: &StreamId) -> Result<()> {
        let (entries, bytes) = (self.entries.len(), self.bytes());
        if entries > MAX_ENTRIES || bytes > MAX_BYTES {
            return Err(Error::invalid(format!(
                "stream {id}: {entries} entries of {bytes} bytes were given, at most {MAX_ENTRIES} of {MAX_BYTES} are allowed"
            )));
        }
        Ok(())
    }

    pub(super) fn bytes(&self) -> usize {
        self.entries.iter().map(Bytes::len).sum()
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Complete => "complete",
            Self::Stopped => "stopped",
            Self::Aborted => "aborted",
        })
    }
}
