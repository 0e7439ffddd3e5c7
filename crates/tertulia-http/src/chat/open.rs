//! What a conversation's journal does not tell yet: messages that were accepted, and replies under way.

use std::collections::HashSet;

use tertulia::bot::{Door, LiveEntry, answer};
use tertulia::storage::{Base, ItemId, Read};
use tertulia::stream::StreamId;
use tertulia::{Conversation, Key, Name, Result};

use super::journal::log;
use super::place::At;
use super::posted::{self, Posted};
use super::said::{Said, Spoken, State};
use crate::streams::path;
use crate::{Message, request};

/// The last messages that were posted, and the last live replies.
#[derive(Default)]
pub(super) struct Recent {
    pub(super) posted: Vec<Posted>,
    pub(super) lives: Vec<LiveEntry>,
    /// The places after them.
    pub(super) posted_next: At,
    pub(super) live_next: At,
}

impl Recent {
    /// # Errors
    /// What the storage gives; `Corrupt`.
    pub(super) async fn read(door: &Door, conversation: &Conversation) -> Result<Self> {
        let page = log(&*door.storage, Read::new(posted::key(conversation)).base(Base::Never)).await?;
        let head = log(&*door.storage, Read::head(live(conversation))).await?;
        let lives = door.live(conversation, 0).await?;
        let incarnation = head.map_or(0, |page| page.head.incarnation.0);
        Ok(Self {
            posted: page.as_ref().map(posted::read).transpose()?.unwrap_or_default(),
            posted_next: At::after(page.as_ref()),
            live_next: At { incarnation, offset: lives.next },
            lives: lives.entries.into_iter().map(|(_, live)| live).collect(),
        })
    }

    /// Gives a message that is known otherwise the key that it was posted with, and its live replies.
    pub(super) fn complete(&self, conversation: &Conversation, said: &mut Said) {
        let posted = self.posted.iter().find(|posted| posted.update == said.update);
        said.key = posted.and_then(|posted| posted.key.clone());
        let lives = self.lives.iter().filter(|live| request::hex(&live.to) == said.update);
        said.lives = lives.filter_map(|live| spoken(conversation, live)).collect();
    }

    /// Those messages that are not among `known`, in the order in which they came, each with its update's id.
    pub(super) fn others(&self, conversation: &Conversation, known: &HashSet<String>) -> Vec<(ItemId, Said)> {
        let mut found: Vec<(ItemId, Said)> = Vec::new();
        let posted = self.posted.iter().filter_map(|posted| {
            let id = request::from_hex(&posted.update)?;
            Some((id, posted.clone().said()))
        });
        let lives = self.lives.iter().map(|live| (live.to.clone(), said_to(live)));
        for (id, mut said) in posted.chain(lives) {
            if known.contains(&said.update) || found.iter().any(|(known, _)| *known == id) {
                continue;
            }
            self.complete(conversation, &mut said);
            if let Some(live) = self.lives.iter().find(|live| live.to == id) {
                said.turn = request::hex(&live.update);
            }
            found.push((id, said));
        }
        found.sort_by_key(|(_, said)| said.at);
        found
    }
}

/// The log of the live replies.
pub(super) fn live(conversation: &Conversation) -> Key {
    Key::Log(conversation.clone(), Name::from_static("live"))
}

/// The message that a live reply answers, as far as the reply tells.
pub(super) fn said_to(live: &LiveEntry) -> Said {
    let mut said = Said::new(request::hex(&live.to), live.at, &Message::new(&*live.text));
    (said.turn, said.state) = (request::hex(&live.update), State::Accepted);
    said
}

/// Where a live reply is read; nothing if its name can be none.
pub(super) fn spoken(conversation: &Conversation, live: &LiveEntry) -> Option<Spoken> {
    let id = StreamId::new(conversation.clone(), &live.stream).ok()?;
    Some(Spoken { path: path::of(&id), ended: None })
}

/// Tells what became of a message so far.
///
/// # Errors
/// What the storage gives.
pub(super) async fn settle(
    door: &Door,
    conversation: &Conversation,
    id: &ItemId,
    said: &mut Said,
) -> Result<()> {
    if let Some(answer) = answer::read(&*door.storage, conversation, id).await? {
        said.answer(answer);
    }
    Ok(())
}

/// Tells which live replies of a message have ended.
pub(super) async fn look(door: &Door, conversation: &Conversation, said: &mut Said) {
    for spoken in &mut said.lives {
        let Ok(id) = path::id(&spoken.path) else { continue };
        debug_assert_eq!(id.conversation(), conversation);
        // One that is not there is read as such.
        if let Ok(Some(stream)) = door.streams.get(&id).await
            && let Ok(info) = stream.info().await
        {
            spoken.ended = info.closed.map(|end| end.to_string());
        }
    }
}
