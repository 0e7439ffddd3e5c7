//! Where readers find the live replies of a conversation.

use std::time::Duration;

use super::format::{LiveEntry, key};
use crate::bot::Door;
use crate::error::Kind;
use crate::storage::{Base, Etag, Expire, From, Head, LogPage, LogWrite, Offset, Page, Read, Storage};
use crate::stream::{StreamId, Streams};
use crate::{Conversation, Error, Result};

/// How many entries a conversation keeps.
const KEPT: u64 = 64;

/// The latest live replies of a conversation, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lives {
    /// Each with its number, from 0 in the conversation.
    pub entries: Vec<(u64, LiveEntry)>,
    /// The number that the next one will have.
    pub next: u64,
    /// What has been seen with this, for [`Door::live_changed`].
    pub etag: Option<Etag>,
}

impl Door {
    /// The live replies of a conversation, from the one with the number `from` on: the last 64, for 48 hours after the
    /// last one began. One is there before its first word is said.
    ///
    /// # Errors
    /// `Corrupt` if an entry cannot be read; what the storage gives.
    ///
    /// # Cancel safety
    /// Reads nothing away.
    pub async fn live(&self, conversation: &Conversation, from: u64) -> Result<Lives> {
        lives(&*self.storage, conversation, from).await
    }

    /// Resolves when a conversation's live replies are no longer what was `seen`: another one has begun. May resolve
    /// early.
    ///
    /// # Errors
    /// What the storage gives.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn live_changed(
        &self,
        conversation: &Conversation,
        seen: Option<Etag>,
    ) -> Result<Option<Head>> {
        self.storage.changed(&key(conversation), seen).await
    }

    /// Asks the live replies of a conversation that are under way to [stop](super::Live::cancelled), and gives how many
    /// there are. It is remembered, so that a handler that runs again hears of it too.
    ///
    /// # Errors
    /// As [`live`](Self::live).
    ///
    /// # Cancel safety
    /// If dropped, some may have been asked.
    pub async fn stop_live(&self, conversation: &Conversation) -> Result<usize> {
        stop_lives(&*self.storage, &self.streams, conversation).await
    }
}

/// The live replies of a conversation, from the one with this number on.
async fn lives(storage: &dyn Storage, conversation: &Conversation, from: u64) -> Result<Lives> {
    let mut lives = Lives::default();
    let mut next = Read::new(key(conversation)).base(Base::Never);
    loop {
        let Some(page) = read(storage, next).await? else { return Ok(Lives::default()) };
        for (number, entry) in (page.first.0..).zip(&page.entries).filter(|(number, _)| *number >= from) {
            lives.entries.push((number, LiveEntry::decode(entry)?));
        }
        (lives.next, lives.etag) = (page.head.end.0, Some(page.head.etag));
        if page.next() == page.head.end {
            return Ok(lives);
        }
        let on = From::At(page.head.incarnation, page.next());
        next = Read::new(key(conversation)).base(Base::Never).from(on);
    }
}

/// Asks the live replies of a conversation that have not ended to stop; gives how many there are.
pub(in crate::bot) async fn stop_lives(
    storage: &dyn Storage,
    streams: &Streams,
    conversation: &Conversation,
) -> Result<usize> {
    let mut asked = 0;
    for (_, entry) in lives(storage, conversation, 0).await?.entries.into_iter().rev() {
        let id = StreamId::new(conversation.clone(), &entry.stream)?;
        match stop(streams, &id).await {
            // It has left a memory that was too small, or was deleted.
            Err(error) if error.kind() == Kind::Gone => {}
            stopped => asked += usize::from(stopped?),
        }
    }
    Ok(asked)
}

/// Asks a live reply to stop; tells whether it is under way.
async fn stop(streams: &Streams, id: &StreamId) -> Result<bool> {
    let Some(stream) = streams.get(id).await? else { return Ok(false) };
    if stream.info().await?.closed.is_some() {
        return Ok(false);
    }
    stream.cancel().await?;
    Ok(true)
}

/// The write that adds an entry, and forgets the oldest.
pub(super) async fn write(
    storage: &dyn Storage,
    conversation: &Conversation,
    entry: LiveEntry,
    kept: Duration,
) -> Result<LogWrite> {
    let write = LogWrite::new(key(conversation)).append(entry.encode()?).expire(Expire::After(kept));
    let head = read(storage, Read::head(key(conversation))).await?.map(|page| page.head);
    let too_many = head.map_or(0, |head| (head.end.0 + 1).saturating_sub(KEPT));
    Ok(if too_many == 0 { write } else { write.trim(Offset(too_many)) })
}

async fn read(storage: &dyn Storage, read: Read) -> Result<Option<LogPage>> {
    let pages = storage.read(std::slice::from_ref(&read)).await?;
    let page = pages.into_iter().next().ok_or_else(|| Error::internal("a read gave no page"))??;
    Ok(page.and_then(Page::into_log))
}
