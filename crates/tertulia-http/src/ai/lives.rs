//! The live replies of a conversation.

use tertulia::bot::{Door, LiveEntry};
use tertulia::error::Kind;
use tertulia::storage::{Etag, ItemId};
use tertulia::stream::{Stream, StreamId};
use tertulia::{Conversation, Result, Timestamp};

/// A live reply, as the conversation's index tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The update whose turn says it.
    pub(super) update: ItemId,
    /// The update that it answers.
    pub(super) to: ItemId,
    /// The name of its stream.
    pub(super) stream: String,
    /// When it began.
    pub(super) at: Timestamp,
    /// What the update says that it answers.
    pub(super) text: String,
}

impl From<LiveEntry> for Entry {
    fn from(LiveEntry { update, to, stream, at, text, .. }: LiveEntry) -> Self {
        Self { update, to, stream, at, text }
    }
}

/// Those that are kept, oldest first, and what waits for others to begin.
///
/// # Errors
/// What the storage gives.
pub(super) async fn read(door: &Door, conversation: &Conversation) -> Result<(Vec<Entry>, Option<Etag>)> {
    let lives = door.live(conversation, 0).await?;
    Ok((lives.entries.into_iter().map(|(_, entry)| entry.into()).collect(), lives.etag))
}

impl Entry {
    /// Its address.
    ///
    /// # Errors
    /// `Invalid`, which does not happen: a stream has that name.
    pub(super) fn id(&self, conversation: &Conversation) -> Result<StreamId> {
        StreamId::new(conversation.clone(), &self.stream)
    }

    /// Its stream, if that is kept.
    ///
    /// # Errors
    /// What the storage gives.
    pub(super) async fn stream(&self, door: &Door, conversation: &Conversation) -> Result<Option<Stream>> {
        match door.streams.get(&self.id(conversation)?).await {
            Err(error) if error.kind() == Kind::Gone => Ok(None),
            stream => stream,
        }
    }
}
