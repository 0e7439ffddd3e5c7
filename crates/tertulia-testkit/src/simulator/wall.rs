//! The messages of the platform that show live replies: sent, edited and deleted by processes that may not know of all.

use std::fmt::Write;

use tertulia::runner::Call;
use tertulia::{Conversation, Error, Result};

use super::figures::Counters;
use super::life::Life;
use super::world::World;

/// The most characters of a message.
const LONGEST: usize = 30;

/// Which live reply, as which run says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// The update.
    pub(super) number: usize,
    /// Which live reply of its turn.
    pub(super) nth: u8,
    /// The run of its handler.
    pub(super) run: usize,
}

impl Said {
    /// What it says at once.
    pub(super) fn token(self, nth: u8) -> String {
        format!("<{}.{}.{}.{nth}>", self.number, self.nth, self.run)
    }

    /// All that it says.
    pub(super) fn whole(self, tokens: u8) -> String {
        (0..tokens).fold(String::new(), |mut whole, nth| {
            whole.push_str(&self.token(nth));
            whole
        })
    }

    /// Whose text this is, by how it begins.
    pub(super) fn of(text: &str) -> Option<Self> {
        let (first, _) = text.strip_prefix('<')?.split_once('>')?;
        let mut parts = first.split('.');
        let mut next = || parts.next();
        Some(Self { number: next()?.parse().ok()?, nth: next()?.parse().ok()?, run: next()?.parse().ok()? })
    }
}

/// The texts of the messages that show a text.
pub(super) fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let end = rest.char_indices().nth(LONGEST).map_or(rest.len(), |(end, _)| end);
        let (part, more) = rest.split_at(end);
        parts.push(part);
        rest = more;
    }
    parts
}

/// What is asked of the platform.
#[derive(Clone, Copy, Debug)]
pub(super) enum Request<'a> {
    Send(&'a str),
    Edit(usize, &'a str),
    Delete(usize),
}

impl<'a> Request<'a> {
    pub(super) fn of(call: &Call, text: &'a str) -> Result<Self> {
        let Some(about) = &call.refers else { return Ok(Self::Send(text)) };
        let at = about.message.strip_prefix('m').and_then(|number| number.parse().ok());
        let at = at.ok_or_else(|| Error::invalid(format!("no message is called {}", about.message)))?;
        Ok(if text.is_empty() { Self::Delete(at) } else { Self::Edit(at, text) })
    }
}

/// The messages of a conversation that show live replies, in the order in which they were sent.
#[derive(Debug, Default)]
pub(super) struct Wall(Vec<Message>);

#[derive(Debug)]
struct Message {
    ticket: String,
    /// Who sent it, and whether that was told so.
    by: usize,
    was_told: bool,
    /// Who made the next request for the same live reply.
    followed: Option<usize>,
    /// Nothing once it is deleted.
    says: Option<String>,
}

/// A request for the live reply of this ticket arrives; gives the id of its message.
pub(super) fn receive(
    world: &World,
    life: &Life,
    conversation: &Conversation,
    ticket: &str,
    request: Request<'_>,
) -> Result<String> {
    world
        .trace
        .note(|| format!("platform: p{} shows of {ticket} in {conversation}: {request:?}", life.number));
    let call = world.ledger.lock().calls.get(ticket).copied();
    if !world.plan.sabotage.fails_over() {
        match call {
            None => world.violation(|| format!("{ticket} was shown before its call was committed")),
            Some(call) if call.removed.is_some_and(|removed| removed < life.born) => {
                world.violation(|| format!("{ticket} was shown although it had left the outbox"));
            }
            Some(_) => {}
        }
    }
    let mut walls = world.platform.walls.lock();
    let messages = &mut walls.entry(conversation.clone()).or_default().0;
    let before = messages.iter_mut().filter(|message| message.ticket == ticket);
    before.for_each(|message| message.followed = message.followed.or(Some(life.number)));
    let about = |at: usize| Error::invalid(format!("there is no message m{at} to change"));
    let (at, says) = match request {
        Request::Send(text) => {
            let (ticket, by) = (ticket.to_owned(), life.number);
            messages.push(Message { ticket, by, was_told: false, followed: None, says: None });
            (messages.len() - 1, Some(text.to_owned()))
        }
        Request::Edit(at, text) => (at, Some(text.to_owned())),
        Request::Delete(at) => (at, None),
    };
    messages.get_mut(at).ok_or_else(|| about(at))?.says = says;
    Ok(format!("m{at}"))
}

/// Who sent a message knows that it was sent.
pub(super) fn told(world: &World, conversation: &Conversation, id: &str) {
    let mut walls = world.platform.walls.lock();
    let wall = walls.get_mut(conversation);
    let at = id.strip_prefix('m').and_then(|number| number.parse::<usize>().ok());
    if let Some(message) = wall.zip(at).and_then(|(wall, at)| wall.0.get_mut(at)) {
        message.was_told = true;
    }
}

impl Wall {
    /// What the newest message of a live reply says.
    pub(super) fn newest(&self, ticket: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .filter(|message| message.ticket == ticket)
            .find_map(|message| message.says.as_deref())
    }

    /// Compares the messages of a live reply with what they should say, newest first. Gives what is wrong; counts
    /// messages that nobody could know of.
    pub(super) fn judge(&self, world: &World, ticket: &str, text: &str) -> Result<(), String> {
        let mut parts = parts(text);
        let mut seen = String::new();
        for message in self.0.iter().rev().filter(|message| message.ticket == ticket) {
            let Some(says) = &message.says else { continue };
            let _ = write!(seen, " {says:?}");
            if parts.last() == Some(&&**says) {
                parts.pop();
            } else if message.was_told && message.followed == Some(message.by) {
                return Err(format!(
                    "a message says {says:?}, and who sent it knew of it; newest first:{seen}"
                ));
            } else {
                Counters::add(&world.counters.left_behind);
            }
        }
        match parts.last() {
            None => Ok(()),
            Some(part) => Err(format!("no message says {part:?}; newest first:{seen}")),
        }
    }
}
