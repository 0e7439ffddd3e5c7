//! Reading a stream: what is in memory, what is only stored, and waiting for more.

use std::ops::Range;
use std::time::Duration;

use super::branches::Branches;
use super::room::make_room;
use super::state::State;
use super::stream::Stream;
use super::watch::Following;
use super::window::Window;
use super::{Append, Cursor, End, From, Limit, Lost, Page, Resync, drive};
use crate::error::Kind;
use crate::storage::LogHead;
use crate::{Error, Result};

/// The most that is brought back into memory by one read, so that the next one finds it there.
const BACK: usize = 1 << 20;

/// What a try to read came to.
enum Tried {
    Read(Page),
    /// These entries are not in memory but stored.
    Stored {
        head: LogHead,
        branches: Branches,
        from: u64,
        until: u64,
    },
}

impl Stream {
    /// The entries from a place on, as far as readers may see, up to a limit. An empty page is the end for now, or, if
    /// it says so, for good. Moves a sliding deadline.
    ///
    /// # Errors
    /// `Gone`, with a [`Resync`], if the place is not there (any more); `Gone` without one if the stream is not; what
    /// the storage gives.
    ///
    /// # Cancel safety
    /// Reads nothing away.
    pub async fn read(&self, from: From, limit: Limit) -> Result<Page> {
        self.streams.refresh(&self.live).await?;
        self.read_known(from, limit).await
    }

    /// As [`read`](Self::read), but what other processes wrote a moment ago may not be seen yet: for who has read or
    /// waited just before.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// # Cancel safety
    /// Reads nothing away.
    pub async fn read_known(&self, from: From, limit: Limit) -> Result<Page> {
        self.read_as(from, limit, true).await
    }

    /// As [`read`](Self::read), but a sliding deadline stays where it is: for tools that look at what is there.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// # Cancel safety
    /// Reads nothing away.
    pub async fn peek(&self, from: From, limit: Limit) -> Result<Page> {
        self.streams.refresh(&self.live).await?;
        self.read_as(from, limit, false).await
    }

    async fn read_as(&self, from: From, limit: Limit, is_use: bool) -> Result<Page> {
        loop {
            let tried = self.look(|state| self.try_read(state, from, limit, is_use)).await??;
            if let Some(page) = self.page(tried, limit).await? {
                return Ok(page);
            }
        }
    }

    /// The page of a try; `None` if it has to be tried again.
    async fn page(&self, tried: Tried, limit: Limit) -> Result<Option<Page>> {
        let page = match tried {
            Tried::Read(page) => Some(page),
            Tried::Stored { head, branches, from, until } => {
                self.read_stored(head, &branches, from..until, limit).await?
            }
        };
        make_room(&self.streams.0);
        Ok(page)
    }

    fn try_read(&self, state: &mut State, from: From, limit: Limit, is_use: bool) -> Result<Tried> {
        let offset = self.place(state, from)?;
        if is_use {
            self.touch(state);
        }
        let first = state.window.first();
        if offset < first
            && let Some(head) = state.kept.as_ref().and_then(|kept| kept.head)
        {
            let branches = state.meta.branches.clone();
            return Ok(Tried::Stored { head, branches, from: offset, until: first });
        }
        let runs = state.window.slice(offset, state.shown, limit);
        state.count(self.streams.0.options.stream_memory);
        self.streams.0.room.used(&self.live);
        let page = Page::new(runs, offset, &state.meta.branches, state.meta.is_json());
        let is_end = page.next().offset == state.shown;
        Ok(Tried::Read(if is_end { page.at_end(state.ended) } else { page }))
    }

    /// Moves a sliding deadline.
    fn touch(&self, state: &mut State) {
        if state.meta.expiry.sliding().is_some() && state.touch(self.now()) {
            drive::drive(&self.streams.0, &self.live, state);
        }
    }

    /// The offset that a read begins at.
    fn place(&self, state: &State, from: From) -> Result<u64> {
        let lost = |offset, why| {
            let earliest = state.meta.branches.mint(state.meta.start.max(offset));
            Err(Resync { earliest, why }.error(self.id()))
        };
        match from {
            From::Start => Ok(state.meta.start),
            From::End => Ok(state.shown),
            From::At(cursor) => match state.meta.branches.find(cursor) {
                Err((offset, why)) => lost(offset.min(state.shown), why),
                // What was shown before it was stored and then lost.
                Ok(offset) if offset > state.shown => lost(state.shown, Lost::Superseded),
                Ok(offset) if offset < state.meta.start => lost(state.meta.start, Lost::Trimmed),
                Ok(offset) => Ok(offset),
            },
        }
    }

