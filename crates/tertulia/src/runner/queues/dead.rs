//! Dead letters: updates and calls that were given up. They are listed, replayed, and dropped.
//!
//! A replayed update goes to the end of its conversation, as if it had just arrived, and has all its tries again. It
//! has an id of its own, so that it is not taken for the first one; who waited for an answer to that one is not told.
//! A replayed call goes to the end of its conversation's calls, keeps its ticket, and is made as it was to be made; its
//! time counts anew.

use std::time::Duration;

use super::pages::{self, Listing, Query, gone};
use super::settle::{Settled, settle, unknown};
use super::{EntryId, Notice};
use crate::runner::format::{DeadKind, DeadRecord, InboxRecord, OutboxRecord, Ticket};
use crate::runner::{Call, DEAD, INBOX, OUTBOX};
use crate::storage::{Batch, CommitId, ItemId, Offset, QueueEntry, QueueWrite, Storage, Write};
use crate::{Clock, Key, Name, Result, Shard};

/// How long dead letters are kept unless told otherwise: 14 days.
pub const KEPT: Duration = Duration::from_hours(14 * 24);
/// What it is called in errors.
const WHAT: &str = "dead letter";
/// How far back a replay is looked for whose answer was lost.
const LOOKED_AT: usize = 256;

/// A dead letter.
#[derive(Debug)]
pub struct Letter {
    /// Where it lies.
    pub id: EntryId,
    /// The id of the update; of a call, one that is made of its ticket.
    pub item: Option<ItemId>,
    /// What it says; `Corrupt` if this program cannot read it.
    pub record: Result<DeadRecord>,
}

impl Letter {
    fn new(id: EntryId, entry: QueueEntry) -> Self {
        Self { id, item: entry.id, record: DeadRecord::decode(&entry.bytes) }
    }
}

/// A page of dead letters: those of updates and of calls, and those that cannot be read unless a conversation is asked
/// for. A page has at most 4 MiB of bodies, or one.
///
/// # Errors
/// What the storage gives.
pub async fn list(storage: &dyn Storage, query: &Query) -> Result<Listing<Letter>> {
    pages::list(storage, &DEAD, query, |id, entry| {
        let letter = Letter::new(id, entry);
        let of = |wanted| letter.record.as_ref().is_ok_and(|record| record.conversation == wanted);
        query.conversation.clone().is_none_or(of).then_some(letter)
    })
    .await
}

/// How many dead letters there are.
///
/// # Errors
/// What the storage gives.
pub async fn count(storage: &dyn Storage) -> Result<u64> {
    pages::count(storage, &DEAD).await
}

/// A dead letter, if it is there.
///
/// # Errors
/// What the storage gives.
pub async fn get(storage: &dyn Storage, id: EntryId) -> Result<Option<Letter>> {
    Ok(pages::entry(storage, &DEAD, id).await?.map(|entry| Letter::new(id, entry)))
}

/// Removes a dead letter.
///
/// # Errors
/// `Gone` if it is not there; what the storage gives. After a lost answer that it is gone counts as done.
///
/// # Cancel safety
/// If dropped, it may be done or not; the same again tells.
pub async fn drop(storage: &dyn Storage, clock: &Clock, id: EntryId) -> Result<()> {
    let entry = pages::entry(storage, &DEAD, id).await?.ok_or_else(|| gone(WHAT, id))?;
    match settle(storage, clock, [removal(id, &entry)]).await? {
        Settled::Done | Settled::Moved { perhaps_by_us: true } => Ok(()),
        Settled::Moved { perhaps_by_us: false } => Err(gone(WHAT, id)),
    }
}

