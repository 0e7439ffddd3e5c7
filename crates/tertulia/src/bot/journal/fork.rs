//! Goes on with a conversation elsewhere: its sessions, copied.

use std::collections::BTreeSet;

use super::SessionId;
use super::stage::{Stage, read_whole, whole};
use crate::error::Kind;
use crate::runner::journal;
use crate::session::SEALED;
use crate::storage::{Batch, CommitId, Expect, ListQuery, LogPage, LogWrite, Names, Storage, Write};
use crate::{Clock, Conversation, Error, Key, Result};

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forked {
    /// The names of the sessions, in order.
    pub sessions: Vec<String>,
    /// The bytes of their logs.
    pub bytes: u64,
}

/// Copies the sessions of `from` to `to`, as they are now, or as the turn with this number in the journal of `from` has
/// left them. Only what is kept per conversation is copied; what a journal does not tell, such as a history from its
/// beginning, is not there.
///
/// Sessions go to another shard as they are stored, and in one batch; so they are not copied if they are sealed with a
/// codec, which binds them to their conversation.
///
/// # Errors
/// `Conflict` if `to` has sessions already; `Gone` if there is nothing to copy, or the journal does not tell how the
/// sessions were then; `Invalid` if they are sealed, larger than a batch may be, or the storage's batches reach one shard
/// only and the two are in different ones; what the storage gives.
///
/// # Cancel safety
/// If dropped, all of it was copied or nothing.
pub async fn fork(
    storage: &dyn Storage,
    clock: &Clock,
    from: &Conversation,
    at: Option<u64>,
    to: &Conversation,
) -> Result<Forked> {
    check_apart(storage, from, to).await?;
    let found = match at {
        None => now(storage, from).await?,
        Some(at) => staged(storage, clock, from, at, Moment::After).await?,
    };
    if found.is_empty() {
        return Err(Error::new(Kind::Gone, format!("{from} has no sessions")));
    }
    copy(storage, clock, found, to).await
}

/// Copies the sessions of `from` to `to`, as the turn with this number in the journal of `from` has found them, that is
/// as they were before it. If there were none, nothing is copied.
///
/// # Errors
/// As [`fork`], but for that.
///
/// # Cancel safety
/// If dropped, all of it was copied or nothing.
pub async fn fork_before(
    storage: &dyn Storage,
    clock: &Clock,
    from: &Conversation,
    turn: u64,
    to: &Conversation,
) -> Result<Forked> {
    check_apart(storage, from, to).await?;
    let found = staged(storage, clock, from, turn, Moment::Before).await?;
    copy(storage, clock, found, to).await
}

/// # Errors
/// `Conflict` if `to` has sessions already; `Invalid` if the two are one.
async fn check_apart(storage: &dyn Storage, from: &Conversation, to: &Conversation) -> Result<()> {
    if from == to {
        return Err(Error::invalid(format!("{from} cannot be copied to itself")));
    }
    if !sessions_of(storage, to).await?.is_empty() {
        return Err(Error::new(Kind::Conflict, format!("{to} has sessions already")));
    }
    Ok(())
}

/// Writes the logs of sessions as those of `to`, in one batch.
async fn copy(
    storage: &dyn Storage,
    clock: &Clock,
    found: Vec<(Key, LogPage)>,
    to: &Conversation,
) -> Result<Forked> {
    let mut forked = Forked { sessions: Vec::new(), bytes: 0 };
    let mut writes = Vec::with_capacity(found.len());
    for (key, page) in found {
        if page.base.iter().chain(&page.entries).any(|record| record.first() == Some(&SEALED)) {
            return Err(Error::invalid(format!("{key} is sealed with a codec, so it cannot be copied")));
        }
        let write = whole(&key, page);
        forked.bytes += write.bytes() as u64;
        forked.sessions.extend(SessionId::of(&key).map(|session| session.name));
        let key = Key::Log(to.clone(), key.name().clone());
        writes.push(Write::from(LogWrite { key, ..write.expect(Expect::Absent) }));
    }
    forked.sessions.dedup();
    if writes.is_empty() {
        return Ok(forked);
    }
    storage.commit(Batch::new(CommitId(clock.random()), writes)).await?;
    Ok(forked)
}

/// The logs of the sessions of a conversation, in order.
async fn sessions_of(storage: &dyn Storage, conversation: &Conversation) -> Result<BTreeSet<Key>> {
    let mut found = BTreeSet::new();
    let mut query = ListQuery {
        shard: Some(conversation.shard()),
        source: Some(conversation.source().into_owned()),
        names: Names::Prefix("session/".to_owned()),
        not_empty: true,
        ..ListQuery::default()
    };
    loop {
        let page = storage.list(&query).await?;
        let keys = page.keys.into_iter().map(|listed| listed.key);
        found.extend(keys.filter(|key| matches!(key, Key::Log(of, _) if of == conversation)));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(found),
        }
    }
}

async fn now(storage: &dyn Storage, from: &Conversation) -> Result<Vec<(Key, LogPage)>> {
    let mut found = Vec::new();
    for key in sessions_of(storage, from).await? {
        if let Some(page) = read_whole(storage, &key).await? {
            found.push((key, page));
        }
    }
    Ok(found)
}

/// Which moment of a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Moment {
    Before,
    After,
}

/// As they were at a turn of the journal.
async fn staged(
    storage: &dyn Storage,
    clock: &Clock,
    from: &Conversation,
    at: u64,
    moment: Moment,
) -> Result<Vec<(Key, LogPage)>> {
    let mut stage = Stage::new(clock.clone());
    let mut turns = journal::read(storage, from);
    let gone = |why: &str| Error::new(Kind::Gone, format!("{from}: {why} turn {at}"));
    loop {
        let page = turns.more().await?;
        if page.is_empty() {
            return Err(gone("the journal has no"));
        }
        for (number, record) in page.into_iter().take_while(|(number, _)| *number <= at) {
            let begun = stage.begin(&record).await?;
            let is_before = number == at && moment == Moment::Before;
            if !is_before {
                stage.end(&record).await?;
            }
            if number == at {
                let is_known = stage.tells(&record) && stage.is_whole() && (begun.is_known || !is_before);
                return match (is_known, moment) {
                    (true, _) => now(&*stage.storage, from).await,
                    (false, Moment::Before) => {
                        Err(gone("the journal does not tell how the sessions were before"))
                    }
                    (false, Moment::After) => {
                        Err(gone("the journal does not tell how the sessions were after"))
                    }
                };
            }
        }
    }
}
