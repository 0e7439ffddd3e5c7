//! Parked updates: they stay in the inbox and hold back what is behind them, until they are released or given up.

use super::pages::{self, Listing, Query, gone};
use super::settle::{Settled, settle, unknown};
use super::{EntryId, Notice};
use crate::error::Kind;
use crate::runner::format::{DeadKind, DeadRecord, InboxRecord, Mark};
use crate::runner::{About, CallOptions, DEAD, INBOX, Intake};
use crate::storage::{ItemId, LogWrite, QueueEntry, QueueWrite, Storage, Write};
use crate::{Clock, Error, Key, Result, Timestamp};

/// What it is called in errors.
const WHAT: &str = "parked update";
/// How far back a dead letter is looked for whose answer was lost.
const LOOKED_AT: usize = 256;

/// A parked update.
#[derive(Clone, Debug)]
pub struct Parked {
    /// Where it lies.
    pub id: EntryId,
    /// The id of the update.
    pub item: Option<ItemId>,
    /// Why it was parked.
    pub why: String,
    /// What is stored of it.
    pub record: InboxRecord,
}

impl Parked {
    /// `None` if it is not parked or cannot be read.
    fn new(id: EntryId, entry: &QueueEntry) -> Option<Self> {
        let record = InboxRecord::decode(&entry.bytes).ok()?;
        let Mark::Parked(why) = record.mark.clone() else { return None };
        Some(Self { id, item: entry.id.clone(), why, record })
    }
}

/// A page of parked updates. A page has at most 4 MiB of bodies, or one. All inboxes are read for it.
///
/// # Errors
/// What the storage gives.
pub async fn list(storage: &dyn Storage, query: &Query) -> Result<Listing<Parked>> {
    pages::list(storage, &INBOX, query, |id, entry| {
        let wanted = |parked: &Parked| {
            query.conversation.as_ref().is_none_or(|wanted| parked.record.conversation == *wanted)
        };
        Parked::new(id, &entry).filter(wanted)
    })
    .await
}

/// A parked update, if it is there and parked.
///
/// # Errors
/// What the storage gives.
pub async fn get(storage: &dyn Storage, id: EntryId) -> Result<Option<Parked>> {
    Ok(pages::entry(storage, &INBOX, id).await?.and_then(|entry| Parked::new(id, &entry)))
}

/// Lets a parked update run again, at its place and with all its tries. What the runner is to be
/// [told](crate::runner::Intake::look), if one runs, is given; otherwise the next start finds it.
///
/// # Errors
/// `Gone` if it is not there or not parked; `Conflict` if it was changed meanwhile; what the storage gives. After a
/// lost answer that it is not parked any more counts as done.
///
/// # Cancel safety
/// If dropped, it may be done or not; the same again tells.
pub async fn release(storage: &dyn Storage, clock: &Clock, id: EntryId) -> Result<Notice> {
    let (entry, parked) = find(storage, id).await?;
    let released =
        InboxRecord { mark: Mark::None, attempts: 0, not_before: Timestamp(0), ..parked.record }.encode();
    let write = QueueWrite::new(Key::Queue(id.shard, INBOX)).replace(id.offset, entry.revision, released);
    let notice = Notice::Unparked(id.shard, id.offset);
    match settle(storage, clock, [write]).await? {
        Settled::Done => Ok(notice),
        Settled::Moved { perhaps_by_us } => match get(storage, id).await? {
            Some(_) => Err(changed(id)),
            None if perhaps_by_us => Ok(notice),
            None => Err(gone(WHAT, id)),
        },
    }
}

/// Moves a parked update to the dead letters, so that what is behind it runs; why it was parked is its error. There is
/// no handler to ask what to tell whoever waits for an answer: where a runner runs, use
/// [`give_up_and_tell`]. The runner is to be told what is given.
///
/// # Errors
/// `Gone` if it is not there or not parked; `Conflict` if it was changed meanwhile; `Unavailable` if `dead` is full;
/// `Unknown` if it was moved and an answer was lost, so that it cannot be told who did what; what else the storage
/// gives.
///
/// # Cancel safety
/// If dropped, it may be done or not, but never twice.
pub async fn give_up(storage: &dyn Storage, clock: &Clock, id: EntryId) -> Result<Notice> {
    let found = find(storage, id).await?;
    bury(storage, clock, id, found, Vec::new()).await
}

/// As [`give_up`], beside the runner of `intake`, whose handler says in the same batch what to tell whoever waits for
/// an answer. If the runner is stopping nobody is told.
///
/// # Errors
/// As [`give_up`]; `Invalid` if what the handler says cannot be written.
///
/// # Cancel safety
/// As [`give_up`].
pub async fn give_up_and_tell(
    storage: &dyn Storage,
    clock: &Clock,
    id: EntryId,
    intake: &Intake,
) -> Result<Notice> {
    let found = find(storage, id).await?;
    let (_, Parked { item, record, .. }) = &found;
    let told = match item {
        Some(item) => {
            let about = About {
                update: item.clone(),
                conversation: record.conversation.clone(),
                arrived: record.arrived,
                attempt: record.attempts,
                body: record.body.clone(),
            };
            intake.buried(about).await.unwrap_or_default()
        }
        None => Vec::new(),
    };
    bury(storage, clock, id, found, told).await
}

async fn bury(
    storage: &dyn Storage,
    clock: &Clock,
    id: EntryId,
    (entry, Parked { item, why, record, .. }): (QueueEntry, Parked),
    told: Vec<LogWrite>,
) -> Result<Notice> {
    let dead = DeadRecord {
        conversation: record.conversation,
        died: clock.now(),
        attempts: record.attempts,
        what: DeadKind::Update,
        options: CallOptions::default(),
        error: why,
        body: record.body,
    };
    let key = Key::Queue(id.shard, DEAD);
    let writes = [
        QueueWrite::new(Key::Queue(id.shard, INBOX)).remove(id.offset, entry.revision),
        QueueWrite::new(key.clone()).append(item.clone(), dead.encode()),
    ];
    let writes = writes.into_iter().map(Write::from).chain(told.into_iter().map(Write::from));
    let notice = Notice::Unparked(id.shard, id.offset);
    match settle(storage, clock, writes).await? {
        Settled::Done => Ok(notice),
        Settled::Moved { perhaps_by_us } => {
            if get(storage, id).await?.is_some() {
                return Err(changed(id));
            }
            if !perhaps_by_us {
                return Err(gone(WHAT, id));
            }
            let last = pages::last(storage, key, LOOKED_AT).await?;
            let found = item.is_some() && last.iter().any(|entry| entry.id == item);
            found.then_some(notice).ok_or_else(|| unknown(WHAT, id))
        }
    }
}

async fn find(storage: &dyn Storage, id: EntryId) -> Result<(QueueEntry, Parked)> {
    let entry = pages::entry(storage, &INBOX, id).await?.ok_or_else(|| gone(WHAT, id))?;
    let parked = Parked::new(id, &entry).ok_or_else(|| gone(WHAT, id))?;
    Ok((entry, parked))
}

fn changed(id: EntryId) -> Error {
    Error::new(Kind::Conflict, format!("{WHAT} {id} was changed meanwhile, look again"))
}
