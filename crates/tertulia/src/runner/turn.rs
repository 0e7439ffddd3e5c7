//! A turn: one run of a handler for one update, and what it collects for the batch that ends it.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::{Mutex as AsyncMutex, Notify, oneshot};

use super::desk::Desk;
use super::format::OnceRecord;
use super::index::Arrived;
use super::journal::{How, Script};
use super::limit::Limit;
use super::once::Once;
use super::sequence::Place;
use super::taken::{Halted, Taken};
use super::{CallOptions, Keys, Ticket};
use crate::error::Kind;
use crate::storage::{BoxFuture, Head, ItemId, LogWrite, Storage};
use crate::{Clock, Conversation, Error, Result, Timestamp};

/// One run of a handler. Cheap to clone; what is collected through any clone becomes one batch when the handler
/// succeeds, and nothing when it fails.
#[derive(Clone)]
pub struct Turn(Arc<Inner>);

struct Inner {
    /// Where the update is in the index.
    place: Place,
    /// The update as it was when the turn began.
    arrived: Arc<Arrived>,
    /// As it is since something was released.
    moved: Mutex<Option<Arc<Arrived>>>,
    /// Held while the turn itself changes its entry, which goes on if the handler is dropped meanwhile.
    changing: AsyncMutex<()>,
    /// Updates that are run together with it.
    joined: Vec<About>,
    desk: Arc<dyn Desk>,
    limit: Limit,
    once: Once,
    /// What a turn that is played is given instead of what happens.
    script: Option<Script>,
    /// Written by the handler, taken once by the worker when the handler has returned.
    collected: Mutex<Option<Collected>>,
}

/// Which update a turn runs.
#[derive(Clone, Debug)]
pub struct About {
    /// The update's id.
    pub update: ItemId,
    /// Where it belongs.
    pub conversation: Conversation,
    /// When it arrived.
    pub arrived: Timestamp,
    /// Which try this is, from 1.
    pub attempt: u16,
    /// The update as its source gave it.
    pub body: Bytes,
}

/// What a turn has collected.
#[derive(Default)]
pub(super) struct Collected {
    /// In the order of their ordinals, those that were released included.
    pub(super) calls: Vec<Asked>,
    /// Those that were made before its end.
    pub(super) early_calls: Vec<Asked>,
    /// The number of the next one.
    pub(super) next_early: u16,
    pub(super) writes: Vec<LogWrite>,
    pub(super) parts: SmallVec<[Arc<dyn Contribute>; 2]>,
    /// Updates that the turn took in.
    pub(super) taken: Taken,
    /// How it took them in, in the same order.
    pub(super) hows: Vec<How>,
    /// How often it looked for updates that steer it.
    pub(super) looks: u32,
    /// What it wrote before its end.
    pub(super) early: Vec<LogWrite>,
    /// The recorded results that it used.
    pub(super) once: Vec<OnceRecord>,
    /// Turns that it stopped, to cancel their updates.
    pub(super) halted: Halted,
    /// How often it has waited, and whether it does.
    pub(super) waits: usize,
    pub(super) waiting: bool,
    /// How many of its waits have given out what was called before them, in this run or one before.
    pub(super) given_out: usize,
    /// It has no slot, since it waits.
    pub(super) resting: bool,
    /// Who is told of what comes behind its update, and of its end.
    pub(super) watching: Vec<Arc<Notify>>,
    /// Something was found to be outdated while it ran.
    pub(super) outdated: bool,
}

/// A call that a turn asks for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) body: Bytes,
    /// `None` for a plain call, which are nearly all.
    pub(super) options: Option<Box<CallOptions>>,
}

impl Collected {
    fn find<T: Contribute>(&self, is_it: impl Fn(&T) -> bool) -> Option<Arc<T>> {
        let found = self.parts.iter().find(|part| {
            let any: &dyn Any = &***part;
            any.downcast_ref::<T>().is_some_and(&is_it)
        })?;
        let any: Arc<dyn Any + Send + Sync> = Arc::clone(found) as _;
        any.downcast().ok()
    }
}

/// Something whose writes belong to a turn's batch, such as a session. It is asked once the handler has returned
/// without error, and dropped when the turn fails; what it holds must then be forgotten.
pub trait Contribute: Any + Send + Sync {
    /// What is to be awaited before [`prepare`](Self::prepare) is called, such as earlier writes that are still
    /// on their way; `None`, which costs nothing, if there is nothing. Its errors are those of `prepare`.
    fn ready(&self) -> Option<BoxFuture<'_, Result<()>>> {
        None
    }

    /// What changed; empty if nothing did.
    ///
    /// # Errors
    /// `Conflict` has the handler run again, uncharged; any other fails the turn.
    fn prepare(&self) -> Result<Vec<LogWrite>>;

    /// The expectations of what was read, as writes that change nothing; asked if `prepare` gave nothing and the
    /// turn has other effects.
    fn checks(&self) -> Vec<LogWrite>;

    /// The batch was committed; `heads` are those of the writes that `prepare` or `checks` gave.
    fn committed(&self, heads: &[Option<Head>]);

    /// The turn succeeded and had no effects.
    fn released(&self);

    /// If it has written something by itself before the turn's end: the expectations of what was read before that.
    fn saved(&self) -> Option<&[LogWrite]> {
        None
    }

    /// Whether the logs that it writes keep what they were, as those of a run of a graph do. A journal then tells nothing of
    /// them.
    fn keeps_history(&self) -> bool {
        false
    }

    /// Whether what it gave the handler was found to be outdated while the handler ran. Asked when the handler has
    /// failed: if so the handler runs again, uncharged, whatever its error says.
    fn outdated(&self) -> bool {
        false
    }

    /// Whether another run of the handler, in another process, has taken over what it writes. The handler then runs
    /// again too, but not at once: the other run is to come to its end.
    fn superseded(&self) -> bool {
        false
    }
}

