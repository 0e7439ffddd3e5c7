//! Workers run turns: one takes a ready update, ends it and takes the next under one lock. At its first wait in a
//! handler another goes on with the ready list, so there is neither a task nor a wake-up per update.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::task::coop;

use super::core::Core;
use super::desk::Desk;
use super::format::{InboxRecord, Mark};
use super::index::{Arrived, Index, Known, Start, Verdict};
use super::limit::Dropped;
use super::names::INBOX;
use super::panics::{caught, caught_async};
use super::sequence::Place;
use super::{Handler, Turn};
use crate::error::Kind;
use crate::storage::{Base, From, Page, QueueEntry, Read};
use crate::{Error, Key, Result, Timestamp};

/// After how many turns that never waited a worker lets other tasks run: about as many as a source brings at
/// once, so that updates are not brought faster than they are run.
const TURNS_BEFORE_YIELD: usize = 128;

/// After how many times in a row the wait for another process that runs an update grows no more.
const LONGEST_WAY: u8 = 10;

/// How an update left its worker.
pub(super) enum After {
    /// It is done: applied, dead, or somebody else's.
    Done,
    /// It is to run again, as it is here, after a wait in which it holds its keys and no slot.
    Again(Arc<Arrived>, Duration),
    /// It is parked: it holds its keys and no slot until it is let go.
    Parked(Arc<Arrived>),
    /// It is to run when there is room for calls, as [`Again`](Self::Again) otherwise.
    WhenRoom(Arc<Arrived>),
}

impl<H: Handler> Core<H> {
    /// Starts workers that the index has counted.
    pub(super) fn start(self: &Arc<Self>, Start(workers): Start) {
        for _ in 0..workers {
            self.tasks.spawn(Arc::clone(self).work());
        }
    }

