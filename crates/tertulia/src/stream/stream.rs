//! One stream: what it is, what is appended to it, how it ends.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::drive::drive;
use super::live::{Cell, Live, Place, Ticket};
use super::meta::{Identity, Origin, Phase};
use super::room::make_room;
use super::state::State;
use super::streams::{Streams, deleted, evicted};
use super::{Append, Appended, Cursor, End, Expiry, StreamId, Visible};
use crate::error::Kind;
use crate::{Error, Result, Timestamp};

/// A stream that was there when it was got or made. Cheap to clone. If the stream is deleted or expires, every call is
/// `Gone`, also when another stream takes its name.
#[derive(Clone, Debug)]
pub struct Stream {
    pub(super) streams: Streams,
    pub(super) live: Arc<Live>,
    pub(super) identity: Identity,
    /// The number of the attempt that it writes, if it does.
    pub(super) writer: Option<u32>,
    /// What it and its clones showed last without waiting until it was stored.
    pub(super) shown: Arc<Mutex<Option<Ticket>>>,
}

/// What a stream is at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The media type of its entries.
    pub content_type: String,
    /// When it goes by itself.
    pub expiry: Expiry,
    /// How long until then.
    pub expires_in: Option<Duration>,
    /// When readers see what is appended.
    pub visible: Visible,
    /// Its first entry that is there.
    pub start: Cursor,
    /// Where it ends, as readers see it.
    pub end: Cursor,
    /// How it ended, if it did.
    pub closed: Option<End>,
    /// Whether somebody asked whoever writes it to stop.
    pub cancelled: bool,
    /// What it was forked from.
    pub origin: Option<Origin>,
    /// How often a handler has begun to write it; 0 if none has.
    pub attempt: u32,
}

/// How often an append that others came before is judged anew.
const TRIES: u32 = 32;
/// What a try to append came to.
enum Tried {
    Settled(Appended),
    Wait(Appended, Ticket),
    /// It has to be read first.
    Unknown,
    /// Too much waits to be stored, or its end is on its way.
    Full,
}

impl Stream {
    pub(super) fn new(streams: &Streams, live: &Arc<Live>, identity: Identity) -> Self {
        Self {
            streams: streams.clone(),
            live: Arc::clone(live),
            identity,
            writer: None,
            shown: Arc::default(),
        }
    }

    /// Its address.
    pub fn id(&self) -> &StreamId {
        &self.live.id
    }

    /// The media type of its entries, which never changes.
    pub fn content_type(&self) -> &str {
        &self.identity.content_type
    }

    pub(super) fn now(&self) -> Timestamp {
        self.streams.0.clock.now()
    }

