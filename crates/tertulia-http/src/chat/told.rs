//! What was said in a conversation, for those who show it in another form.

use tertulia::bot::Door;
use tertulia::storage::ItemId;
use tertulia::{Conversation, Timestamp};

use super::journal::{self, Turns};
use super::open::{self, Recent};
use super::said::{Said, State};
use super::transcript::updates;
use crate::{Problem, request};

/// A message of a conversation, and what was replied to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The update that the message became.
    pub(crate) update: ItemId,
    /// When it arrived.
    pub(crate) at: Timestamp,
    /// What it says; nothing if it is a pressed button.
    pub(crate) text: Option<String>,
    /// The key that it was posted with, while that is known.
    pub(crate) key: Option<String>,
    /// Whether it has come to its end: it was answered, given up or cancelled.
    pub(crate) is_over: bool,
    /// What was replied, the texts of the live replies among it.
    pub(crate) replies: Vec<String>,
}

impl Told {
    fn of(said: Said) -> Option<Self> {
        Some(Self {
            update: request::from_hex(&said.update)?,
            at: Timestamp(said.at),
            text: said.text,
            key: said.key,
            is_over: said.state != State::Accepted,
            replies: said.replies,
        })
    }
}

/// The messages of the last `turns` turns of the journal, and those that it does not tell of, oldest first.
///
/// # Errors
/// `Corrupt` if something cannot be read; what the storage gives.
pub(crate) async fn told(
    door: &Door,
    conversation: &Conversation,
    turns: usize,
) -> Result<Vec<Told>, Problem> {
    let turns = match turns {
        0 => Turns::default(),
        most => journal::last(&*door.storage, conversation, None, most).await?,
    };
    let recent = Recent::read(door, conversation).await?;
    let mut messages: Vec<Said> = turns
        .records
        .iter()
        .flat_map(|(number, record)| journal::said(door, conversation, *number, record))
        .collect();
    let earliest = messages.first().map_or(0, |said| said.at);
    for said in &mut messages {
        recent.complete(conversation, said);
    }
    for (id, mut said) in recent.others(conversation, &updates(&turns)) {
        open::settle(door, conversation, &id, &mut said).await?;
        // Older ones are of turns before those.
        if said.state == State::Accepted || !turns.more || said.at >= earliest {
            messages.push(said);
        }
    }
    messages.sort_by_key(|said| said.at);
    Ok(messages.into_iter().filter_map(Told::of).collect())
}
