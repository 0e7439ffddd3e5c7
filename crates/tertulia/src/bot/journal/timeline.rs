//! The turns of a conversation, one after the other: what came, what was said, and what changed.

use std::sync::Arc;

use serde_json::Value;

use super::answers::answers;
use super::diff::diff;
use super::sessions::Readers;
use super::stage::Stage;
use super::{SessionId, Skipped};
use crate::runner::journal::{self, JournalRecord};
use crate::session::Operation;
use crate::storage::Storage;
use crate::{Clock, Conversation, Result};

/// A turn of a conversation.
#[derive(Debug)]
#[non_exhaustive]
pub struct TimelineTurn {
    /// Its number in the journal, from 0. It stays when turns before it are trimmed.
    pub number: u64,
    /// What the journal tells of it.
    pub record: JournalRecord,
    /// Where replies are kept as answers: each update that was answered, and what was said to it.
    pub answers: Vec<(String, Vec<String>)>,
    /// What it changed, or why that is not known.
    pub changes: Result<Vec<SessionChange>, Skipped>,
}

/// A session that a turn has changed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SessionChange {
    /// Which.
    pub session: SessionId,
    /// What makes the new value of the old one, at least one operation.
    pub operations: Vec<Operation>,
    /// The new value, as [`Live`](crate::session::Live) tells it.
    pub value: Value,
}

/// The turns in the journal of `conversation`, the oldest first. Sessions are read as plain ones: those that are sealed
/// with a codec say nothing here.
///
/// # Errors
/// `Corrupt` if the journal cannot be read; what the storage gives.
///
/// # Cancel safety
/// Dropping the future changes nothing.
pub async fn timeline(storage: &dyn Storage, conversation: &Conversation) -> Result<Vec<TimelineTurn>> {
    let mut turns = journal::read(storage, conversation);
    let mut stage = Stage::new(Clock::system());
    let readers = Readers::default();
    let mut told = Vec::new();
    loop {
        let page = turns.more().await?;
        if page.is_empty() {
            return Ok(told);
        }
        for (number, record) in page {
            let changes = changes(&mut stage, &readers, &record).await?;
            told.push(TimelineTurn { number, answers: answers(&record.writes), record, changes });
        }
    }
}

async fn changes(
    stage: &mut Stage,
    readers: &Readers,
    record: &JournalRecord,
) -> Result<Result<Vec<SessionChange>, Skipped>> {
    let is_known = stage.begin(record).await?.is_known;
    let sessions = SessionId::of_all(record.writes.iter().map(|write| &write.key));
    let mut before = Vec::with_capacity(sessions.len());
    for session in sessions {
        let value = read(readers, &stage.storage, &session).await;
        before.push((session, value));
    }
    stage.end(record).await?;
    if let Some(bytes) = record.too_large {
        return Ok(Err(Skipped::TooLarge(bytes)));
    }
    if !is_known {
        return Ok(Err(Skipped::Unknown));
    }
    let mut changes = Vec::new();
    for (session, before) in before {
        let (before, value) = match (before, read(readers, &stage.storage, &session).await) {
            (Ok(before), Ok(after)) => (before, after),
            (Err(unreadable), _) | (_, Err(unreadable)) => return Ok(Err(unreadable)),
        };
        let operations = diff(&before, &value);
        if !operations.is_empty() {
            changes.push(SessionChange { session, operations, value });
        }
    }
    Ok(Ok(changes))
}

async fn read(readers: &Readers, storage: &Arc<dyn Storage>, session: &SessionId) -> Result<Value, Skipped> {
    let unreadable = |error: crate::Error| Skipped::Unreadable(error.to_string());
    readers.value(storage, session).await.map_err(unreadable)
}