    /// The state; `None` if it has to be read first.
    pub(super) fn state<'a>(&self, cell: &'a mut Cell) -> Result<Option<&'a mut State>> {
        let gone = |what: &str| Err(Error::new(Kind::Gone, format!("stream {} {what}", self.id())));
        cell.here(|| self.now());
        match &cell.place {
            Place::Unknown => Ok(None),
            Place::Evicted(_) => Err(evicted(self.id())),
            Place::Absent => gone("is no longer there"),
            Place::Here(state) if state.meta.id != self.identity.id => gone("was deleted and made anew"),
            Place::Here(state) => match state.meta.phase {
                Phase::Deleted => Err(deleted(self.id())),
                Phase::Awaited => gone("is no longer there"),
                Phase::Here | Phase::Building => Ok(cell.state()),
            },
        }
    }

    /// Looks at the state, which is read first if need be.
    pub(super) async fn look<T>(&self, mut look: impl FnMut(&mut State) -> T) -> Result<T> {
        loop {
            if let Some(state) = self.state(&mut self.live.cell())? {
                return Ok(look(state));
            }
            self.streams.load(&self.live).await?;
        }
    }

    /// What the stream is. Does not move a sliding deadline.
    ///
    /// # Errors
    /// `Gone` if it is no longer there; what the storage gives.
    ///
    /// # Cancel safety
    /// Reads nothing away.
    pub async fn info(&self) -> Result<Info> {
        self.streams.refresh(&self.live).await?;
        let now = self.now();
        self.look(|state| Info {
            content_type: state.meta.content_type.to_string(),
            expiry: state.meta.expiry,
            expires_in: state.deadline.map(|deadline| deadline.since(now)),
            visible: state.meta.visible,
            start: state.meta.branches.mint(state.meta.start),
            end: state.shown_end(),
            closed: state.ended,
            cancelled: state.meta.cancelled,
            origin: state.meta.origin.clone(),
            attempt: state.meta.attempt.map_or(0, |attempt| attempt.number),
        })
        .await
    }

    /// Appends one entry. Gives the cursor after it.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    /// If dropped, it may be appended or not.
    pub async fn append(&self, entry: impl Into<bytes::Bytes>) -> Result<Cursor> {
        self.append_all([entry.into()]).await
    }

    /// Appends entries as one: all of them or none.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    /// If dropped, all of them may be appended or none.
    pub async fn append_all(&self, entries: impl IntoIterator<Item = bytes::Bytes>) -> Result<Cursor> {
        let entries = entries.into_iter().collect();
        self.write(Append { entries, ..Append::default() }).await.map(Appended::end)
    }

    /// Closes the stream: its readers come to an end. Closing a closed one changes nothing.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    /// If dropped, it may be closed or not.
    pub async fn close(&self, how: End) -> Result<Cursor> {
        self.write(Append { close: Some(how), ..Append::default() }).await.map(Appended::end)
    }

    /// Appends, with everything that can be asked of it; all of it happens or nothing. Resolves when readers of a gated
    /// stream can see it; with [`Visible::Live`] at once, unless it closes the stream or much waits to be stored.
    ///
    /// # Errors
    /// What the stream refuses, told by [`Refused`](super::Refused): `Closed`; `Conflict` for a stale epoch or attempt,
    /// a gap, or a sequence that does not grow; `Invalid` for a new epoch that does not begin at 0. `Invalid` for more
    /// than 10,000 entries, or more than 8 MiB less 64 KiB of them; `Gone` if the stream is not there any more; what the
    /// storage gives. With [`Visible::Live`], the failure to store what was appended before.
    ///
    /// # Cancel safety
    /// If dropped, it may happen or not; a [`Producer`](super::Producer) can ask again.
    pub async fn write(&self, append: Append) -> Result<Appended> {
        append.check()?;
        append.check_size(self.id())?;
        let mut conflicts = 0;
        while conflicts < TRIES {
            match self.try_write(&append)? {
                Tried::Settled(appended) => return Ok(appended),
                Tried::Unknown => self.streams.load(&self.live).await?,
                Tried::Full => self.drained().await,
                Tried::Wait(appended, ticket) => match self.streams.settled(&self.live, Some(ticket)).await {
                    Ok(()) => return Ok(appended),
                    // Somebody else wrote first: what they wrote is read, and this is judged anew.
                    Err(error) if error.kind() == Kind::Conflict => {
                        conflicts += 1;
                        self.give_way(conflicts).await;
                    }
                    Err(error) => return Err(error),
                },
            }
        }
        let text = format!("stream {}: others wrote first {TRIES} times in a row", self.id());
        Err(Error::unavailable(text))
    }

    fn try_write(&self, append: &Append) -> Result<Tried> {
        let inner = &self.streams.0;
        let mut cell = self.live.cell();
        let Some(state) = self.state(&mut cell)? else { return Ok(Tried::Unknown) };
        self.told()?;
        if state.kept.as_ref().is_some_and(|kept| kept.is_full(inner.options.unstored)) {
            return Ok(Tried::Full);
        }
        let random = || inner.clock.random();
        let taken = state.append(append, self.writer, random, || inner.clock.now());
        let taken = taken.map_err(|refused| refused.error(self.id()))?;
        let has_grown = state.count(inner.options.stream_memory);
        let has_closed = append.close.is_some() && !taken.duplicate;
        if taken.ticket.is_none() {
            *self.shown.lock() = state.ticket();
        }
        drive(inner, &self.live, state);
        drop(cell);
        self.live.changed.notify_waiters();
        if has_closed {
            inner.room.closed(&self.live);
        }
        if has_grown {
            inner.room.used(&self.live);
            make_room(inner);
        }
        let appended = match taken.duplicate {
            true => Appended::Duplicate { end: taken.end, last: taken.last },
            false => Appended::New(taken.end),
        };
        Ok(match taken.ticket {
            None => Tried::Settled(appended),
            Some(ticket) => Tried::Wait(appended, ticket),
        })
    }

    /// Fails, once, if what it showed before could not be stored.
    pub(super) fn told(&self) -> Result<()> {
        let mut shown = self.shown.lock();
        let outcome = shown.as_ref().and_then(|ticket| ticket.outcome(self.id()));
        if outcome.is_some() {
            *shown = None;
        }
        outcome.unwrap_or(Ok(()))
    }

    /// After the second conflict in a row, waits for a random time that grows.
    async fn give_way(&self, conflicts: u32) {
        if conflicts > 1 {
            let clock = &self.streams.0.clock;
            let most = 10 * u64::from(conflicts.min(20));
            clock.sleep(Duration::from_millis(1 + clock.random() % most)).await;
        }
    }

    /// Waits until less is to be stored, and until it is known whether it ended.
    async fn drained(&self) {
        let most = self.streams.0.options.unstored;
        loop {
            let woken = self.live.settled.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            let is_full = self
                .live
                .cell()
                .state()
                .is_some_and(|state| state.kept.as_ref().is_some_and(|kept| kept.is_full(most)));
            if !is_full {
                return;
            }
            woken.await;
        }
    }

    /// Resolves when all that was appended is stored; at once for a stream in memory alone.
    ///
    /// # Errors
    /// What the storage gave.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn flush(&self) -> Result<()> {
        // It may have left memory, or be about to come back.
        let shown = self.shown.lock().clone();
        let ticket = {
            let mut cell = self.live.cell();
            cell.state().and_then(|state| {
                let ticket = state.unsettled();
                if let Some(kept) = &mut state.kept {
                    kept.hurry = true;
                }
                drive(&self.streams.0, &self.live, state);
                ticket
            })
        };
        let _ = self.settle(shown).await;
        self.told()?;
        let settled = self.settle(ticket).await;
        // Said once.
        self.told().and(settled)
    }

    pub(super) async fn settle(&self, ticket: Option<Ticket>) -> Result<()> {
        self.streams.settled(&self.live, ticket).await
    }

    /// Asks whoever writes the stream to stop. It is for them to close it.
    ///
    /// # Errors
    /// What the storage gives.
    ///
    /// # Cancel safety
    /// If dropped, the signal may be given or not.
    pub async fn cancel(&self) -> Result<()> {
        self.streams.cancel(self.id()).await
    }
}

impl Appended {
    /// Where the stream ends.
    pub fn end(self) -> Cursor {
        match self {
            Self::New(end) | Self::Duplicate { end, .. } => end,
        }
    }

    /// Whether it was taken before.
    pub fn is_duplicate(self) -> bool {
        matches!(self, Self::Duplicate { .. })
    }
}
