//! The streams of a process: made, found, listed, stopped and deleted.

use std::sync::Arc;

use super::drive::{AWAITED, drive};
use super::live::{Live, Place, Step, Ticket};
use super::meta::{Identity, Meta, Phase};
use super::room::{Room, make_room};
use super::shelves::Shelves;
use super::state::{Kept, State};
use super::stream::Stream;
use super::{Append, BranchId, CreateOptions, Expiry, Page, StreamId, StreamsOptions};
use crate::error::Kind;
use crate::storage::{IntoStorage, ListQuery, Names, Storage};
use crate::{Clock, Conversation, Error, Result};

/// Streams: append-only, read by offset, followed live. Cheap to clone; clones share one memory.
///
/// A stream is kept in memory alone, or in a storage with its last entries in memory before it. With a storage, what
/// is written by other processes to the same stream is seen, and nothing is written over.
#[derive(Clone, Debug)]
pub struct Streams(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    /// Where streams are kept; in memory alone if nowhere.
    pub(super) storage: Option<Arc<dyn Storage>>,
    pub(super) clock: Clock,
    pub(super) options: StreamsOptions,
    pub(super) shelves: Shelves,
    pub(super) room: Arc<Room>,
}

/// How a stream begins.
pub(super) struct Begin {
    pub(super) meta: Meta,
    /// What it begins with a copy of.
    pub(super) copied: Vec<Page>,
    /// Whether that is all of it; if not, the stream's own first entries come later.
    pub(super) is_whole: bool,
}

/// What became of a stream that was to be made.
#[derive(Clone, Debug)]
pub enum Created {
    /// It was made.
    New(Stream),
    /// It was there already, and is as it was.
    Existing(Stream),
}

impl Created {
    /// The stream.
    pub fn stream(self) -> Stream {
        match self {
            Self::New(stream) | Self::Existing(stream) => stream,
        }
    }
}

impl Streams {
    /// In memory alone, with the usual bounds.
    pub fn memory() -> Self {
        Self::with(None, Clock::system(), StreamsOptions::default())
    }

    /// Kept in this storage, with the usual bounds.
    pub fn over(storage: impl IntoStorage) -> Self {
        Self::with(Some(storage.into_storage()), Clock::system(), StreamsOptions::default())
    }

    /// Kept in this storage, or in memory alone, with this clock and within these bounds.
    pub fn with(storage: Option<Arc<dyn Storage>>, clock: Clock, options: StreamsOptions) -> Self {
        let (shelves, room) = (Shelves::new(), Arc::new(Room::default()));
        Self(Arc::new(Inner { storage, clock, options, shelves, room }))
    }

    /// The storage they are kept in, if in any.
    pub(crate) fn storage(&self) -> Option<&Arc<dyn Storage>> {
        self.0.storage.as_ref()
    }

    /// The bytes that streams take in this process's memory, roughly.
    pub fn memory_used(&self) -> usize {
        self.0.room.bytes()
    }

    /// Makes a stream, unless there is one.
    ///
    /// # Errors
    /// `Invalid` for options out of their bounds, and if the place a fork is made at is not in its source; `Gone` if a
    /// deleted stream is kept there for its forks, or the source of a fork is not there; what the storage gives.
    ///
    /// # Cancel safety
    /// If dropped, the stream may be there or not; making it again tells.
    pub async fn create(&self, id: &StreamId, options: CreateOptions) -> Result<Created> {
        options.check()?;
        if options.fork.is_some() {
            return self.fork(id, options).await;
        }
        let meta = self.new_meta(&options);
        self.make(id, Begin { meta, copied: Vec::new(), is_whole: true }, &options).await
    }

    /// What a new stream with these options is.
    pub(super) fn new_meta(&self, options: &CreateOptions) -> Meta {
        let content_type = match options.content_type.is_empty() {
            true => "application/octet-stream".into(),
            false => options.content_type.as_str().into(),
        };
        let (expiry, visible, abandoned_after) = (options.expiry, options.visible, options.abandoned_after);
        let id = BranchId(self.0.clock.random());
        Meta { content_type, expiry, visible, abandoned_after, ..Meta::new(id) }
    }