    async fn work(self: Arc<Self>) {
        let mut next = self.index.take();
        let mut turns = 0;
        while let Some((place, arrived)) = next {
            let after = self.run(place, &arrived).await;
            next = self.end(place, &arrived, after);
            turns += 1;
            // Without budget the next turn would only seem to wait.
            if turns == TURNS_BEFORE_YIELD || !coop::has_budget_remaining() {
                turns = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    /// Runs an update, and hands the ready list over at the first wait.
    async fn run(self: &Arc<Self>, place: Place, arrived: &Arc<Arrived>) -> After {
        let mut turn = pin!(caught_async("a turn", self.attempt(place, arrived)));
        let first = std::future::poll_fn(|context| Poll::Ready(turn.as_mut().poll(context))).await;
        let ended = match first {
            Poll::Ready(ended) => ended,
            Poll::Pending => {
                let start = self.index.wait();
                self.start(start);
                let ended = turn.await;
                self.index.go_on();
                ended
            }
        };
        // Whatever panicked, its key goes on and its slot is free.
        ended.unwrap_or_else(|error| self.postpone(arrived, &error))
    }

    fn end(self: &Arc<Self>, place: Place, arrived: &Arrived, after: After) -> Option<(Place, Arc<Arrived>)> {
        let (next, start) = match after {
            After::Done => self.index.finish(place, arrived),
            After::Again(again, wait) => {
                let taken = self.index.hold(place, arrived, again);
                let core = Arc::clone(self);
                self.tasks.spawn(async move {
                    core.clock.sleep(wait).await;
                    let start = core.index.resume(place);
                    core.start(start);
                });
                taken
            }
            After::Parked(parked) => self.index.hold(place, arrived, parked),
            After::WhenRoom(again) => {
                let conversation = again.about.conversation.clone();
                let taken = self.index.hold(place, arrived, again);
                if !self.outbox.wait_for_room(&conversation, place) {
                    let start = self.index.resume(place);
                    self.start(start);
                }
                taken
            }
        };
        self.start(start);
        next
    }

    /// One try of an update, and as many more as conflicts over its state ask for.
    async fn attempt(self: &Arc<Self>, place: Place, arrived: &Arc<Arrived>) -> After {
        let wait = arrived.not_before.since(self.clock.now()).min(self.options.longest_backoff());
        if !wait.is_zero() {
            let mut again = Arrived::clone(arrived);
            again.not_before = Timestamp(0);
            return After::Again(Arc::new(again), wait);
        }
        if !self.outbox.has_room(&arrived.about.conversation) {
            return After::WhenRoom(Arc::clone(arrived));
        }
        let whole = match self.with_body(arrived).await {
            Ok(Some(whole)) if whole.parked => return After::Parked(whole),
            Ok(Some(whole)) => whole,
            Ok(None) => return self.gone(arrived).await,
            Err(error) => return self.postpone(arrived, &error),
        };
        if let Some(verdict) = &whole.verdict {
            return self.carry_out(&whole, verdict).await;
        }
        if let Some(wait) = self.burst_ends_in(place, &whole).await {
            return After::Again(whole, wait);
        }
        let mut whole = match self.mark_begun(whole).await {
            Ok(marked) => marked,
            Err(after) => return after,
        };
        let mut conflicts = 0;
        loop {
            let decoded = caught("the decoder", || self.handler.decode(&whole.about));
            let update = match decoded.and_then(|decoded| decoded) {
                Ok(update) => update,
                // Whoever could decode it is not here: it waits.
                Err(error) if error.kind() == Kind::Unavailable => {
                    tracing::warn!(conversation = %whole.about.conversation, %error, "an update waits");
                    return After::Again(whole, self.options.backoff_max);
                }
                Err(error) => {
                    let why = format!("the update cannot be decoded: {error}");
                    return self.carry_out(&whole, &Arc::new(Verdict::Bury(why))).await;
                }
            };
            let joined = match self.join_burst(place, &whole).await {
                Ok(joined) => joined,
                Err(error) => return self.postpone(&whole, &error),
            };
            let turn = Turn::new(place, Arc::clone(&whole), joined, Arc::clone(self) as Arc<dyn Desk>);
            let _forgets = turn.forgets();
            // Calling the handler may panic before there is a future, so that is inside too.
            let run = async {
                if self.handle(&turn, update).await? == Handled::Stopped {
                    return Ok(Ended::Stopped);
                }
                let (arrived, collected) = turn.end().await;
                self.commit(&arrived, collected).await
            };
            let ended = caught_async("the handler", run).await;
            // What the turn holds is forgotten before anything else happens.
            let (now, left) = turn.end().await;
            whole = now;
            let outdated = caught("the handler", || {
                let superseded = left.parts.iter().any(|part| part.superseded());
                let outdated = superseded || left.outdated || left.parts.iter().any(|part| part.outdated());
                drop(left);
                (outdated, superseded)
            });
            let superseded = matches!(outdated, Ok((_, true)));
            let ended = match outdated {
                Ok((false, _)) => ended,
                // What its error says, it may have read in what is outdated.
                Ok((true, _)) => Ok(Ok(Ended::Outdated)),
                Err(panic) => ended.and(Err(panic)),
            };
            match ended {
                Ok(Ok(Ended::Done)) => {
                    self.meter.applied.increment(1);
                    return After::Done;
                }
                Ok(Ok(Ended::Stopped)) => return After::Again(whole, Duration::ZERO),
                Ok(Ok(Ended::EntryMoved)) => return self.look_again(&whole).await,
                Ok(Ok(Ended::Outdated)) if !self.stands(&whole).await => {
                    return self.look_again(&whole).await;
                }
                Ok(Ok(Ended::Conflict | Ended::Outdated)) => {
                    self.meter.conflicts.increment(1);
                    conflicts += 1;
                    if superseded {
                        return self.give_way(&whole);
                    }
                }
                Ok(Err(error)) => return self.fail(&whole, &error).await,
                Err(panic) => return self.fail(&whole, &panic.into()).await,
            }
            // Nobody's fault, so not charged; but two runners at one key must not run against each other forever.
            match conflicts {
                1 => {}
                2..=5 => self.clock.sleep(Duration::from_millis(1 + self.clock.random() % 10)).await,
                _ => return After::Again(whole, self.options.backoff(conflicts - 5, self.clock.random())),
            }
        }
    }

    /// Another process has begun to run the update too. Each of them takes over what the other writes, so each waits
    /// four times as long as the last time, until one has the time to come to its end.
    fn give_way(&self, arrived: &Arrived) -> After {
        let mut again = arrived.clone();
        let times = again.superseded.min(LONGEST_WAY);
        again.superseded = times + 1;
        let wait = self.options.backoff.max(Duration::from_millis(1)).saturating_mul(4_u32.pow(times.into()));
        let wait =
            wait.min(Duration::from_mins(10)).mul_f64(0.5 + (self.clock.random() % 512) as f64 / 1024.0);
        After::Again(Arc::new(again), wait)
    }

    /// Runs the handler, until its time is up or it is stopped.
    async fn handle(&self, turn: &Turn, update: H::Update) -> Result<Handled, anyhow::Error> {
        let mut handled = pin!(turn.clone().running(self.handler.handle(turn.clone(), update)));
        let first = std::future::poll_fn(|context| Poll::Ready(handled.as_mut().poll(context))).await;
        if let Poll::Ready(ended) = first {
            return ended.map(|()| Handled::Ended);
        }
        // One that never waits could not be stopped, and costs nothing of this.
        let _hearing = Hearing::new(&self.index, turn);
        match turn.limit().keep(self.options.time_limit, handled).await {
            Ok(ended) => ended.map(|()| Handled::Ended),
            Err(Dropped::Stopped) => Ok(Handled::Stopped),
            Err(Dropped::Late(error)) => Err(error.into()),
        }
    }

    /// What to do with an update whose entry somebody else has moved: nothing if it is gone; else it is run again,
    /// with what the entry says now.
    pub(super) async fn look_again(&self, arrived: &Arrived) -> After {
        let mut again = arrived.clone();
        again.verdict = None;
        again.doubt();
        let again = Arc::new(again);
        match self.with_body(&again).await {
            Ok(None) => self.gone(&again).await,
            Ok(Some(found)) if found.parked => After::Parked(found),
            Ok(Some(found)) => {
                let wait = found.not_before.since(self.clock.now()).min(self.options.longest_backoff());
                After::Again(found, wait)
            }
            Err(error) => self.postpone(&again, &error),
        }
    }

    /// Whether the update's entry is known to be as it was.
    async fn stands(&self, arrived: &Arrived) -> bool {
        let mut again = arrived.clone();
        again.doubt();
        let found = self.with_body(&Arc::new(again)).await;
        matches!(found, Ok(Some(found)) if found.revision == arrived.revision)
    }

    /// The update as its entry is, read again if that is not known; `None` if it is not there any more.
    pub(super) async fn with_body(&self, arrived: &Arc<Arrived>) -> Result<Option<Arc<Arrived>>> {
        if arrived.known == Known::Whole {
            return Ok(Some(Arc::clone(arrived)));
        }
        let read = Read::new(Key::Queue(arrived.shard, INBOX))
            .from(From::At(arrived.incarnation, arrived.offset))
            .base(Base::Never)
            .limit(1, 1);
        let pages = self.storage.read(std::slice::from_ref(&read)).await?;
        let page = match pages.into_iter().next().ok_or_else(|| Error::internal("a read gave no page"))? {
            // Of another inbox, or behind its end: a storage that failed over has lost it.
            Err(error) if matches!(error.kind(), Kind::Gone | Kind::Invalid) => return Ok(None),
            page => page?,
        };
        let entries = page.and_then(Page::into_queue).map(|page| page.entries).unwrap_or_default();
        // Its offset may have been given again.
        let is_it = |entry: &QueueEntry| entry.offset == arrived.offset && entry.born == arrived.born;
        let Some(entry) = entries.into_iter().find(is_it) else {
            return Ok(None);
        };
        let record = InboxRecord::decode(&entry.bytes)?;
        let mut whole = Arrived::clone(arrived);
        whole.about.body = record.body;
        whole.about.attempt = whole.about.attempt.max(record.attempts.saturating_add(1));
        whole.not_before = record.not_before;
        whole.parked = matches!(record.mark, Mark::Parked(_));
        whole.give_out(record.released);
        whole.known = Known::Whole;
        whole.revision = entry.revision;
        Ok(Some(Arc::new(whole)))
    }
}

/// How a handler ended, if not with an error.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Handled {
    Ended,
    /// Another update's turn has stopped it.
    Stopped,
}

/// A turn can be stopped, until this is dropped.
struct Hearing<'a> {
    index: &'a Index,
    place: Place,
}

impl<'a> Hearing<'a> {
    fn new(index: &'a Index, turn: &Turn) -> Self {
        if index.hears(turn.place(), turn.clone()) {
            turn.limit().stop();
        }
        Self { index, place: turn.place() }
    }
}

impl Drop for Hearing<'_> {
    fn drop(&mut self) {
        self.index.deaf(self.place);
    }
}

/// How a turn's batch ended.
pub(super) enum Ended {
    /// Another update's turn has stopped it before there was any.
    Stopped,
    /// The update is applied.
    Done,
    /// Somebody else has ended the update, or recorded a failed try of it.
    EntryMoved,
    /// Something it read has changed, and its entry has not.
    Conflict,
    /// Something it read has changed, and perhaps its entry has too.
    Outdated,
}
