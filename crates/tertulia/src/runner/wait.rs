//! Waiting for an update in the middle of a turn: the turn gives its slot back, takes in the next update of its
//! conversation, and goes on.

mod held;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::held::{Counted, Resting, Waiting, Watched};
use super::desk::Release;
use super::format::Released;
use super::journal::How;
use super::sequence::Place;
use super::taken::Taken;
use super::{About, Turn};
use crate::error::Kind;
use crate::storage::LogWrite;
use crate::{Error, Result, Timestamp};

/// Nobody answered in time. It tells this from a storage that is late, which is not the handler's fault.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoAnswer;

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the turn waits no longer")
    }
}

impl std::error::Error for NoAnswer {}

/// What a turn waits for.
pub struct Awaited<'a> {
    /// Which update it is: the first that this picks, of those of the conversation that arrive behind the turn's own.
    /// It may be asked several times about one.
    pub wanted: &'a (dyn Fn(&About) -> bool + Send + Sync),
    /// How long: more than nothing, and at most [`Awaited::LONGEST`]. Counted from the first time that the turn began to
    /// wait for this, whatever happened since.
    pub within: Duration,
    /// What is written when the turn begins to wait, and stays whatever becomes of it.
    pub writes: Vec<LogWrite>,
}

impl Awaited<'_> {
    /// The longest wait: 24 h. Who needs to wait longer ends the turn, and goes on with the next update.
    pub const LONGEST: Duration = Duration::from_hours(24);
    /// How many updates a turn takes in at most.
    pub const MOST: usize = Released::MAX_WAITS;
}

impl fmt::Debug for Awaited<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Awaited").field("within", &self.within).finish_non_exhaustive()
    }
}

impl Turn {
    /// Gives out what the turn has called so far, and waits for an update, which the turn takes in: it is not run but
    /// removed in the turn's batch. If the turn runs again it is handed the same updates in the same order, and if it
    /// comes to no good end they go back and run.
    ///
    /// While it waits the turn has no slot and its time limit stands still; it goes on holding its keys.
    ///
    /// # Errors
    /// `Timeout` if no such update arrives in time; `Invalid` if the wait is too long or could never end: the turn's
    /// update passes the queue or has no keys, or the turn waits already, or has taken in [`Awaited::MOST`]; `Unavailable`
    /// if too many turns wait; `Conflict` if somebody else has ended the update; `Closed` if the turn is over.
    ///
    /// # Cancel safety
    /// If dropped, nothing is taken in, and the turn goes on at once, perhaps as one more than run at once. What was
    /// given out stays.
    pub async fn wait(&self, awaited: Awaited<'_>) -> Result<About> {
        let Awaited { wanted, within, writes } = awaited;
        if let Some(script) = self.script() {
            let nth = self.collect(|collected| {
                collected.early.extend(writes);
                collected.given_out += 1;
                collected.waits += 1;
                collected.waits - 1
            })?;
            return script.asked(nth, wanted);
        }
        let began = self.begin_to_wait(within)?;
        let nth = u16::try_from(began.nth).expect("a turn waits at most 128 times");
        let until = self.release(began.nth, writes).await?.after(within);
        // Whatever another process's clock has said.
        let ends = self.clock().now().after(within).min(until);
        let Watched { told, .. } = &Watched::new(self)?;
        let mut refused = HashSet::new();
        let mut resting: Option<Resting<'_>> = None;
        loop {
            let came = self.desk().index().came_behind(self.place());
            let found = self.take_in_behind(wanted, Some(until), &mut refused).await?;
            let left = ends.since(self.clock().now());
            if found.is_some() || left.is_zero() {
                if let Some(resting) = resting.take() {
                    resting.end().await?;
                    self.change(Self::go_on).await?;
                }
                let text = || format!("no answer came within {} s", within.as_secs_f32());
                let late = || Error::new(Kind::Timeout, text()).with_source(NoAnswer);
                return self.receive(found.ok_or_else(late)?, How::Asked(nth));
            }
            if resting.is_none() {
                resting = Some(Resting::begin(self)?);
            }
            self.desk().index().has_looked(self.place(), came);
            tokio::select! {
                () = told.notified() => {}
                () = self.clock().sleep(left) => {}
            }
        }
    }

    /// Takes in an update that waits behind the turn's own, if there is one that `wanted` picks, as
    /// [`wait`](Self::wait) does, but without waiting.
    ///
    /// # Errors
    /// `Invalid` if the turn has taken in [`Awaited::MOST`]; `Closed` if the turn is over; what the storage gives.
    ///
    /// # Cancel safety
    /// If dropped, nothing is taken in.
    pub async fn take_in(&self, wanted: &(dyn Fn(&About) -> bool + Send + Sync)) -> Result<Option<About>> {
        let how = self.look()?;
        if let Some(script) = self.script() {
            return Ok(script.steered(how, wanted));
        }
        let found = self.take_in_behind(wanted, None, &mut HashSet::new()).await?;
        found.map(|found| self.receive(found, how)).transpose()
    }