    /// Makes a stream of what it is to be and its first entries, unless there is one.
    pub(super) async fn make(&self, id: &StreamId, begin: Begin, options: &CreateOptions) -> Result<Created> {
        let append = options.begin();
        append.check()?;
        append.check_size(id)?;
        loop {
            let live = self.0.shelves.take(id, Place::Unknown);
            self.load(&live).await?;
            let (identity, ticket) = match self.make_now(&live, &begin, &append)? {
                Step::Done(Err(existing)) => {
                    return Ok(Created::Existing(Stream::new(self, &live, existing)));
                }
                Step::Done(Ok(made)) => made,
                Step::Wait(ticket) => {
                    // Whatever becomes of it, it is looked at again.
                    let _ = self.settled(&live, Some(ticket)).await;
                    continue;
                }
                Step::Load => continue,
            };
            live.wake();
            self.0.room.used(&live);
            if begin.is_whole && options.closed {
                self.0.room.closed(&live);
            }
            make_room(&self.0);
            let stream = Stream::new(self, &live, identity);
            match stream.settle(ticket).await {
                Ok(()) => return Ok(Created::New(stream)),
                // Somebody else made one at the same time.
                Err(error) if error.kind() == Kind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Puts a new stream into memory, to be stored; if there is one, gives which.
    #[allow(clippy::type_complexity, reason = "read once, right above")]
    fn make_now(
        &self,
        live: &Arc<Live>,
        Begin { meta, copied, is_whole }: &Begin,
        append: &Append,
    ) -> Result<Step<Result<(Identity, Option<Ticket>), Identity>>> {
        let id = &live.id;
        let now = self.0.clock.now();
        let mut cell = live.cell();
        let (head, cancelled) = match cell.here(|| now) {
            None => (None, false),
            Some(state) => match state.meta.phase {
                Phase::Here => return Ok(Step::Done(Err(state.meta.identity()))),
                Phase::Deleted => return Err(deleted(id)),
                Phase::Building => return Err(Error::unavailable(format!("stream {id} is being made"))),
                Phase::Awaited => match state.unsettled() {
                    Some(ticket) => return Ok(Step::Wait(ticket)),
                    None => (state.kept.as_ref().and_then(|kept| kept.head), state.meta.cancelled),
                },
            },
        };
        if matches!(cell.place, Place::Unknown) && self.0.storage.is_some() {
            return Ok(Step::Load);
        }
        let kept = self.0.storage.as_ref().map(|_| Kept {
            meta_dirty: true,
            expire_dirty: true,
            accepted: 1,
            own: true,
            hurry: true,
            ..Kept::new(head, meta.start)
        });
        let mut meta = meta.clone();
        meta.cancelled |= cancelled;
        let (identity, start) = (meta.identity(), meta.start);
        let mut state = State::new(meta, start, now, kept, &self.0.room);
        for entry in copied.iter().flat_map(Page::entries) {
            state.window.push(&entry);
        }
        if *is_whole && (!append.entries.is_empty() || append.close.is_some()) {
            let taken = state.append(append, None, || 0, || now);
            taken.map_err(|refused| refused.error(id))?;
        }
        state.touch(now);
        if let Expiry::At(at) = state.meta.expiry {
            state.deadline = Some(at);
        }
        (state.shown, state.ended) = match state.kept {
            Some(_) => (start, None),
            None => (state.end(), state.meta.closed),
        };
        let ticket = state.ticket();
        state.count(self.0.options.stream_memory);
        drive(&self.0, live, &mut state);
        cell.place = Place::Here(Box::new(state));
        Ok(Step::Done(Ok((identity, ticket))))
    }

    /// The stream, if there is one.
    ///
    /// # Errors
    /// `Gone` if it was in memory alone and had to leave, or is deleted and kept for its forks; what the storage gives.
    ///
    /// # Cancel safety
    /// Reads nothing away.
    pub async fn get(&self, id: &StreamId) -> Result<Option<Stream>> {
        let live = match (self.0.shelves.find(id), &self.0.storage) {
            (Some(live), _) => live,
            (None, None) => return Ok(None),
            (None, Some(_)) => self.0.shelves.take(id, Place::Unknown),
        };
        self.load(&live).await?;
        let found = {
            let mut cell = live.cell();
            match &cell.place {
                Place::Evicted(_) => return Err(evicted(id)),
                Place::Unknown | Place::Absent | Place::Here(_) => {}
            }
            match cell.here(|| self.0.clock.now()) {
                Some(state) if state.meta.phase == Phase::Deleted => return Err(deleted(id)),
                Some(state) if state.meta.phase == Phase::Here => Some(state.meta.identity()),
                _ => None,
            }
        };
        match found {
            Some(identity) => {
                make_room(&self.0);
                Ok(Some(Stream::new(self, &live, identity)))
            }
            None => {
                self.0.shelves.forget(&live);
                Ok(None)
            }
        }
    }

    /// Asks whoever writes the stream to stop. If there is no such stream yet, that is remembered for an hour, and the
    /// stream is stopped when it is made.
    ///
    /// # Errors
    /// What the storage gives.
    ///
    /// # Cancel safety
    /// If dropped, the signal may be given or not.
    pub async fn cancel(&self, id: &StreamId) -> Result<()> {
        loop {
            let live = self.0.shelves.take(id, Place::Unknown);
            self.load(&live).await?;
            let ticket = {
                let mut cell = live.cell();
                if cell.here(|| self.0.clock.now()).is_none() {
                    if matches!(cell.place, Place::Unknown) && self.0.storage.is_some() {
                        continue;
                    }
                    let now = self.0.clock.now();
                    let kept = self.0.storage.as_ref().map(|_| Kept {
                        expire_dirty: true,
                        own: true,
                        ..Kept::new(None, 0)
                    });
                    let meta = Meta { phase: Phase::Awaited, ..Meta::new(BranchId(self.0.clock.random())) };
                    let mut state = State::new(meta, 0, now, kept, &self.0.room);
                    state.deadline = Some(now.after(AWAITED));
                    cell.place = Place::Here(Box::new(state));
                }
                let state = cell.state().expect("it is there or was just put there");
                if state.meta.cancelled || state.meta.closed.is_some() {
                    return Ok(());
                }
                state.meta.cancelled = true;
                let ticket = state.change();
                drive(&self.0, &live, state);
                ticket
            };
            live.wake();
            match self.settled(&live, ticket).await {
                Err(error) if error.kind() == Kind::Conflict => {}
                settled => return settled,
            }
        }
    }

    /// The streams of a conversation, in the order of their names, from after `after`, at most `limit`.
    ///
    /// # Errors
    /// What the storage gives.
    ///
    /// # Cancel safety
    /// Reads nothing away.
    pub async fn list(
        &self,
        conversation: &Conversation,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StreamId>> {
        self.list_named(conversation, "", after, limit).await
    }

    /// As [`list`](Self::list), of those whose name begins so.
    pub(crate) async fn list_named(
        &self,
        conversation: &Conversation,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StreamId>> {
        let mut found = Vec::new();
        match &self.0.storage {
            None => {
                let all = self.0.shelves.all().into_iter();
                let of_conversation = all.filter(|live| {
                    live.id.conversation() == conversation && live.id.name().starts_with(prefix)
                });
                let here = of_conversation.filter(|live| {
                    let mut cell = live.cell();
                    cell.here(|| self.0.clock.now()).is_some_and(|state| state.meta.phase == Phase::Here)
                });
                found.extend(here.map(|live| live.id.clone()));
            }
            Some(storage) => {
                let mut query = ListQuery {
                    shard: Some(conversation.shard()),
                    source: Some(conversation.source().into_owned()),
                    names: Names::Prefix(format!("{}{prefix}", super::id::PREFIX)),
                    ..ListQuery::default()
                };
                loop {
                    let listing = storage.list(&query).await?;
                    let ids = listing.keys.iter().filter_map(|listed| StreamId::of_log(&listed.key));
                    found.extend(ids.filter(|id| id.conversation() == conversation));
                    match listing.next {
                        Some(next) => query.after = Some(next),
                        None => break,
                    }
                }
            }
        }
        found.retain(|id| after.is_none_or(|after| id.name() > after));
        found.sort_unstable();
        let mut listed = Vec::new();
        for id in found {
            if listed.len() == limit {
                break;
            }
            // What is awaited, being filled or kept for its forks is not there.
            if matches!(self.get(&id).await, Ok(Some(_))) {
                listed.push(id);
            }
        }
        Ok(listed)
    }

    /// Waits until a change is settled.
    pub(super) async fn settled(&self, live: &Live, ticket: Option<Ticket>) -> Result<()> {
        let Some(ticket) = ticket else { return Ok(()) };
        loop {
            let woken = live.settled.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            if let Some(settled) = ticket.outcome(&live.id) {
                return settled;
            }
            woken.await;
        }
    }
}

pub(super) fn deleted(id: &StreamId) -> Error {
    Error::new(Kind::Gone, format!("stream {id} is deleted, and kept for the streams forked from it"))
}

pub(super) fn evicted(id: &StreamId) -> Error {
    Error::new(Kind::Gone, format!("stream {id} was in memory alone and had to make room for others"))
}
