//! What a stream is, beside its entries, and what it takes: rules without time limits, storage or waiting.

use std::sync::Arc;
use std::time::Duration;

use super::branches::{Branch, Branches, UNPLACED};
use super::producers::{Producers, Request};
use super::{Append, BranchId, Cursor, End, Expiry, Refused, StreamId, Visible};
use crate::Timestamp;

/// What a stream is, beside its entries. Stored as the base of its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    /// What tells this stream from an earlier one with its name.
    pub(super) id: BranchId,
    pub(super) content_type: Arc<str>,
    pub(super) expiry: Expiry,
    pub(super) visible: Visible,
    pub(super) abandoned_after: Option<Duration>,
    pub(super) branches: Branches,
    /// The first entry that is there.
    pub(super) start: u64,
    pub(super) producers: Producers,
    /// The last sequence text given.
    pub(super) seq: Option<String>,
    pub(super) attempt: Option<Attempt>,
    pub(super) closed: Option<End>,
    /// Whether somebody asked whoever writes to stop.
    pub(super) cancelled: bool,
    pub(super) origin: Option<Origin>,
    /// Streams that were forked from it and may live.
    pub(super) forks: Vec<StreamId>,
    pub(super) phase: Phase,
}

/// Which life of a stream's record this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Somebody asked it to stop before it was made. To readers it is absent.
    Awaited,
    /// It is being filled from the stream it is forked from. To readers it is absent.
    Building,
    /// It is there.
    Here,
    /// It is deleted, and kept because streams were forked from it.
    Deleted,
}

/// The attempt of a handler that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// From 1.
    pub(super) number: u32,
    /// Where the first attempt began, and each one after it begins anew.
    pub(super) from: u64,
}

/// What a stream was forked from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The stream.
    pub source: StreamId,
    /// Up to where it was copied.
    pub at: Cursor,
    /// How much of what came next was copied too.
    pub sub: u64,
}

/// Which of the streams of a name it is, and what of it never changes.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) id: BranchId,
    pub(super) content_type: Arc<str>,
}

impl Meta {
    /// What a handle keeps of it.
    pub(super) fn identity(&self) -> Identity {
        Identity { id: self.id, content_type: Arc::clone(&self.content_type) }
    }

    /// An open stream without entries.
    pub(super) fn new(id: BranchId) -> Self {
        Self {
            id,
            content_type: Arc::default(),
            expiry: Expiry::Never,
            visible: Visible::Gated,
            abandoned_after: None,
            branches: Branches::new(id),
            start: 0,
            producers: Producers::default(),
            seq: None,
            attempt: None,
            closed: None,
            cancelled: false,
            origin: None,
            forks: Vec::new(),
            phase: Phase::Here,
        }
    }

    /// Whether entries are joined by commas when they are read together.
    pub(super) fn is_json(&self) -> bool {
        let essence = self.content_type.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case("application/json")
    }

    /// Whether this append is taken, and if it was taken before. `end` is where the stream ends now.
    pub(super) fn judge(&self, append: &Append, writer: Option<u32>, end: u64) -> Result<Request, Refused> {
        if self.is_superseded(writer) {
            return Err(Refused::Superseded);
        }
        let request = append.producer.as_ref().map(|producer| self.producers.judge(producer));
        match request {
            Some(Ok(Request::Duplicate)) => return Ok(Request::Duplicate),
            Some(Err(stale @ Refused::StaleEpoch { .. })) => return Err(stale),
            _ => {}
        }
        if let Some(how) = self.closed {
            // Closing what is closed says nothing new.
            let only_closes = append.entries.is_empty() && append.close.is_some();
            return match only_closes && append.producer.is_none() {
                true => Ok(Request::Duplicate),
                false => Err(Refused::Closed { end: self.branches.mint(end), how }),
            };
        }
        if let Some(Err(refused)) = request {
            return Err(refused);
        }
        match (&append.seq, &self.seq) {
            (Some(given), Some(last)) if given.as_bytes() <= last.as_bytes() => {
                Err(Refused::Sequence { last: last.clone() })
            }
            _ => Ok(Request::New),
        }
    }

