//! Which of what was said makes up one message of a chat.

use tertulia::storage::ItemId;

use super::lives::Entry;
use super::wire;
use crate::chat::Told;
use crate::request;

/// A message of the user, and the message of the bot that replies to it: what was replied to it, and to the approvals and
/// other answers that the reply waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// What was said, at least one thing, each with the live replies to it.
    pub(super) said: Vec<(Told, Vec<Entry>)>,
}

impl Reply {
    /// The messages of a conversation, oldest first.
    pub(super) fn all(told: Vec<Told>, lives: &[Entry]) -> Vec<Self> {
        let mut replies: Vec<Self> = Vec::new();
        for told in told {
            let lives = lives.iter().filter(|live| live.to == told.update).cloned().collect();
            match replies.last_mut() {
                Some(reply) if question(&told).is_none() => reply.said.push((told, lives)),
                _ => replies.push(Self { said: vec![(told, lives)] }),
            }
        }
        replies
    }

    fn first(&self) -> &Told {
        &self.said.first().expect("something was said").0
    }

    /// What was said last.
    pub(super) fn last(&self) -> &(Told, Vec<Entry>) {
        self.said.last().expect("something was said")
    }

    /// The id of the bot's message.
    pub(super) fn id(&self) -> String {
        id(&self.first().update)
    }

    /// What the user says, with the id of his message; nothing if its beginning is no longer known.
    pub(super) fn question(&self) -> Option<(String, &str)> {
        let first = self.first();
        let id = first
            .key
            .as_deref()
            .and_then(wire::id_of)
            .map_or_else(|| format!("to-{}", self.id()), str::to_owned);
        question(first).map(|text| (id, text))
    }

    /// The updates that it answers.
    pub(super) fn updates(&self) -> Vec<ItemId> {
        self.said.iter().map(|(told, _)| told.update.clone()).collect()
    }

    /// The turn that last said something of it live.
    pub(super) fn turn(&self) -> Option<&ItemId> {
        self.said.iter().flat_map(|(_, lives)| lives).next_back().map(|live| &live.update)
    }
}

/// What a message says that is no answer to a reply.
fn question(told: &Told) -> Option<&str> {
    told.text.as_deref().filter(|text| !wire::is_answer(text))
}

/// The id of the message that answers an update.
pub(super) fn id(update: &ItemId) -> String {
    request::hex(update)
}

#[cfg(test)]
mod tests {
    use tertulia::{Name, Timestamp};

    use super::*;

    fn update(n: u8) -> ItemId {
        ItemId::Bytes(Name::from_static("http"), [n; 16])
    }

    fn told(n: u8, text: Option<&str>) -> Told {
        let text = text.map(str::to_owned);
        Told { update: update(n), at: Timestamp(7), text, key: None, is_over: true, replies: Vec::new() }
    }

    fn live(to: u8, n: u8) -> Entry {
        let stream = format!("reply-{n}");
        Entry { update: update(1), to: update(to), stream, at: Timestamp(7), text: String::new() }
    }

    #[test]
    fn a_message_goes_on_after_an_answer_and_not_after_another_message() {
        let mut said = [
            told(1, Some("delete it")),
            told(2, None),
            told(3, Some("and now?")),
            told(4, Some("deny:a2 no")),
        ];
        said[2].key = Some("ai/said/m3".into());
        let lives = [live(1, 0), live(2, 1), live(2, 2), live(9, 3)];
        let replies = Reply::all(said.to_vec(), &lives);
        let [first, second] = &replies[..] else { panic!("{replies:?}") };
        assert_eq!(
            first.said,
            [(said[0].clone(), lives[..1].to_vec()), (said[1].clone(), lives[1..3].to_vec())]
        );
        assert_eq!(first.question(), Some((format!("to-{}", "01".repeat(16)), "delete it")));
        assert_eq!((first.updates(), first.turn()), (vec![update(1), update(2)], Some(&update(1))));
        assert_eq!((second.question(), second.id()), (Some(("m3".into(), "and now?")), "03".repeat(16)));
        assert_eq!((second.updates(), second.turn()), (vec![update(3), update(4)], None));
    }

    #[test]
    fn a_message_whose_beginning_is_no_longer_kept_has_no_question() {
        let replies = Reply::all(vec![told(2, None)], &[]);
        assert_eq!((replies.len(), replies[0].question()), (1, None));
    }
}
