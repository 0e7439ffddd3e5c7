//! What is known in memory of a conversation's journal.

use std::collections::HashMap;

use super::Journal;
use crate::runner::format::Segment;
use crate::storage::{Expect, LogHead, LogWrite, Offset};
use crate::{Key, Timestamp};

/// How many segments there are at most: where processes stop often, the oldest are trimmed together.
const MAX_SEGMENTS: usize = 16;
/// How many logs a segment knows at most, then another one begins.
const MAX_LOGS: usize = 256;

/// A journal as it goes on.
#[derive(Debug)]
pub(super) struct Open {
    /// Names the last segment.
    pub(super) segment: u64,
    /// The oldest first; the last one has grown to `bytes`.
    pub(super) segments: Vec<Segment>,
    pub(super) bytes: u64,
    /// The offset of the next entry.
    pub(super) end: Offset,
    /// When the last entry was written.
    pub(super) touched: Timestamp,
    /// Logs as they were after the last turn of the segment that met them.
    logs: HashMap<Key, Option<LogHead>>,
    /// No entry of the segment is written yet.
    pub(super) begins: bool,
}

impl Open {
    /// A journal that this process has not written to, or not for long.
    pub(super) fn found(segments: Vec<Segment>, end: Offset) -> Self {
        let (segment, bytes, touched) = (0, 0, Timestamp(0));
        Self { segment, segments, bytes, end, touched, logs: HashMap::new(), begins: false }
    }

    /// Whether the next entry begins a segment.
    pub(super) fn is_full(&self, journal: &Journal, now: Timestamp) -> bool {
        let Some(last) = self.segments.last() else { return true };
        self.segment == 0
            || self.end.0.saturating_sub(last.first.0) >= part(journal)
            || self.bytes >= journal.bytes / 4
            || now.since(last.begun) >= journal.age() / 4
            || self.logs.len() > MAX_LOGS
    }

    /// Begins a segment, and drops those before that there is no room for; gives where the journal then begins.
    pub(super) fn begin(&mut self, journal: &Journal, now: Timestamp, segment: u64) -> Offset {
        if let Some(last) = self.segments.last_mut() {
            last.bytes = last.bytes.max(self.bytes);
        }
        let first = self.end;
        let keep = (journal.turns as u64).saturating_sub(part(journal));
        let mut bytes: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        let mut drop = 0;
        for (i, oldest) in self.segments.iter().enumerate() {
            let ended = self.segments.get(i + 1).map_or(now, |next| next.begun);
            let is_over = first.0.saturating_sub(oldest.first.0) > keep
                || bytes > journal.bytes - journal.bytes / 4
                || now.since(ended) >= journal.age();
            if !is_over {
                break;
            }
            bytes -= oldest.bytes;
            drop = i + 1;
        }
        self.segments.drain(..drop);
        if self.segments.len() >= MAX_SEGMENTS {
            let joined = self.segments.remove(1);
            self.segments[0].bytes += joined.bytes;
        }
        self.segments.push(Segment { first, begun: now, bytes: 0 });
        (self.segment, self.bytes, self.begins) = (segment, 0, true);
        self.logs.clear();
        self.segments[0].first
    }

    /// Whether a log is as the segment's last turn that met it has left it.
    pub(super) fn knows(&self, write: &LogWrite) -> bool {
        let Some(head) = self.logs.get(&write.key) else { return false };
        match (write.expect, head) {
            (Expect::Absent, head) => head.is_none(),
            (Expect::Etag(etag), Some(head)) => head.etag == etag,
            (Expect::End(incarnation, end), Some(head)) => head.incarnation == incarnation && head.end == end,
            _ => false,
        }
    }

    /// A log as a turn has left it.
    pub(super) fn learn(&mut self, key: Key, head: Option<LogHead>) {
        self.logs.insert(key, head);
    }
}

/// How many turns a segment has at most.
fn part(journal: &Journal) -> u64 {
    (journal.turns as u64 / 4).max(1)
}
