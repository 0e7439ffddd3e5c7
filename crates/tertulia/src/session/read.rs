//! Reading a session from the storage: base and patches in one round trip, the tails of its logs in a second one.

use std::sync::Arc;
use std::time::Duration;

use super::backing::{Backing, Slot};
use super::entry::Entry;
use super::expiry::Expiry;
use super::format::{Base, Malformed, Patch};
use super::loaded::Loaded;
use super::log::{EXTENSION, Home, Tail, decode, read_tail};
use super::migrate::tree;
use super::msgpack::patch::Tree;
use super::msgpack::walk;
use super::store::{State, Store, log_key};
use crate::error::Kind;
use crate::storage::{Etag, Limits, LogHead, LogPage, Page, Read, Storage};
use crate::{Conversation, Error, Key, Result};

/// How often the two round trips are made while others write in between. In a debug build on a loaded machine a writer that
/// does nothing else comes in between four times out of five.
const TRIES: usize = 256;
/// From so many tries on there is a random wait between them, up to this many microseconds, so that writers come to their
/// end.
const PATIENT: usize = 8;
const WAIT: u64 = 2_000;

/// More than there ever is: patches are joined into the base before they outgrow it.
const MAX_PATCHES: usize = 1 << 20;

/// The session as it is stored, with so many items of each log, or the type's default.
pub(super) async fn session<S: State>(
    store: &Store<S>,
    conversation: &Conversation,
    log_tail: usize,
) -> Result<Entry<S>> {
    session_and_tails(store, conversation, log_tail).await.map(|(entry, _)| entry)
}

/// The same, with the items of its logs as they are stored.
pub(super) async fn session_and_tails<S: State>(
    store: &Store<S>,
    conversation: &Conversation,
    log_tail: usize,
) -> Result<(Entry<S>, Vec<Arc<Tail>>)> {
    let key = store.key(conversation);
    for nth in 0..TRIES {
        if nth >= PATIENT {
            store.clock().sleep(Duration::from_micros(store.clock().random() % WAIT)).await;
        }
        let asked = store.clock().now();
        let Whole { head, bytes, tails } =
            match look(store.backing(), conversation, &key, log_tail, &mut Vec::new()).await? {
                Found::Absent => return Ok((Entry::absent(first_log(store)), Vec::new())),
                Found::Moved => continue,
                Found::Whole(whole) => whole,
            };
        let logs = tails.iter().map(|tail| tail.place.clone()).collect();
        let value = decode(&bytes.state, tails.clone()).map_err(|e| {
            Error::corrupt(format!("{key}: what is stored does not fit its type: {e}")).with_source(e)
        })?;
        let Bytes { state: shadow, next_log, is_stale, .. } = bytes;
        let deadline = head.expires_in.map(|left| asked.after(left));
        // The deadline is kept as a moment.
        let head = Some(LogHead { expires_in: None, ..head });
        let (is_renewed, pending) = (false, None);
        let entry = Entry { value, shadow, head, next_log, logs, deadline, is_stale, is_renewed, pending };
        return Ok((entry, tails));
    }
    Err(moving(&key))
}

/// The session as it is stored, without its type; `None` if it is not. `seen` as in [`look`].
pub(super) async fn untyped(
    backing: &Arc<Backing>,
    conversation: &Conversation,
    key: &Key,
    log_tail: usize,
    seen: &mut Vec<(Key, Option<Etag>)>,
) -> Result<Option<Whole>> {
    for nth in 0..TRIES {
        if nth >= PATIENT {
            tokio::task::yield_now().await;
        }
        match look(backing, conversation, key, log_tail, seen).await? {
            Found::Absent => return Ok(None),
            Found::Moved => {}
            Found::Whole(whole) => return Ok(Some(whole)),
        }
    }
    Err(moving(key))
}

fn moving(key: &Key) -> Error {
    Error::new(Kind::Conflict, format!("{key} changes faster than it can be read"))
}

/// What one look at a session found.
enum Found {
    Absent,
    /// Somebody wrote between the two round trips.
    Moved,
    Whole(Whole),
}

/// A session without its type, and so many of the last items of each log, at one moment.
pub(super) struct Whole {
    head: LogHead,
    pub(super) bytes: Bytes,
    /// Of every log that is stored with it; a migration may have left some of them out of the state.
    pub(super) tails: Vec<Arc<Tail>>,
}

/// Looks at a session once. In `seen` are then the logs that were looked at, with their etags, also when they cannot be
/// read; none if it failed before they were known.
async fn look(
    backing: &Arc<Backing>,
    conversation: &Conversation,
    key: &Key,
    log_tail: usize,
    seen: &mut Vec<(Key, Option<Etag>)>,
) -> Result<Found> {
    seen.clear();
    let page = pages(&backing.storage, &[whole(key, &backing.limits)]).await?.pop().flatten();
    seen.push((key.clone(), page.as_ref().map(|page| page.head.etag)));
    let Some(page) = page else { return Ok(Found::Absent) };
    let bytes = Bytes::read(backing, key, &page).and_then(|bytes| bytes.migrate(backing));
    let bytes = bytes.map_err(|error| error.context(key))?;
    match tails(backing, conversation, key, &page.head, &bytes, log_tail, seen).await {
        Ok(Some(tails)) => Ok(Found::Whole(Whole { head: page.head, bytes, tails })),
        Ok(None) => Ok(Found::Moved),
        Err(error) if error.kind() == Kind::Gone => Ok(Found::Moved),
        Err(error) => Err(error.context(key)),
    }
}

