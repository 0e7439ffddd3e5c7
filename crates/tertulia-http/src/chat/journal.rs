//! What the journal of a conversation tells of its messages and of what was said to them.

use tertulia::bot::Door;
use tertulia::bot::journal::answers;
use tertulia::runner::About;
use tertulia::runner::journal::{JournalRecord, JournalUpdate};
use tertulia::storage::{Base, LogPage, Page, Read, Storage};
use tertulia::{Conversation, Error, Key, Name, Result};

use super::place::At;
use super::said::{Said, State};
use crate::{Message, SOURCE, request};

/// The bytes of a read, unless a single turn is larger.
const BYTES: usize = 4 << 20;

/// Some turns of a journal, one after the other.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Each with its number.
    pub(super) records: Vec<(u64, JournalRecord)>,
    /// The place after them.
    pub(super) next: At,
    /// Whether the journal has turns before them.
    pub(super) more: bool,
}

pub(super) fn key(conversation: &Conversation) -> Key {
    Key::Log(conversation.clone(), Name::from_static("journal"))
}

/// The last `limit` turns; with `before`, the last before the turn of that number.
///
/// # Errors
/// `Corrupt` if one cannot be read; what the storage gives.
pub(super) async fn last(
    storage: &dyn Storage,
    conversation: &Conversation,
    before: Option<u64>,
    limit: usize,
) -> Result<Turns> {
    let key = key(conversation);
    let Some(head) = log(storage, Read::head(key.clone())).await?.map(|page| page.head) else {
        return Ok(Turns::default());
    };
    let end = before.map_or(head.end.0, |before| before.min(head.end.0)).max(head.start.0);
    let begin = end.saturating_sub(limit as u64).max(head.start.0);
    let next = At { incarnation: head.incarnation.0, offset: begin };
    let mut turns = Turns { records: Vec::new(), next, more: begin > head.start.0 };
    while turns.next.offset < end {
        let left = usize::try_from(end - turns.next.offset).unwrap_or(usize::MAX);
        if more(storage, conversation, &mut turns, left).await? == 0 {
            break;
        }
    }
    Ok(turns)
}

/// Reads up to `most` turns more; gives how many. None if the journal is no longer what it was.
///
/// # Errors
/// As [`last`].
pub(super) async fn more(
    storage: &dyn Storage,
    conversation: &Conversation,
    turns: &mut Turns,
    most: usize,
) -> Result<usize> {
    let key = key(conversation);
    let read = Read::new(key.clone()).from(turns.next.from()).limit(most, BYTES).base(Base::Never);
    let Some(page) = log(storage, read).await? else { return Ok(0) };
    for (entry, number) in page.entries.iter().zip(page.first.0..) {
        let record = JournalRecord::decode(entry, conversation);
        turns.records.push((number, record.map_err(|error| error.context(format!("{key}, turn {number}")))?));
    }
    turns.next = At::after(Some(&page));
    Ok(page.entries.len())
}

/// The turn that took an update in, with its number.
///
/// # Errors
/// As [`last`].
pub(super) async fn find(
    storage: &dyn Storage,
    conversation: &Conversation,
    update: &str,
) -> Result<Option<(u64, JournalRecord)>> {
    let is_of = |record: &JournalRecord| updates(record).any(|(of, _)| request::hex(&of.id) == update);
    let mut before = None;
    loop {
        let turns = last(storage, conversation, before, 64).await?;
        before = turns.records.first().map(|(number, _)| *number);
        let found = turns.records.into_iter().rev().find(|(_, record)| is_of(record));
        if found.is_some() || !turns.more || before.is_none() {
            return Ok(found);
        }
    }
}

/// The updates of a turn in the order in which they came, and whether it cancelled them.
fn updates(record: &JournalRecord) -> impl Iterator<Item = (&JournalUpdate, bool)> {
    let cancelled = record.cancelled.iter().map(|update| (update, true));
    let taken = record.taken.iter().map(|taken| (&taken.update, false));
    cancelled.chain([(&record.update, false)]).chain(taken)
}

/// The updates of a turn, in hexadecimal digits.
pub(super) fn ids(record: &JournalRecord) -> impl Iterator<Item = String> {
    updates(record).map(|(update, _)| request::hex(&update.id))
}

/// The message that an update was, on whatever platform; what is none says nothing.
pub(super) fn message(door: &Door, conversation: &Conversation, update: &JournalUpdate) -> Message {
    let source = conversation.source();
    let message = match door.platform(&source).filter(|_| source != SOURCE) {
        None => Message::decode(&update.body),
        Some(adapter) => {
            let JournalUpdate { id, arrived, body } = update.clone();
            let conversation = conversation.clone();
            adapter
                .decode(&About { update: id, conversation, arrived, attempt: 1, body })
                .map(|update| Message::of(&update))
        }
    };
    message.unwrap_or_else(|_| Message::new(""))
}

/// The messages of a turn and what was said to each.
pub(super) fn said(
    door: &Door,
    conversation: &Conversation,
    number: u64,
    record: &JournalRecord,
) -> Vec<Said> {
    let mut answers = answers(&record.writes);
    if let Some(adapter) = door.platform(&conversation.source()).filter(|_| !door.answers(conversation)) {
        let said = record.calls.iter().filter_map(|call| adapter.says(&call.body));
        answers.push((record.update.id.to_string(), said.collect()));
    }
    let turn = request::hex(&record.update.id);
    let said = updates(record).map(|(update, is_cancelled)| {
        let message = message(door, conversation, update);
        let mut said = Said::new(request::hex(&update.id), update.arrived, &message);
        said.number = Some(number);
        if is_cancelled {
            said.state = State::Cancelled;
            return said;
        }
        said.turn.clone_from(&turn);
        let id = update.id.to_string();
        if let Some((_, replies)) = answers.iter_mut().find(|(to, _)| *to == id) {
            said.replies = std::mem::take(replies);
        }
        said
    });
    said.collect()
}

/// A page of a log; nothing if there is no such log, or the place is not of it.
///
/// # Errors
/// What the storage gives.
pub(super) async fn log(storage: &dyn Storage, read: Read) -> Result<Option<LogPage>> {
    let mut pages = storage.read(std::slice::from_ref(&read)).await?;
    let page = pages.pop().ok_or_else(|| Error::internal("a read gave no page"))?;
    match page {
        Err(error)
            if matches!(error.kind(), tertulia::error::Kind::Gone | tertulia::error::Kind::Invalid) =>
        {
            Ok(None)
        }
        page => Ok(page?.and_then(Page::into_log)),
    }
}