tokio::task_local! {
    /// The turn whose handler runs.
    static CURRENT: Turn;
}

impl Turn {
    /// The turn whose handler is running here; `None` outside of one, and in tasks that a handler has spawned.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Runs its handler.
    pub(super) fn running<F: Future>(self, handler: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, handler)
    }

    /// Whether updates of `conversation` that come later wait for this turn's end.
    pub(crate) fn holds_back(&self, conversation: &Conversation) -> bool {
        let own = self.about();
        !self.arrived().passes
            && own.conversation == *conversation
            && self.desk().keys(own) == Keys::Conversation
    }

    /// How many updates that [pass the queue](super::Handler::passes) run at once.
    pub const PASSING: usize = super::index::PASSING;

    pub(super) fn new(place: Place, arrived: Arc<Arrived>, joined: Taken, desk: Arc<dyn Desk>) -> Self {
        Self::with(place, arrived, joined, desk, None)
    }

    /// A turn that is played by a script.
    pub(super) fn played(arrived: Arc<Arrived>, joined: Taken, desk: Arc<dyn Desk>, script: Script) -> Self {
        Self::with(Place::NOWHERE, arrived, joined, desk, Some(script))
    }

    fn with(
        place: Place,
        arrived: Arc<Arrived>,
        joined: Taken,
        desk: Arc<dyn Desk>,
        script: Option<Script>,
    ) -> Self {
        let (limit, once, moved) = (Limit::default(), Once::default(), Mutex::default());
        let about = joined.abouts();
        let hows = vec![How::Joined; joined.len()];
        let collected = Mutex::new(Some(Collected { taken: joined, hows, ..Collected::default() }));
        let changing = AsyncMutex::default();
        Self(Arc::new(Inner {
            place,
            arrived,
            moved,
            changing,
            joined: about,
            desk,
            limit,
            once,
            script,
            collected,
        }))
    }

    /// Which update this turn runs.
    pub fn about(&self) -> &About {
        &self.0.arrived.about
    }

    /// The updates that are run together with it, by [`Handler::burst`](super::Handler::burst), in the order of their
    /// arrival; they are removed with it.
    pub fn joined(&self) -> &[About] {
        &self.0.joined
    }

    /// The storage that the batch goes to.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        self.0.desk.storage()
    }

    /// The runner's clock.
    pub fn clock(&self) -> &Clock {
        self.0.desk.clock()
    }

    /// Lets the handler run so long from now, beyond its [time limit](super::Options::time_limit). One that goes on
    /// for as long as it hears from a model calls this each time it does.
    pub fn more_time(&self, more: Duration) {
        self.0.limit.extend(more);
    }

    pub(super) fn script(&self) -> Option<&Script> {
        self.0.script.as_ref()
    }

    pub(super) fn limit(&self) -> &Limit {
        &self.0.limit
    }

    pub(super) fn place(&self) -> Place {
        self.0.place
    }

    pub(super) fn desk(&self) -> &Arc<dyn Desk> {
        &self.0.desk
    }

    pub(super) fn once_results(&self) -> &Once {
        &self.0.once
    }

    /// The update as it is now.
    pub(super) fn arrived(&self) -> Arc<Arrived> {
        Arc::clone(self.0.moved.lock().as_ref().unwrap_or(&self.0.arrived))
    }

    /// Its entry was changed by the turn itself.
    pub(super) fn set_arrived(&self, arrived: Arc<Arrived>) {
        *self.0.moved.lock() = Some(arrived);
    }

    /// Makes a call once the turn is committed, after all earlier calls of the conversation.
    ///
    /// # Errors
    /// `Closed` if the turn is over.
    pub fn call(&self, body: Bytes) -> Result<Ticket> {
        self.ask(Asked { body, options: None })
    }

    /// As [`call`](Self::call), made as the options say.
    ///
    /// # Errors
    /// `Closed` if the turn is over; `Invalid` if an option is over its limit.
    pub fn call_with(&self, body: Bytes, options: CallOptions) -> Result<Ticket> {
        options.check()?;
        let options = (!options.is_plain()).then(|| Box::new(options));
        self.ask(Asked { body, options })
    }

    fn ask(&self, asked: Asked) -> Result<Ticket> {
        self.collect(|collected| {
            let ordinal = u32::try_from(collected.calls.len()).expect("memory ends before calls do");
            collected.calls.push(asked);
            Ticket { update: self.0.arrived.about.update.clone(), ordinal }
        })
    }

    /// Adds a write to the turn's batch.
    ///
    /// # Errors
    /// `Closed` if the turn is over.
    pub fn write(&self, write: LogWrite) -> Result<()> {
        self.collect(|collected| collected.writes.push(write))
    }

    /// Has something asked for its writes when the handler has returned.
    ///
    /// # Errors
    /// `Closed` if the turn is over.
    pub fn enlist(&self, part: Arc<dyn Contribute>) -> Result<()> {
        self.collect(|collected| collected.parts.push(part))
    }

    /// Enlists `part`, unless something is enlisted already that is a `T` of which `is_it` holds: that is given.
    ///
    /// # Errors
    /// `Closed` if the turn is over.
    pub fn enlist_once<T: Contribute>(
        &self,
        part: Arc<T>,
        is_it: impl Fn(&T) -> bool,
    ) -> Result<Option<Arc<T>>> {
        self.collect(|collected| {
            let known = collected.find(is_it);
            if known.is_none() {
                collected.parts.push(part);
            }
            known
        })
    }

    /// What was enlisted and is a `T` of which `is_it` holds.
    pub fn enlisted<T: Contribute>(&self, is_it: impl Fn(&T) -> bool) -> Option<Arc<T>> {
        self.0.collected.lock().as_ref()?.find(is_it)
    }

    /// How many things are enlisted.
    pub(crate) fn enlisted_so_far(&self) -> usize {
        self.collect(|collected| collected.parts.len()).unwrap_or_default()
    }

    pub(super) fn collect<T>(&self, add: impl FnOnce(&mut Collected) -> T) -> Result<T> {
        match self.0.collected.lock().as_mut() {
            Some(collected) => Ok(add(collected)),
            None => Err(Error::new(
                Kind::Closed,
                format!("the turn of {:?} is over", self.0.arrived.about.update),
            )),
        }
    }

    /// Has something change the update's entry, or note that it has. It comes to its end though this is dropped, and
    /// the turn does not end before it; it does not begin in a turn that is over.
    ///
    /// # Errors
    /// What it gives; `Closed` if the turn is over.
    pub(super) async fn change<T, R>(&self, change: impl FnOnce(Self) -> R) -> Result<T>
    where
        T: Send + 'static,
        R: Future<Output = Result<T>> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let (turn, change) = (self.clone(), change(self.clone()));
        let task = async move {
            let _changing = turn.0.changing.lock().await;
            let done = match turn.collect(|_| ()) {
                Ok(()) => change.await,
                Err(over) => Err(over),
            };
            // The handler may have been dropped.
            let _ = tell.send(done);
        };
        Arc::clone(&self.0.desk).spawn(Box::pin(task));
        match told.await {
            Ok(done) => done,
            // The runner has stopped.
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits until nothing changes its entry; gives how many waits of this run have given something out by then.
    ///
    /// # Errors
    /// `Closed` if the turn is over.
    pub(crate) async fn settled(&self) -> Result<usize> {
        let _unchanging = self.unchanging().await;
        self.collect(|collected| collected.given_out)
    }

    async fn unchanging(&self) -> tokio::sync::MutexGuard<'_, ()> {
        // Nearly always at once, and then without any of the task's budget.
        match self.0.changing.try_lock() {
            Ok(guard) => guard,
            Err(_) => self.0.changing.lock().await,
        }
    }

    /// Has it forget what was enlisted when that is dropped.
    pub(super) fn forgets(&self) -> Forgets<'_> {
        Forgets(self)
    }

    /// Ends the turn, once nothing changes its entry: nothing is collected any more, and who waits in it without its
    /// handler is told. Gives the update as it is then, and what was collected.
    pub(super) async fn end(&self) -> (Arc<Arrived>, Collected) {
        let _unchanging = self.unchanging().await;
        let collected = {
            let mut collected = self.0.collected.lock();
            if collected.as_ref().is_some_and(|collected| collected.resting) {
                self.0.desk.index().seize(self.0.place);
            }
            collected.take()
        };
        let mut collected = collected.unwrap_or_default();
        collected.watching.drain(..).for_each(|told| told.notify_one());
        collected.writes.extend(self.0.once.forget());
        collected.once = self.0.once.used();
        (self.arrived(), collected)
    }
}

/// Forgets what a turn has enlisted: a part may hold the turn that holds it, as a run of a graph does, and where a turn is
/// dropped without an end neither would ever go.
pub(super) struct Forgets<'a>(&'a Turn);

impl Drop for Forgets<'_> {
    fn drop(&mut self) {
        let mut collected = self.0.0.collected.lock();
        let parts = collected.as_mut().map(|collected| std::mem::take(&mut collected.parts));
        // What a part does when it goes is not done under the lock.
        drop(collected);
        drop(parts);
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("about", self.about()).finish_non_exhaustive()
    }
}