/// Has a dead letter tried again: moves it to the end of the inbox or the outbox, in one batch. What the runner is to
/// be [told](crate::runner::Intake::look), if one runs, is given; otherwise the next start finds it.
///
/// # Errors
/// `Gone` if it is not there; `Corrupt` if it cannot be read, and it stays; `Unavailable` if the queue is full;
/// `Unknown` if it was moved and an answer was lost, so that it cannot be told who did what; what else the storage
/// gives.
///
/// # Cancel safety
/// If dropped, it may be done or not, but never twice.
pub async fn replay(storage: &dyn Storage, clock: &Clock, id: EntryId) -> Result<Notice> {
    let entry = pages::entry(storage, &DEAD, id).await?.ok_or_else(|| gone(WHAT, id))?;
    let record = DeadRecord::decode(&entry.bytes).map_err(|error| error.context(format!("{WHAT} {id}")))?;
    let DeadRecord { conversation, what, options, body, .. } = record;
    let item = entry.id.clone().unwrap_or_else(|| nameless(id));
    let (queue, again, bytes, notice) = match what {
        DeadKind::Update => {
            let bytes = InboxRecord::encode_new(&conversation, clock.now(), &body);
            (INBOX, again(&item, id.offset)?, bytes, Notice::Update(id.shard))
        }
        DeadKind::Call(ticket) => {
            let ticket = ticket.unwrap_or(Ticket { update: item, ordinal: 0 });
            let call = Call::new(conversation, ticket.clone(), body);
            let bytes = OutboxRecord::new(clock.now(), Some(options), call).encode();
            (OUTBOX, again_call(id), bytes, Notice::Call(id.shard, ticket))
        }
    };
    let key = Key::Queue(id.shard, queue);
    let append = QueueWrite::new(key.clone()).append(Some(again.clone()), bytes);
    match settle(storage, clock, [removal(id, &entry), append]).await? {
        Settled::Done => Ok(notice),
        Settled::Moved { perhaps_by_us: false } => Err(gone(WHAT, id)),
        Settled::Moved { perhaps_by_us: true } => {
            let last = pages::last(storage, key, LOOKED_AT).await?;
            let found = last.iter().any(|entry| entry.id.as_ref() == Some(&again));
            found.then_some(notice).ok_or_else(|| unknown(WHAT, id))
        }
    }
}

/// Removes the dead letters that were given up longer ago than this; gives how many. What cannot be read stays.
///
/// # Errors
/// What the storage gives; what was removed by then is gone.
///
/// # Cancel safety
/// If dropped, some are removed.
pub async fn sweep(storage: &dyn Storage, clock: &Clock, older_than: Duration) -> Result<u64> {
    let now = clock.now();
    let mut swept = 0;
    for (shard, head) in pages::filled(storage, &DEAD, &Query::default()).await? {
        let mut from = Offset(0);
        while from < head.end {
            let page = pages::read(storage, &DEAD, shard, &head, from).await?;
            let Some(end) = page.entries.last() else { break };
            from = Offset(end.offset.0 + 1);
            let mut write = QueueWrite::new(Key::Queue(shard, DEAD));
            let mut last_is_old = true;
            for entry in &page.entries {
                let Ok(letter) = DeadRecord::decode(&entry.bytes) else { continue };
                last_is_old = now.since(letter.died) > older_than;
                if last_is_old {
                    write = write.discard(entry.offset, entry.born);
                }
            }
            let count = write.remove.len() as u64;
            if count > 0 {
                storage.commit(Batch::new(CommitId(clock.random()), vec![Write::from(write)])).await?;
                swept += count;
            }
            // Oldest first: behind one that is not old there is none, or it is found the next time.
            if !last_is_old {
                break;
            }
        }
    }
    Ok(swept)
}

fn removal(id: EntryId, entry: &QueueEntry) -> QueueWrite {
    QueueWrite::new(Key::Queue(id.shard, DEAD)).remove(id.offset, entry.revision)
}

/// The id of an update that is replayed: no id of a source, and another one for each time that it dies.
fn again(item: &ItemId, died_at: Offset) -> Result<ItemId> {
    let space = |space: &Name| {
        let of_source = space.as_str().strip_prefix("replay/").and_then(|rest| {
            let (offset, of_source) = rest.split_once('/')?;
            offset.bytes().all(|byte| byte.is_ascii_digit()).then_some(of_source)
        });
        Name::new(format!("replay/{died_at}/{}", of_source.unwrap_or(space.as_str())))
    };
    Ok(match item {
        ItemId::Number(name, number) => ItemId::Number(space(name)?, *number),
        ItemId::Bytes(name, bytes) => ItemId::Bytes(space(name)?, *bytes),
    })
}

/// The id of a call that is replayed, by which it is found when an answer is lost.
fn again_call(id: EntryId) -> ItemId {
    numbered("replay/call", id)
}

/// The id of a letter that has none, which no version of this program has written.
fn nameless(id: EntryId) -> ItemId {
    numbered("dead", id)
}

fn numbered(space: &str, EntryId { shard: Shard(shard), offset }: EntryId) -> ItemId {
    let space = Name::new(format!("{space}/{shard}")).expect("it is short");
    ItemId::Number(space, offset.0.cast_signed())
}