    /// Reads entries that are not in memory; `None` if they are there now. If they reach to those in memory they are
    /// kept there.
    async fn read_stored(
        &self,
        head: LogHead,
        branches: &Branches,
        Range { start: offset, end: until }: Range<u64>,
        limit: Limit,
    ) -> Result<Option<Page>> {
        let bound = self.streams.0.options.stream_memory;
        let most = limit.bytes.clamp(BACK.min(bound), bound);
        let read = self.streams.stored(&self.live, head, branches, offset..until, most).await;
        let blocks = match read {
            Ok(blocks) if !blocks.is_empty() => blocks,
            // Trimmed or made anew meanwhile: what is known is outdated.
            Ok(_) => return self.outdated(),
            Err(error) if matches!(error.kind(), Kind::Gone | Kind::Invalid) => return self.outdated(),
            Err(error) => return Err(error),
        };
        self.look(|state| {
            // What was read may be superseded by now.
            if state.meta.branches != *branches {
                return None;
            }
            let mut window = Window::new(blocks[0].first, state.meta.is_json());
            for block in &blocks {
                window.push_block(block.clone());
            }
            if window.end() == state.window.first() {
                for block in blocks.iter().rev() {
                    state.window.push_front(block.clone());
                }
                let most = self.streams.0.options.stream_memory;
                if state.window.memory() <= most {
                    state.count(most);
                    return None;
                }
                state.count(most);
            }
            let runs = window.slice(offset, window.end(), limit);
            Some(Page::new(runs, offset, &state.meta.branches, state.meta.is_json()))
        })
        .await
    }

    fn outdated(&self) -> Result<Option<Page>> {
        self.live.cell().outdated();
        Ok(None)
    }

    /// Resolves when a read from `cursor` would give something: an entry, the end, or an error. Also when others write
    /// to the stored stream.
    ///
    /// # Errors
    /// `Gone` if the stream is no longer there; what the storage gives.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn ready(&self, cursor: &Cursor) -> Result<()> {
        let _following = Following::new(&self.streams, &self.live);
        self.until(|state| {
            let is_end = state.meta.branches.find(*cursor) == Ok(state.shown);
            (!is_end || state.ended.is_some()).then_some(())
        })
        .await
    }

    /// The next page from `cursor` that has an entry or is the end, waited for: for who follows. Each look is a read, so
    /// that a reader that is woken takes the stream's lock once.
    pub(super) async fn next_page(&self, cursor: Cursor, limit: Limit) -> Result<Page> {
        loop {
            // Waiting is no use of a stream, or each look would move its deadline, which wakes those who wait.
            let tried = self.until(|state| match self.try_read(state, From::At(cursor), limit, false) {
                Ok(Tried::Read(page)) if page.is_empty() && page.closed().is_none() => None,
                tried => {
                    self.touch(state);
                    Some(tried)
                }
            });
            if let Some(page) = self.page(tried.await??, limit).await? {
                return Ok(page);
            }
        }
    }

    /// Resolves when somebody has asked whoever writes the stream to stop, at once if they have.
    ///
    /// # Errors
    /// `Gone` if the stream is no longer there; what the storage gives.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn cancelled(&self) -> Result<()> {
        let _following = Following::new(&self.streams, &self.live);
        self.until(|state| state.meta.cancelled.then_some(())).await
    }

    /// Waits until the state gives something.
    async fn until<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> Result<T> {
        loop {
            let woken = self.live.changed.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            let looked = self.look(|state| (look(state), earlier(state.deadline, state.abandoned_at())));
            let (found, next) = looked.await?;
            if let Some(found) = found {
                return Ok(found);
            }
            let wait = next.map(|next| next.since(self.now()).max(Duration::from_millis(1)));
            let is_due = async {
                match wait {
                    Some(wait) => self.streams.0.clock.sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = woken => {}
                () = is_due => self.abort_abandoned().await?,
            }
        }
    }

    /// Ends the stream if nothing was appended for too long.
    async fn abort_abandoned(&self) -> Result<()> {
        let now = self.now();
        let is_due = self.look(|state| state.abandoned_at().is_some_and(|at| at <= now)).await?;
        if is_due {
            self.streams.refresh(&self.live).await?;
            let still = self.look(|state| state.abandoned_at().is_some_and(|at| at <= now)).await?;
            if still {
                let append = Append { close: Some(End::Aborted), ..Append::default() };
                match self.write(append).await {
                    Err(error) if error.kind() != Kind::Closed => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

fn earlier<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// An error that tells a reader where it can go on.
pub(super) fn resync(error: &Error) -> Option<Resync> {
    error.detail::<Resync>().copied()
}
