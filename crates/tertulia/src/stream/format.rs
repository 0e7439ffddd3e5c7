//! How a stream is stored: its base, and records of the entries that were committed together.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::block::{Block, Run};
use super::branches::{Branch, Branches};
use super::meta::{Attempt, Meta, Origin, Phase};
use super::producers::{Producers, Remembered};
use super::{BranchId, Cursor, End, Expiry, StreamId, Visible};
use crate::{Conversation, Error, Result, Timestamp};

/// The version this program writes, of bases and of records.
pub(super) const VERSION: u8 = 1;

/// Writes what a stream is: the version, then a map in MessagePack.
pub(super) fn encode_meta(meta: &Meta) -> Bytes {
    let mut out = vec![VERSION];
    rmp_serde::encode::write_named(&mut out, &Stored::from(meta)).expect("a vector takes everything");
    out.into()
}

/// Reads what a stream is.
///
/// # Errors
/// `Corrupt`.
pub(super) fn decode_meta(base: &[u8]) -> Result<Meta> {
    let map = match base.split_first() {
        Some((&VERSION, map)) => map,
        Some((version, _)) => {
            return Err(Error::corrupt(format!(
                "the base has version {version}, this program reads {VERSION}"
            )));
        }
        None => return Err(Error::corrupt("the base is empty")),
    };
    let stored: Stored = rmp_serde::from_slice(map)
        .map_err(|error| Error::corrupt("the base cannot be read").with_source(error))?;
    stored.meta()
}

/// Writes entries that are committed together, at `now`: the version, and in MessagePack the offset of the first, the
/// milliseconds since 1970, how many there are and the length of each; then the entries, each with its separator.
pub(super) fn encode_record(runs: &[Run], now: Timestamp) -> Bytes {
    let payload: usize = runs.iter().map(Run::bytes).sum();
    let count: usize = runs.iter().map(|run| run.range.len()).sum();
    let mut out = Vec::with_capacity(payload + count * 3 + 24);
    out.push(VERSION);
    write(&mut out, runs.first().map_or(0, Run::first));
    write(&mut out, now.0);
    write(&mut out, count as u64);
    for run in runs {
        for entry in run.range.clone() {
            write(&mut out, run.block.length(entry) as u64);
        }
    }
    for run in runs {
        out.extend_from_slice(&run.with_separators());
    }
    out.into()
}

fn write(out: &mut Vec<u8>, number: u64) {
    rmp::encode::write_uint(out, number).expect("a vector takes everything");
}

/// Entries that were committed together.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) block: Block,
    pub(super) at: Timestamp,
}

/// Reads a record. The entries share its memory.
///
/// # Errors
/// `Corrupt`.
pub(super) fn decode_record(record: &Bytes) -> Result<Record> {
    let corrupt = || Error::corrupt("a record cannot be read");
    let mut rest = match record.split_first() {
        Some((&VERSION, rest)) => rest,
        Some((version, _)) => {
            return Err(Error::corrupt(format!(
                "a record has version {version}, this program reads {VERSION}"
            )));
        }
        None => return Err(corrupt()),
    };
    let mut number = || rmp::decode::read_int::<u64, _>(&mut rest).map_err(|_| corrupt());
    let (first, at, count) = (number()?, number()?, number()?);
    let count = usize::try_from(count).ok().filter(|count| *count <= record.len()).ok_or_else(corrupt)?;
    let mut ends = Vec::with_capacity(count);
    let mut end = 0_u32;
    for _ in 0..count {
        end = u32::try_from(number()?).ok().and_then(|length| end.checked_add(length)).ok_or_else(corrupt)?;
        ends.push(end);
    }
    if rest.len() != end as usize || first.checked_add(count as u64).is_none() {
        return Err(corrupt());
    }
    let bytes = record.slice(record.len() - rest.len()..);
    Ok(Record { block: Block { first, bytes, ends: Arc::from(ends) }, at: Timestamp(at) })
}

