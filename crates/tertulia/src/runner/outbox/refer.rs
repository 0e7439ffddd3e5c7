//! Finds what a call gave that a later one is about, such as the message that it edits.

use bytes::Bytes;

use crate::error::Kind;
use crate::runner::core::Core;
use crate::runner::format::SentRecord;
use crate::runner::names::SENT;
use crate::runner::{Handler, Referred, Ticket};
use crate::storage::{Base, From, LogPage, Page, Read};
use crate::{Conversation, Error, Key, Result};

/// How many entries of a `sent` log are looked at: all that it may have before it is trimmed.
const ENTRIES: usize = 512;

impl<H: Handler> Core<H> {
    /// What the call of `ticket` gave. Calls of a conversation are made in order, so it was made or given up before one
    /// that is about it is looked at: what is not found now never will be.
    ///
    /// # Errors
    /// `Gone` if nothing is known of it, with what may have become of it; else what the storage gives.
    pub(super) async fn find_message(
        &self,
        conversation: &Conversation,
        ticket: &Ticket,
    ) -> Result<Referred> {
        let found = |message| Ok(Referred { ticket: ticket.clone(), message });
        let of_ticket = |entry: &Bytes| {
            let record = SentRecord::decode(entry).ok()?;
            (record.ticket == *ticket).then_some(record.message)
        };
        // First what is on its way into the log, then the log: nothing goes the other way.
        if let Some(message) = self.riders.find_sent(conversation, of_ticket) {
            return found(message);
        }
        let page = self.read_sent(conversation).await?;
        let entries = page.as_ref().map(|page| &*page.entries).unwrap_or_default();
        if let Some(message) = entries.iter().rev().find_map(of_ticket) {
            return found(message);
        }
        let mut text = format!(
            "the call refers to {ticket}, which gave no message in {conversation}: it was never made there, was overwritten \
             by a later one, or went to dead"
        );
        if page.is_some_and(|page| page.head.start.0 > 0 || page.entries.len() == ENTRIES) {
            text.push_str(", or others have been made since, of which the last 256 are known");
        }
        Err(Error::new(Kind::Gone, text))
    }

    /// The newest entries of a conversation's `sent` log.
    async fn read_sent(&self, conversation: &Conversation) -> Result<Option<LogPage>> {
        let key = Key::Log(conversation.clone(), SENT);
        let read = Read::new(key).from(From::Last(ENTRIES)).base(Base::Never).limit(ENTRIES, usize::MAX);
        match self.read_one(read).await {
            Err(error) if error.kind() == Kind::Closed => self.give_up(error).await,
            page => Ok(page?.and_then(Page::into_log)),
        }
    }
}
