//! Replies on platforms that are read rather than called: what was replied to an update is a log of its
//! conversation, written by the batch that applies the update.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use crate::runner::{About, Turn};
use crate::storage::{Base, Expire, From, ItemId, LogWrite, Page, Read, Storage};
use crate::{Conversation, Error, Key, Name, Result, Timestamp};

/// The version this program writes.
const VERSION: u8 = 1;
/// How long an answer is kept, from the arrival of its update: as long as the update's id is remembered, so that an
/// update given again finds either its answer or nothing.
const KEPT: Duration = Duration::from_hours(48);

/// What was replied to an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The update was applied; these are the replies, in order.
    Replies(Vec<String>),
    /// The update was given up and moved to `dead`.
    GivenUp,
    /// The update was cancelled by another one.
    Cancelled,
}

/// Which log holds the answer to `update`.
fn key(conversation: &Conversation, update: &ItemId) -> Result<Key> {
    let name = format!("answer/{update}");
    Ok(Key::Log(conversation.clone(), Name::new(name)?))
}

/// The write that keeps an answer.
///
/// # Errors
/// `Invalid` if the id's space is too long to be part of a log's name.
pub(super) fn write(about: &About, now: Timestamp, answer: &Answer) -> Result<LogWrite> {
    let About { conversation, update, arrived, .. } = about;
    let kept = KEPT.saturating_sub(now.since(*arrived)).max(Duration::from_secs(1));
    let (state, replies): (u8, &[String]) = match answer {
        Answer::Replies(replies) => (0, replies),
        Answer::GivenUp => (1, &[]),
        Answer::Cancelled => (2, &[]),
    };
    let base = Bytes::copy_from_slice(&[VERSION, state]);
    let mut write = LogWrite::new(key(conversation, update)?).base(base).expire(Expire::After(kept));
    write.append = replies.iter().map(|reply| entry(reply)).collect();
    Ok(write)
}

fn entry(reply: &str) -> Bytes {
    let mut entry = BytesMut::with_capacity(1 + reply.len());
    entry.put_u8(VERSION);
    entry.put_slice(reply.as_bytes());
    entry.freeze()
}

/// What a reply says.
pub(super) fn text(entry: &[u8]) -> Option<&str> {
    let (_, text) = entry.split_first().filter(|(version, _)| **version == VERSION)?;
    std::str::from_utf8(text).ok()
}

/// The answer to an update, if it has one yet. It is kept for 48 hours.
///
/// # Errors
/// What the storage gives; `Corrupt` if the answer cannot be read.
pub async fn read(
    storage: &dyn Storage,
    conversation: &Conversation,
    update: &ItemId,
) -> Result<Option<Answer>> {
    let key = key(conversation, update)?;
    let mut from = From::Start;
    let mut replies = Vec::new();
    loop {
        let read = Read::new(key.clone()).from(from).base(Base::Always);
        let mut pages = storage.read(std::slice::from_ref(&read)).await?;
        let page = pages.pop().ok_or_else(|| Error::internal("a read gave no page"))??;
        let Some(page) = page.and_then(Page::into_log) else { return Ok(None) };
        match page.base.as_deref() {
            Some([VERSION, 0]) => {}
            Some([VERSION, 1]) => return Ok(Some(Answer::GivenUp)),
            Some([VERSION, 2]) => return Ok(Some(Answer::Cancelled)),
            _ => return Err(Error::corrupt(format!("{key}: not an answer of a version this program reads"))),
        }
        for entry in &page.entries {
            replies
                .push(text(entry).ok_or_else(|| Error::corrupt(format!("{key}: not a reply")))?.to_owned());
        }
        if page.next() == page.head.end {
            return Ok(Some(Answer::Replies(replies)));
        }
        from = From::At(page.head.incarnation, page.next());
    }
}

/// Waits for the answer to an update that is in the inbox.
///
/// # Errors
/// As [`read`]; `Invalid` within a handler whose update holds that one back: it would wait forever.
///
/// # Cancel safety
/// May be dropped at any time; the answer stays.
pub async fn wait(storage: &dyn Storage, conversation: &Conversation, update: &ItemId) -> Result<Answer> {
    let key = key(conversation, update)?;
    let turn = Turn::current();
    loop {
        if let Some(answer) = read(storage, conversation, update).await? {
            return Ok(answer);
        }
        if let Some(turn) = &turn
            && turn.holds_back(conversation)
        {
            let own = &turn.about().conversation;
            return Err(Error::invalid(format!(
                "an update of {conversation} runs after the turn of {own} that waits for its answer: it would wait forever"
            )));
        }
        storage.changed(&key, None).await?;
    }
}

#[cfg(test)]
mod tests;
