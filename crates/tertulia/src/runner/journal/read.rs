//! Reads the journal of a conversation.

use super::JournalRecord;
use crate::runner::names::JOURNAL;
use crate::storage::{Base, CommitId, From, Offset, Page, Read, Storage};
use crate::{Conversation, Error, Key, Result};

/// The bytes of a page.
const PAGE: usize = 4 << 20;

/// The turns in a journal, the oldest first, read a page at a time.
#[derive(Debug)]
pub struct Turns<'a> {
    storage: &'a dyn Storage,
    conversation: Conversation,
    /// Where the next page begins, once one was read.
    next: Option<(CommitId, Offset)>,
    over: bool,
}

/// The turns in the journal of `conversation`.
pub fn read<'a>(storage: &'a dyn Storage, conversation: &Conversation) -> Turns<'a> {
    Turns { storage, conversation: conversation.clone(), next: None, over: false }
}

impl Turns<'_> {
    /// Some more turns, each with its number; none at the end.
    ///
    /// # Errors
    /// What the storage gives; `Corrupt` if an entry cannot be read.
    ///
    /// # Cancel safety
    /// Dropping the future reads nothing away.
    pub async fn more(&mut self) -> Result<Vec<(u64, JournalRecord)>> {
        if self.over {
            return Ok(Vec::new());
        }
        let key = Key::Log(self.conversation.clone(), JOURNAL);
        let from = self.next.map_or(From::Start, |(incarnation, offset)| From::At(incarnation, offset));
        let read = Read::new(key.clone()).from(from).limit(250, PAGE).base(Base::Never);
        let mut pages = self.storage.read(std::slice::from_ref(&read)).await?;
        let page = pages.pop().ok_or_else(|| Error::internal("a read gave no page"))??;
        let Some(page) = page.and_then(Page::into_log) else {
            self.over = true;
            return Ok(Vec::new());
        };
        let next = page.next();
        self.over = next == page.head.end;
        self.next = Some((page.head.incarnation, next));
        let records = page.entries.iter().zip(page.first.0..).map(|(entry, number)| {
            let record = JournalRecord::decode(entry, &self.conversation);
            Ok((number, record.map_err(|error| error.context(format!("{key}, turn {number}")))?))
        });
        records.collect()
    }

    /// All that are left.
    ///
    /// # Errors
    /// As [`more`](Self::more).
    pub async fn all(mut self) -> Result<Vec<(u64, JournalRecord)>> {
        let mut all = Vec::new();
        while !self.over {
            all.extend(self.more().await?);
        }
        Ok(all)
    }
}