/// A base as it is stored. Absent fields have their defaults.
#[derive(Serialize, Deserialize)]
struct Stored {
    id: u64,
    #[serde(rename = "type", default, skip_serializing_if = "String::is_empty")]
    content_type: String,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    live: bool,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    abandoned_after: Option<u64>,
    /// Id, first entry, where its records begin in the log.
    branches: Vec<(u64, u64, u64)>,
    #[serde(default, skip_serializing_if = "is_default")]
    start: u64,
    /// Id, epoch, number of the last request, when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    producers: Vec<(String, u64, u64, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seq: Option<String>,
    /// Number, first entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<(u32, u64)>,
    /// 1 complete, 2 stopped, 3 aborted.
    #[serde(default, skip_serializing_if = "is_default")]
    closed: u8,
    #[serde(default, skip_serializing_if = "is_default")]
    cancelled: bool,
    /// Conversation, name, offset, branch, how much more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<(String, String, u64, u64, u64)>,
    /// Conversation, name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    forks: Vec<(String, String)>,
    /// 0 here, 1 awaited, 2 building, 3 deleted.
    #[serde(default, skip_serializing_if = "is_default")]
    phase: u8,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl std::convert::From<&Meta> for Stored {
    fn from(meta: &Meta) -> Self {
        let name = |id: &StreamId| (id.conversation().to_string(), id.name().to_owned());
        Self {
            id: meta.id.0,
            content_type: meta.content_type.to_string(),
            ttl: meta.expiry.sliding().map(millis),
            expires_at: match meta.expiry {
                Expiry::At(at) => Some(at.0),
                Expiry::Never | Expiry::Sliding(_) => None,
            },
            live: meta.visible == Visible::Live,
            abandoned_after: meta.abandoned_after.map(millis),
            branches: meta.branches.iter().map(|branch| (branch.id.0, branch.from, branch.log)).collect(),
            start: meta.start,
            producers: {
                let producers = meta.producers.0.iter();
                producers.map(|known| (known.id.clone(), known.epoch, known.seq, known.at.0)).collect()
            },
            seq: meta.seq.clone(),
            attempt: meta.attempt.map(|attempt| (attempt.number, attempt.from)),
            closed: match meta.closed {
                None => 0,
                Some(End::Complete) => 1,
                Some(End::Stopped) => 2,
                Some(End::Aborted) => 3,
            },
            cancelled: meta.cancelled,
            origin: meta.origin.as_ref().map(|origin| {
                let (conversation, stream) = name(&origin.source);
                (conversation, stream, origin.at.offset, origin.at.branch.0, origin.sub)
            }),
            forks: meta.forks.iter().map(name).collect(),
            phase: match meta.phase {
                Phase::Here => 0,
                Phase::Awaited => 1,
                Phase::Building => 2,
                Phase::Deleted => 3,
            },
        }
    }
}

impl Stored {
    fn meta(self) -> Result<Meta> {
        let corrupt = |what: &str| Error::corrupt(format!("the base cannot be read: {what}"));
        let stream = |conversation: &str, name: &str| {
            let conversation = Conversation::parse(conversation).map_err(|_| corrupt("a conversation"))?;
            StreamId::new(conversation, name).map_err(|_| corrupt("a stream's name"))
        };
        let branches = self.branches.iter().map(|&(id, from, log)| Branch { id: BranchId(id), from, log });
        let producers = self.producers.into_iter().map(|(id, epoch, seq, at)| {
            let at = Timestamp(at);
            Remembered { id, epoch, seq, at }
        });
        Ok(Meta {
            id: BranchId(self.id),
            content_type: self.content_type.into(),
            expiry: match (self.ttl, self.expires_at) {
                (Some(ttl), _) => Expiry::Sliding(Duration::from_millis(ttl)),
                (None, Some(at)) => Expiry::At(Timestamp(at)),
                (None, None) => Expiry::Never,
            },
            visible: if self.live { Visible::Live } else { Visible::Gated },
            abandoned_after: self.abandoned_after.map(Duration::from_millis),
            branches: Branches::stored(branches.collect()).ok_or_else(|| corrupt("no branch"))?,
            start: self.start,
            producers: Producers(producers.collect()),
            seq: self.seq,
            attempt: self.attempt.map(|(number, from)| Attempt { number, from }),
            closed: match self.closed {
                0 => None,
                1 => Some(End::Complete),
                2 => Some(End::Stopped),
                3 => Some(End::Aborted),
                _ => return Err(corrupt("how it ended")),
            },
            cancelled: self.cancelled,
            origin: match self.origin {
                Some((conversation, name, offset, branch, sub)) => {
                    let at = Cursor { offset, branch: BranchId(branch) };
                    Some(Origin { source: stream(&conversation, &name)?, at, sub })
                }
                None => None,
            },
            forks: {
                let forks = self.forks.iter();
                forks.map(|(conversation, name)| stream(conversation, name)).collect::<Result<_>>()?
            },
            phase: match self.phase {
                0 => Phase::Here,
                1 => Phase::Awaited,
                2 => Phase::Building,
                3 => Phase::Deleted,
                _ => return Err(corrupt("its phase")),
            },
        })
    }
}

#[cfg(test)]
mod tests;