    /// Whether another attempt than the writer's writes now.
    pub(super) fn is_superseded(&self, writer: Option<u32>) -> bool {
        writer.is_some() && writer != self.attempt.map(|attempt| attempt.number)
    }

    /// Takes an append that was judged new. Whether this record changed, and not only the entries.
    pub(super) fn take(&mut self, append: &Append, now: Timestamp) -> bool {
        if let Some(producer) = &append.producer {
            self.producers.take(producer, now);
        }
        if let Some(seq) = &append.seq {
            self.seq = Some(seq.clone());
        }
        if let Some(how) = append.close {
            self.closed = Some(how);
        }
        append.producer.is_some() || append.seq.is_some() || append.close.is_some()
    }

    /// Begins an attempt: what the one before said is superseded. Gives which it is.
    pub(super) fn begin_attempt(&mut self, id: BranchId, end: u64) -> Attempt {
        let Attempt { number, from } = self.attempt.unwrap_or(Attempt { number: 0, from: end });
        let attempt = Attempt { number: number.saturating_add(1), from };
        self.attempt = Some(attempt);
        self.branches.begin(Branch { id, from, log: UNPLACED });
        self.closed = None;
        attempt
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Producer;

    fn closing() -> Append {
        Append { close: Some(End::Complete), ..Append::default() }
    }

    #[test]
    fn a_closed_stream_takes_nothing_but_to_be_closed() {
        let mut meta = Meta::new(BranchId(1));
        meta.take(&closing(), Timestamp(0));
        let more = Append { entries: vec!["x".into()], ..Append::default() };
        let refused = Refused::Closed { end: meta.branches.mint(7), how: End::Complete };
        assert_eq!(meta.judge(&more, None, 7), Err(refused.clone()));
        assert_eq!(meta.judge(&Append { close: Some(End::Complete), ..more }, None, 7), Err(refused));
        assert_eq!(meta.judge(&closing(), None, 7), Ok(Request::Duplicate));
    }

    #[test]
    fn a_request_that_closed_the_stream_is_a_duplicate_of_itself() {
        let mut meta = Meta::new(BranchId(1));
        let producer = Some(Producer { id: "a".into(), epoch: 0, seq: 0 });
        let last = Append { entries: vec!["x".into()], producer, ..closing() };
        assert_eq!(meta.judge(&last, None, 0), Ok(Request::New));
        meta.take(&last, Timestamp(0));
        assert_eq!(meta.judge(&last, None, 1), Ok(Request::Duplicate));
    }

    #[test]
    fn the_sequence_only_grows_byte_by_byte() {
        let mut meta = Meta::new(BranchId(1));
        let with = |seq: &str| Append { seq: Some(seq.into()), ..Append::default() };
        meta.take(&with("09"), Timestamp(0));
        assert_eq!(meta.judge(&with("09"), None, 0), Err(Refused::Sequence { last: "09".into() }));
        assert_eq!(meta.judge(&with("1"), None, 0), Ok(Request::New));
        assert_eq!(meta.judge(&Append::default(), None, 0), Ok(Request::New));
    }

    #[test]
    fn a_later_attempt_begins_where_the_first_began_and_shuts_out_the_one_before() {
        let mut meta = Meta::new(BranchId(1));
        assert_eq!(meta.begin_attempt(BranchId(2), 4), Attempt { number: 1, from: 4 });
        assert_eq!(meta.begin_attempt(BranchId(3), 9), Attempt { number: 2, from: 4 });
        let append = Append { entries: vec!["x".into()], ..Append::default() };
        assert_eq!(meta.judge(&append, Some(1), 4), Err(Refused::Superseded));
        assert_eq!(meta.judge(&append, Some(2), 4), Ok(Request::New));
        assert_eq!(meta.attempt, Some(Attempt { number: 2, from: 4 }));
    }
}