/// The number of a new session's first log. Where a session can expire, the logs of one that did may be there a moment
/// longer than it: theirs are not met again.
fn first_log<S: State>(store: &Store<S>) -> u64 {
    match store.options().expiry {
        Expiry::Never => 1,
        Expiry::Absolute(_) | Expiry::Sliding(_) => store.clock().random() >> 24 | 1,
    }
}

/// Whether a session is stored.
pub(super) async fn exists<S: State>(store: &Store<S>, conversation: &Conversation) -> Result<bool> {
    let head = Read::head(store.key(conversation));
    Ok(pages(store.storage(), &[head]).await?.iter().any(Option::is_some))
}

/// The read of a session's base and patches.
pub(super) fn whole(session: &Key, limits: &Limits) -> Read {
    Read::new(session.clone()).limit(MAX_PATCHES, limits.batch_bytes)
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
    /// The version of what is stored, by the user's migrations.
    schema: u32,
    pub(super) state: Vec<u8>,
    next_log: u64,
    /// The numbers of the logs inside.
    pub(super) logs: Vec<u64>,
    /// The names of the fields above them, if anybody wants to know.
    fields: Vec<(u64, Vec<String>)>,
    /// Whether the state was migrated, so that it is not what is stored.
    is_stale: bool,
}

impl Bytes {
    pub(super) fn read(backing: &Backing, key: &Key, page: &LogPage) -> Result<Self> {
        let base = backing.open(page.base.as_ref().ok_or(Malformed::Truncated)?, key, Slot::Base)?;
        let Base { schema, mut next_log, state: stored } = Base::decode(&base)?;
        if page.next() != page.head.end {
            return Err(Malformed::Truncated.into());
        }
        let mut state = Vec::new();
        if page.entries.is_empty() {
            state.extend_from_slice(stored);
        } else {
            let offsets = page.first.0..;
            let entries =
                offsets.zip(&page.entries).map(|(at, entry)| backing.open(entry, key, Slot::Entry(at)));
            let entries = entries.collect::<Result<Vec<_>>>()?;
            let mut tree = Tree::Raw(stored);
            let mut len = 0;
            for entry in &entries {
                let patch = Patch::decode(entry)?;
                tree.apply(patch.changes)?;
                (next_log, len) = (patch.next_log, patch.state_len);
            }
            tree.write(&mut state);
            if state.len() as u64 != len {
                return Err(Malformed::Patch.into());
            }
        }
        let logs = log_numbers(&state)?;
        Ok(Self { schema, state, next_log, logs, fields: Vec::new(), is_stale: false })
    }

    /// As this program's version has it. The logs stay the ones that are stored, some of which may have gone.
    fn migrate(mut self, backing: &Backing) -> Result<Self> {
        let migrations = &backing.migrations;
        if !migrations.is_current(self.schema)? {
            self.state = migrations.state(self.schema, &self.state)?;
            self.is_stale = true;
            if let Some(number) = log_numbers(&self.state)?.iter().find(|number| !self.logs.contains(number))
            {
                return Err(Error::corrupt(format!("a migration gave log {number}, which is not stored")));
            }
        }
        if migrations.has_items() && !self.logs.is_empty() {
            self.fields = tree::Tree::decode(&self.state)?.logs();
        }
        Ok(self)
    }

    /// The names of the fields above the log with this number.
    fn path(&self, number: u64) -> Option<Vec<String>> {
        self.fields.iter().find(|(log, _)| *log == number).map(|(_, path)| path.clone())
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
async fn tails(
    backing: &Arc<Backing>,
    conversation: &Conversation,
    key: &Key,
    head: &LogHead,
    bytes: &Bytes,
    log_tail: usize,
    seen: &mut Vec<(Key, Option<Etag>)>,
) -> Result<Option<Vec<Arc<Tail>>>> {
    let numbers = &bytes.logs;
    if numbers.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let log = |number| log_key(conversation, key, number);
    let mut reads = vec![Read::head(key.clone())];
    reads.extend(numbers.iter().map(|number| read_tail(log(*number), log_tail)));
    seen.clear();
    let pages = pages(&backing.storage, &reads).await?;
    let etags = pages.iter().map(|page| page.as_ref().map(|page| page.head.etag));
    seen.extend(reads.into_iter().map(|read| read.key).zip(etags));
    let mut pages = pages.into_iter();
    if pages.next().flatten().map(|page| page.head.etag) != Some(head.etag) {
        return Ok(None);
    }
    let mut tails = Vec::with_capacity(numbers.len());
    for (number, page) in numbers.iter().zip(pages) {
        let page = page.ok_or_else(|| Error::corrupt(format!("its log {number} is not there")))?;
        let home = Home::new(backing.clone(), log(*number), bytes.path(*number));
        let tail = Tail::complete(home, *number, page, log_tail).await?;
        tails.push(Arc::new(tail));
    }
    Ok(Some(tails))
}

/// Pages of logs; an error of one is the error of all.
async fn pages(storage: &Arc<dyn Storage>, reads: &[Read]) -> Result<Vec<Option<LogPage>>> {
    let pages = storage.read(reads).await?;
    pages.into_iter().map(|page| Ok(page?.and_then(Page::into_log))).collect()
}
