//! Writes the journals of a runner's conversations, a turn at a time.

use std::collections::HashMap;
use std::ops::Range;

use parking_lot::Mutex;

use super::open::Open;
use super::record::{Draft, find};
use super::{Journal, JournalRecord};
use crate::runner::format::{decode_segments, encode_segments};
use crate::runner::names::JOURNAL;
use crate::storage::{Base, Expire, Head, LogHead, LogWrite, Offset, Page, Read, Storage, Write};
use crate::{Clock, Conversation, Error, Key, Result, Timestamp};

/// How many journals are known in memory, at most twice as many. Of one that is not, the head is read and a segment
/// begun.
const KNOWN: usize = 8_192;

/// Keeps the journals of a runner.
#[derive(Debug)]
pub(in crate::runner) struct Keeper {
    journal: Journal,
    known: Mutex<Known>,
}

/// Those that were used lately, and those before them.
#[derive(Debug, Default)]
struct Known {
    new: HashMap<Conversation, Open>,
    old: HashMap<Conversation, Open>,
}

/// A turn that is written in its batch.
#[derive(Debug)]
pub(in crate::runner) struct Kept {
    open: Open,
    bytes: u64,
    /// The turn was too large for it.
    cut: bool,
}

impl Keeper {
    pub(in crate::runner) fn new(journal: Journal) -> Self {
        Self { journal, known: Mutex::default() }
    }

    /// The write that keeps a turn, which wrote `parts` of its batch to sessions and saved those in `saved` before. `None`
    /// if it cannot be kept: a turn never fails for its journal's sake.
    pub(in crate::runner) async fn write(
        &self,
        storage: &dyn Storage,
        clock: &Clock,
        draft: Draft<'_>,
        parts: &[Write],
        saved: &[(Range<usize>, &[LogWrite])],
    ) -> Option<(LogWrite, Kept)> {
        let here = draft.conversation();
        match self.try_write(storage, clock, draft, parts, saved).await {
            Ok(written) => Some(written),
            Err(error) => {
                tracing::warn!(conversation = %here, %error, "a turn is not in the journal");
                None
            }
        }
    }

    async fn try_write(
        &self,
        storage: &dyn Storage,
        clock: &Clock,
        draft: Draft<'_>,
        parts: &[Write],
        saved: &[(Range<usize>, &[LogWrite])],
    ) -> Result<(LogWrite, Kept)> {
        let here = draft.conversation();
        let key = Key::Log(here.clone(), JOURNAL);
        let now = clock.now();
        let known = self.known.lock().take(&here).filter(|open| now.since(open.touched) < self.journal.age());
        let mut open = match known {
            Some(open) => open,
            None => look(storage, &key).await?,
        };
        let trim = if open.is_full(&self.journal, now) {
            Some(open.begin(&self.journal, now, clock.random().max(1)))
        } else {
            None
        };
        let found = find(storage, &open, parts, saved).await?;
        let mut record = draft.record(&open, now, found, parts);
        let mut entry = record.encode(&here);
        let most = storage.properties().limits.entry_bytes.min(MOST);
        let cut = entry.len() > most;
        if cut {
            record.cut(entry.len() as u64);
            entry = record.encode(&here);
            if entry.len() > most {
                return Err(Error::invalid(format!("its updates have over {most} bytes")));
            }
        }
        let bytes = entry.len() as u64;
        let mut write = LogWrite::new(key).append(entry).expire(Expire::After(self.journal.age()));
        if let Some(first) = trim {
            write = write.base(encode_segments(&open.segments)).trim(first);
        }
        Ok((write, Kept { open, bytes, cut }))
    }

    /// The turn was not committed, for sure.
    pub(in crate::runner) fn refused(&self, here: &Conversation, kept: Kept) {
        if !kept.open.begins {
            self.known.lock().put(here.clone(), kept.open);
        }
    }

    /// The turn was committed; `heads` are those of its parts and of its journal.
    pub(in crate::runner) fn committed(
        &self,
        here: &Conversation,
        kept: Kept,
        now: Timestamp,
        parts: impl Iterator<Item = (Key, Option<LogHead>)>,
        journal: Option<&Head>,
    ) {
        let Kept { mut open, bytes, cut } = kept;
        let Some(Head::Log(head)) = journal else { return };
        // Somebody else writes it too.
        if head.end != Offset(open.end.0 + 1) {
            return;
        }
        (open.end, open.touched, open.begins) = (head.end, now, false);
        open.bytes += bytes;
        if cut {
            // What it did is not told, so the next turn tells all.
            open.segment = 0;
        }
        parts.for_each(|(key, head)| open.learn(key, head));
        self.known.lock().put(here.clone(), open);
    }
}

/// The most bytes of an entry: 4 MiB, so that a batch that was allowed without it still is.
const MOST: usize = 4 << 20;

impl Known {
    fn take(&mut self, conversation: &Conversation) -> Option<Open> {
        self.new.remove(conversation).or_else(|| self.old.remove(conversation))
    }

    fn put(&mut self, conversation: Conversation, open: Open) {
        if self.new.len() >= KNOWN {
            self.old = std::mem::take(&mut self.new);
        }
        self.new.insert(conversation, open);
    }
}

/// A journal that is not known here. One whose base cannot be read is begun anew, behind what is there.
async fn look(storage: &dyn Storage, key: &Key) -> Result<Open> {
    let read = Read { base: Base::Always, ..Read::head(key.clone()) };
    let mut pages = storage.read(std::slice::from_ref(&read)).await?;
    let page = pages.pop().ok_or_else(|| Error::internal("a read gave no page"))??;
    let Some(page) = page.and_then(Page::into_log) else { return Ok(Open::found(Vec::new(), Offset(0))) };
    let segments = match page.base.as_ref().map(decode_segments) {
        Some(Ok(segments)) => segments,
        Some(Err(error)) => {
            tracing::warn!(%key, %error, "the journal is begun anew");
            Vec::new()
        }
        None => Vec::new(),
    };
    Ok(Open::found(segments, page.head.end))
}

impl JournalRecord {
    /// Leaves out what it would be too large with.
    fn cut(&mut self, bytes: u64) {
        self.too_large = Some(bytes);
        self.once.clear();
        self.calls.clear();
        self.found.clear();
        self.writes.clear();
    }
}