    /// As [`take_in`](Self::take_in), but waits for such an update, however long, with its slot: for what is done
    /// beside something else.
    ///
    /// # Errors
    /// As [`take_in`](Self::take_in).
    ///
    /// # Cancel safety
    /// If dropped, nothing is taken in.
    pub async fn take_in_next(&self, wanted: &(dyn Fn(&About) -> bool + Send + Sync)) -> Result<About> {
        let how = self.look()?;
        if let Some(script) = self.script() {
            return match script.steered(how, wanted) {
                Some(found) => Ok(found),
                None => std::future::pending().await,
            };
        }
        let Watched { told, .. } = &Watched::new(self)?;
        let mut refused = HashSet::new();
        loop {
            if let Some(found) = self.take_in_behind(wanted, None, &mut refused).await? {
                return self.receive(found, how);
            }
            told.notified().await;
        }
    }

    fn begin_to_wait(&self, within: Duration) -> Result<Waiting<'_>> {
        let conversation = &self.about().conversation;
        if within.is_zero() || within > Awaited::LONGEST {
            let (seconds, most) = (within.as_secs(), Awaited::LONGEST.as_secs());
            return Err(Error::invalid(format!(
                "a turn of {conversation} is to wait {seconds} s, 1 to {most} are allowed"
            )));
        }
        if self.arrived().passes {
            return Err(Error::invalid(format!(
                "an update of {conversation} that passes the queue cannot wait for another"
            )));
        }
        let index = self.desk().index();
        if !index.has_keys(self.place()) {
            return Err(Error::invalid(format!(
                "an update of {conversation} has no keys, so none can come behind it"
            )));
        }
        self.check_room()?;
        let most = self.desk().most_waiting();
        if !index.begin_to_wait(most) {
            return Err(Error::unavailable(format!("too many turns wait for an update: at most {most} do")));
        }
        let counted = Counted(index);
        let waiting = self.collect(|collected| {
            let nth = collected.waits;
            let free = !std::mem::replace(&mut collected.waiting, true) && nth < Awaited::MOST;
            collected.waits += usize::from(free);
            // Not made in vain: it locks when it is dropped.
            free.then(|| Waiting { turn: self, nth, _counted: counted })
        })?;
        waiting.ok_or_else(|| {
            Error::invalid(format!(
                "a turn of {conversation} waits already, or has waited {} times",
                Awaited::MOST
            ))
        })
    }

    /// Looks for an update that steers, once more.
    fn look(&self) -> Result<How> {
        self.check_room()?;
        self.collect(|collected| {
            collected.looks += 1;
            How::Steered(collected.looks - 1)
        })
    }

    fn check_room(&self) -> Result<()> {
        if self.collect(|collected| collected.taken.len())? < Awaited::MOST {
            return Ok(());
        }
        let conversation = &self.about().conversation;
        Err(Error::invalid(format!(
            "a turn of {conversation} has taken in {} updates, which is the most",
            Awaited::MOST
        )))
    }

    /// Gives out what was not yet, for the wait with this number; gives when that was done first.
    async fn release(&self, nth: usize, writes: Vec<LogWrite>) -> Result<Timestamp> {
        self.change(|turn| async move {
            let since = turn.give_out(nth, writes).await?;
            turn.collect(|collected| collected.given_out += 1)?;
            Ok(since)
        })
        .await
    }

    async fn give_out(&self, nth: usize, writes: Vec<LogWrite>) -> Result<Timestamp> {
        self.collect(|collected| collected.early.extend(writes.iter().cloned()))?;
        let arrived = self.arrived();
        let mut released = arrived.released().clone();
        let first = released.calls;
        let calls = self.new_calls(first)?;
        let known = released.waits.get(nth).copied();
        if let Some(since) = known
            && calls.is_empty()
            && !arrived.marked
        {
            return Ok(since);
        }
        released.joined = u16::try_from(self.joined().len()).unwrap_or(u16::MAX);
        released.calls += u32::try_from(calls.len()).expect("memory ends before calls do");
        let since = known.unwrap_or_else(|| self.clock().now());
        if known.is_none() {
            released.waits.push(since);
        }
        let writes = if known.is_none() { writes } else { Vec::new() };
        let release = Release { arrived, calls, first, early: None, released, writes, rests: true };
        self.release_now(release).await.map(|()| since)
    }

    /// Goes on after a wait.
    async fn go_on(self) -> Result<()> {
        let arrived = Arc::clone(self.desk()).go_on(self.arrived()).await?;
        self.set_arrived(arrived);
        Ok(())
    }

    async fn take_in_behind(
        &self,
        wanted: &(dyn Fn(&About) -> bool + Send + Sync),
        until: Option<Timestamp>,
        refused: &mut HashSet<Place>,
    ) -> Result<Option<Taken>> {
        let desk = self.desk();
        // Whoever comes too late would find what is behind the update's next run.
        self.collect(|_| ())?;
        for (place, arrived) in desk.index().behind(self.place()) {
            let about = &arrived.about;
            let late = until.is_some_and(|until| about.arrived > until);
            if late || about.conversation != self.about().conversation || refused.contains(&place) {
                continue;
            }
            let Some(whole) = Arc::clone(desk).whole(arrived).await? else { continue };
            if !wanted(&whole.about) {
                refused.insert(place);
            } else if let Some(taken) = Taken::one(desk, place, whole) {
                return Ok(Some(taken));
            }
        }
        Ok(None)
    }

    /// Hands an update to the handler: it is the turn's from now on.
    fn receive(&self, taken: Taken, how: How) -> Result<About> {
        let about = taken.arrived().next().map(|arrived| arrived.about.clone());
        self.collect(|collected| {
            collected.taken.add(taken);
            collected.hows.push(how);
        })?;
        about.ok_or_else(|| Error::internal("nothing was taken in"))
    }
}
