//! Which live replies make up one message of a chat.

use tertulia::storage::ItemId;

use super::lives::Entry;
use super::wire;
use crate::request;

/// A message of the bot: the live replies to what was said, and those to the approvals and other answers that they
/// waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) lives: Vec<Entry>,
}

impl Reply {
    /// The messages of a conversation.
    pub(super) fn all(lives: Vec<Entry>) -> Vec<Self> {
        let mut replies: Vec<Self> = Vec::new();
        for live in lives {
            match replies.last_mut() {
                Some(reply) if reply.goes_on(&live) => reply.lives.push(live),
                _ => replies.push(Self { lives: vec![live] }),
            }
        }
        replies
    }

    fn goes_on(&self, live: &Entry) -> bool {
        self.lives.last().is_some_and(|last| last.to == live.to) || wire::is_answer(&live.text)
    }

    fn first(&self) -> &Entry {
        self.lives.first().expect("a reply has a live reply")
    }

    /// The live reply that came last.
    pub(super) fn last(&self) -> &Entry {
        self.lives.last().expect("a reply has a live reply")
    }

    /// The message's id.
    pub(super) fn id(&self) -> String {
        id(&self.first().to)
    }

    /// What was said that it replies to; nothing if that was no message.
    pub(super) fn question(&self) -> Option<&str> {
        Some(&*self.first().text).filter(|text| !wire::is_answer(text))
    }

    /// The updates that it answers, each once.
    pub(super) fn updates(&self) -> Vec<ItemId> {
        let mut updates: Vec<_> = self.lives.iter().map(|live| live.to.clone()).collect();
        updates.dedup();
        updates
    }
}

/// The id of the message that answers an update.
pub(super) fn id(update: &ItemId) -> String {
    request::hex(update)
}

#[cfg(test)]
mod tests {
    use tertulia::{Name, Timestamp};

    use super::*;

    fn live(to: u8, text: &str) -> Entry {
        let id = |n: u8| ItemId::Bytes(Name::from_static("http"), [n; 16]);
        Entry {
            update: id(1),
            to: id(to),
            stream: format!("reply-{to}"),
            at: Timestamp(7),
            text: text.into(),
        }
    }

    #[test]
    fn a_message_goes_on_after_an_answer_and_not_after_another_message() {
        let lives = vec![
            live(1, "delete it"),
            live(1, "delete it"),
            live(2, "approve:a1"),
            live(3, "and now?"),
            live(4, "deny:a2 no"),
            live(4, "deny:a2 no"),
        ];
        let replies = Reply::all(lives.clone());
        let told: Vec<_> = replies.iter().map(|reply| (&reply.lives[..], reply.question())).collect();
        assert_eq!(told, [(&lives[..3], Some("delete it")), (&lives[3..], Some("and now?"))]);
        assert_eq!(replies[1].id(), "03".repeat(16));
        assert_eq!(replies[0].updates(), [lives[0].to.clone(), lives[2].to.clone()]);
    }

    #[test]
    fn a_message_whose_beginning_is_no_longer_kept_has_no_question() {
        let replies = Reply::all(vec![live(2, "approve:a1")]);
        assert_eq!((replies.len(), replies[0].question()), (1, None));
    }
}
