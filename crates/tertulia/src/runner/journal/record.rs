//! Makes the entry of a turn.

use std::ops::Range;

use super::open::Open;
use super::{Found, FoundState, How, Journal, JournalCall, JournalRecord, JournalUpdate, Saved, Taken};
use crate::runner::About;
use crate::runner::format::OnceRecord;
use crate::runner::turn::Asked;
use crate::storage::{Base, Expect, From, Head, LogPage, LogWrite, Page, Read, Storage, Write};
use crate::{Conversation, Result, Timestamp};

/// What is known of a turn before its batch is put together.
#[derive(Debug)]
pub(in crate::runner) struct Draft<'a> {
    pub(in crate::runner) about: &'a About,
    pub(in crate::runner) taken: Vec<Taken>,
    pub(in crate::runner) waits: usize,
    pub(in crate::runner) cancelled: Vec<JournalUpdate>,
    pub(in crate::runner) once: Vec<OnceRecord>,
    pub(in crate::runner) calls: Vec<JournalCall>,
    /// Written to logs beside its parts, before its end or with it.
    pub(in crate::runner) writes: Vec<LogWrite>,
}

impl Draft<'_> {
    pub(super) fn conversation(&self) -> Conversation {
        self.about.conversation.clone()
    }

    pub(super) fn record(
        self,
        open: &Open,
        at: Timestamp,
        found: Vec<Found>,
        parts: &[Write],
    ) -> JournalRecord {
        let parts = logs(parts).filter(|write| changes(write)).cloned();
        JournalRecord {
            segment: open.segment,
            begins: open.begins,
            at,
            attempt: self.about.attempt,
            update: update(self.about),
            taken: self.taken,
            waits: u16::try_from(self.waits).unwrap_or(u16::MAX),
            cancelled: self.cancelled,
            once: self.once,
            calls: self.calls,
            found,
            writes: parts.chain(self.writes).collect(),
            too_large: None,
        }
    }
}

/// An update as the journal keeps it.
pub(in crate::runner) fn update(about: &About) -> JournalUpdate {
    JournalUpdate { id: about.update.clone(), arrived: about.arrived, body: about.body.clone() }
}

/// A call as the journal keeps it.
pub(in crate::runner) fn call(asked: &Asked) -> JournalCall {
    let options = asked.options.as_deref().cloned().unwrap_or_default();
    JournalCall { body: asked.body.clone(), options }
}

impl Taken {
    pub(in crate::runner) fn new(how: How, about: &About) -> Self {
        Self { how, update: update(about) }
    }
}

fn logs(writes: &[Write]) -> impl Iterator<Item = &LogWrite> {
    writes.iter().filter_map(|write| match write {
        Write::Log(write) => Some(write),
        Write::Queue(_) => None,
    })
}

/// Whether a write is more than a check or a new deadline.
fn changes(write: &LogWrite) -> bool {
    write.delete || write.base.is_some() || !write.append.is_empty() || write.trim.is_some()
}

/// The logs of a turn's parts that the journal does not know as they are.
pub(super) async fn find(
    storage: &dyn Storage,
    open: &Open,
    parts: &[Write],
    saved: &[(Range<usize>, &[LogWrite])],
) -> Result<Vec<Found>> {
    let is_saved = |at: usize, write: &LogWrite| {
        let (_, before) = saved.iter().find(|(range, _)| range.contains(&at))?;
        Some(match before.iter().find(|before| before.key == write.key) {
            Some(before) if before.expect != Expect::Absent && open.knows(before) => Saved::Known,
            Some(before) if before.expect != Expect::Absent => Saved::Unknown,
            _ => Saved::Absent,
        })
    };
    let (mut found, mut heads) = (Vec::new(), Vec::new());
    for (at, write) in parts.iter().enumerate() {
        let Write::Log(write) = write else { continue };
        if open.knows(write) {
            continue;
        }
        if write.expect == Expect::Absent {
            found.push(Found {
                key: write.key.clone(),
                saved: is_saved(at, write),
                state: FoundState::Absent,
            });
        } else {
            heads.push((Read::head(write.key.clone()), is_saved(at, write)));
        }
    }
    if heads.is_empty() {
        return Ok(found);
    }
    let (heads, is_saved): (Vec<Read>, Vec<Option<Saved>>) = heads.into_iter().unzip();
    let mut left = Journal::FOUND_BYTES;
    let (mut reads, mut of) = (Vec::new(), Vec::new());
    for ((page, read), saved) in storage.read(&heads).await?.into_iter().zip(heads).zip(is_saved) {
        let mut found_as = |state| found.push(Found { key: read.key.clone(), saved, state });
        let Some(Head::Log(head)) = page?.map(|page| page.head()) else {
            found_as(FoundState::Absent);
            continue;
        };
        // Without a base it is a history, which is told by its last records.
        let entries = head.end.0 - head.start.0;
        let records = entries.min(Journal::FOUND_RECORDS as u64);
        let bytes = match head.base_version {
            0 => (head.entry_bytes / head.end.0.max(1) + 1) * records,
            _ => head.base_len + head.entry_bytes,
        };
        if bytes > left {
            found_as(FoundState::TooLarge(bytes));
            continue;
        }
        left -= bytes;
        let from = if head.base_version == 0 { From::Last(Journal::FOUND_RECORDS) } else { From::Start };
        let most = usize::try_from(entries).unwrap_or(usize::MAX);
        // What is said here are averages, so there may be more of it.
        let page = Read::new(read.key).from(from).limit(most, 4 << 20).base(Base::Always);
        reads.push(page);
        of.push((saved, bytes));
    }
    for ((page, read), (saved, bytes)) in storage.read(&reads).await?.into_iter().zip(reads).zip(of) {
        let state = match page?.and_then(Page::into_log) {
            None => FoundState::Absent,
            Some(page) if page.next() != page.head.end => FoundState::TooLarge(bytes),
            Some(LogPage { base, first, entries, .. }) => FoundState::Stored { base, first, entries },
        };
        found.push(Found { key: read.key, saved, state });
    }
    Ok(found)
}
