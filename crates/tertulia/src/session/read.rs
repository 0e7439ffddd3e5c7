//! Reading a session from the storage: base and patches in one round trip, the tails of its logs in a second one.

use std::sync::Arc;

use super::entry::Entry;
use super::format::{Base, Malformed, Patch};
use super::loaded::Loaded;
use super::log::{EXTENSION, Tail, decode, read_tail};
use super::msgpack::walk;
use super::patch::Tree;
use super::store::{State, Store};
use crate::error::Kind;
use crate::storage::{LogHead, LogPage, Page, Read, Storage};
use crate::{Conversation, Error, Result};

/// How often the two round trips are made while others write in between.
const TRIES: usize = 32;

/// More than there ever is: patches are joined into the base before they outgrow it.
const MAX_PATCHES: usize = 1 << 20;

/// The session as it is stored, or the type's default.
pub(super) async fn session<S: State>(store: &Store<S>, conversation: &Conversation) -> Result<Entry<S>> {
    let key = store.key(conversation);
    for _ in 0..TRIES {
        let Some(page) = pages(store.storage(), &[whole(store, conversation)]).await?.pop().flatten() else {
            let value = S::default();
            return Ok(Entry { value, shadow: Vec::new(), head: None, next_log: 1, logs: Vec::new() });
        };
        let bytes = Bytes::read(store, conversation, &page).map_err(|error| error.context(&key))?;
        let tails = match tails(store, conversation, &page.head, &bytes.logs).await {
            Ok(Some(tails)) => tails,
            Ok(None) => continue,
            Err(error) if error.kind() == Kind::Gone => continue,
            Err(error) => return Err(error.context(&key)),
        };
        let logs = tails.iter().map(|tail| tail.place.clone()).collect();
        let value = decode(&bytes.state, tails).map_err(|e| {
            Error::corrupt(format!("{key}: what is stored does not fit its type: {e}")).with_source(e)
        })?;
        let Bytes { state: shadow, next_log, .. } = bytes;
        return Ok(Entry { value, shadow, head: Some(page.head), next_log, logs });
    }
    Err(Error::new(Kind::Conflict, format!("{key} changes faster than it can be read")))
}

/// Whether a session is stored.
pub(super) async fn exists<S: State>(store: &Store<S>, conversation: &Conversation) -> Result<bool> {
    let head = Read::head(store.key(conversation));
    Ok(pages(store.storage(), &[head]).await?.iter().any(Option::is_some))
}

/// The read of a session's base and patches.
pub(super) fn whole<S: State>(store: &Store<S>, conversation: &Conversation) -> Read {
    Read::new(store.key(conversation)).limit(MAX_PATCHES, store.limits().batch_bytes)
}

/// Whether the session and its logs are as they were loaded.
pub(super) async fn is_current<S: State>(store: &Store<S>, loaded: &Loaded<S>) -> Result<bool> {
    let logs = loaded.logs();
    let mut reads = vec![Read::head(loaded.key())];
    reads.extend(logs.iter().map(|place| Read::head(store.log_key(loaded.conversation(), place.number))));
    let pages = pages(store.storage(), &reads).await?;
    let mut heads = pages.iter().map(|page| page.as_ref().map(|page| page.head));
    let etag = heads.next().flatten().map(|head| head.etag);
    Ok(etag == loaded.etag() && heads.zip(logs).all(|(head, place)| is_same_end(head, place.head())))
}

fn is_same_end(one: Option<LogHead>, other: Option<LogHead>) -> bool {
    let end = |head: LogHead| (head.incarnation, head.end);
    one.map(end) == other.map(end)
}

/// A session's bytes with the patches applied.
pub(super) struct Bytes {
    state: Vec<u8>,
    next_log: u64,
    /// The numbers of the logs inside.
    pub(super) logs: Vec<u64>,
}

impl Bytes {
    pub(super) fn read<S: State>(
        store: &Store<S>,
        conversation: &Conversation,
        page: &LogPage,
    ) -> Result<Self> {
        let _ = (store, conversation);
        Ok(Self::open(page)?)
    }

    fn open(page: &LogPage) -> Result<Self, Malformed> {
        let base = Base::decode(page.base.as_deref().ok_or(Malformed::Truncated)?)?;
        if page.next() != page.head.end {
            return Err(Malformed::Truncated);
        }
        let mut next_log = base.next_log;
        let mut state = Vec::new();
        if page.entries.is_empty() {
            state.extend_from_slice(base.state);
        } else {
            let mut tree = Tree::Raw(base.state);
            let mut len = 0;
            for entry in &page.entries {
                let patch = Patch::decode(entry)?;
                tree.apply(patch.changes)?;
                (next_log, len) = (patch.next_log, patch.state_len);
            }
            tree.write(&mut state);
            if state.len() as u64 != len {
                return Err(Malformed::Patch);
            }
        }
        let logs = log_numbers(&state)?;
        Ok(Self { state, next_log, logs })
    }
}

/// The numbers of the logs inside an encoded state, in order; a state that is not one whole value of at most the
/// greatest depth is refused.
pub(super) fn log_numbers(state: &[u8]) -> Result<Vec<u64>, Malformed> {
    let mut numbers = Vec::new();
    let end = walk(state, 0, 0, &mut |payload| {
        if let [extension, digits @ ..] = payload
            && *extension == EXTENSION.cast_unsigned()
            && let Ok(digits) = digits.try_into()
        {
            numbers.push(u64::from_be_bytes(digits));
        }
    })?;
    if end != state.len() {
        return Err(Malformed::MessagePack);
    }
    numbers.retain(|number| *number != 0);
    numbers.sort_unstable();
    Ok(numbers)
}

/// The tails of the logs, read together with the session's head; `None` if that is not `head` any more.
async fn tails<S: State>(
    store: &Store<S>,
    conversation: &Conversation,
    head: &LogHead,
    numbers: &[u64],
) -> Result<Option<Vec<Arc<Tail>>>> {
    if numbers.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let key = |number| store.log_key(conversation, number);
    let mut reads = vec![Read::head(store.key(conversation))];
    reads.extend(numbers.iter().map(|number| read_tail(key(*number), store.log_tail())));
    let mut pages = pages(store.storage(), &reads).await?.into_iter();
    if pages.next().flatten().map(|page| page.head.etag) != Some(head.etag) {
        return Ok(None);
    }
    let mut tails = Vec::with_capacity(numbers.len());
    for (number, page) in numbers.iter().zip(pages) {
        let page = page.ok_or_else(|| Error::corrupt(format!("its log {number} is not there")))?;
        let tail = Tail::complete(store.storage(), *number, key(*number), page, store.log_tail()).await?;
        tails.push(Arc::new(tail));
    }
    Ok(Some(tails))
}

/// Pages of logs; an error of one is the error of all.
async fn pages(storage: &Arc<dyn Storage>, reads: &[Read]) -> Result<Vec<Option<LogPage>>> {
    let pages = storage.read(reads).await?;
    pages.into_iter().map(|page| Ok(page?.and_then(Page::into_log))).collect()
}
