//! A storage that fails, delays or loses answers by plan, over any other.

mod plan;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::error::Kind;
use tertulia::storage::{
    Batch, BoxFuture, Committed, Etag, Head, ListQuery, Listing, Page, Properties, Read, Storage,
};
use tertulia::{Clock, Error, Key, Result};
use tokio::sync::Semaphore;

use self::plan::Plan;
pub use self::plan::Rates;

/// Forwards every call to the storage under it, unless a fault is planned for it.
///
/// Calls are counted per method, from 1, from when the wrapper was made. Clones share one plan.
///
/// ```
/// use std::sync::Arc;
///
/// use tertulia::storage::Memory;
/// use tertulia_testkit::{Call, Fault, Faulty};
///
/// let storage = Faulty::new(Arc::new(Memory::new()));
/// storage.at(Call::Commit, 3, Fault::LoseAnswer);
/// ```
#[derive(Clone)]
pub struct Faulty {
    inner: Arc<dyn Storage>,
    plan: Arc<Mutex<Plan>>,
    /// Sleeps.
    clock: Clock,
}

/// A method that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// [`Storage::commit`].
    Commit,
    /// [`Storage::read`].
    Read,
    /// [`Storage::list`].
    List,
    /// [`Storage::changed`].
    Changed,
}

/// What happens to a call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing is done, and the answer is an error of this kind. `Gone`, `Invalid` and `Corrupt` become the result
    /// of every read of a call to `read`; every other kind is the call's own.
    Refuse(Kind),
    /// Nothing is done, and the caller is not told so: `Unknown` for a commit, `Unavailable` for other calls.
    LoseRequest,
    /// All is done, and the caller is not told so: `Unknown` for a commit, `Unavailable` for other calls. A commit
    /// that the storage refuses is answered with that refusal.
    LoseAnswer,
    /// The call begins this much later.
    Delay(Duration),
    /// The answer comes this much later.
    DelayAnswer(Duration),
    /// The call begins when the gate is opened.
    Hold(Gate),
    /// The call is done, and answered when the gate is opened.
    HoldAnswer(Gate),
}

/// Where a call is held until a test lets it go. Clones are one gate.
#[derive(Clone, Debug)]
pub struct Gate {
    /// One permit for each call that came.
    came: Arc<Semaphore>,
    /// One permit for each call that may go.
    open: Arc<Semaphore>,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self { came: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) }
    }

    /// Waits until a call has come to the gate; once for each call.
    pub async fn reached(&self) {
        self.came.acquire().await.expect("never closed").forget();
    }

    /// Lets one call go, the one that waits or the next to come.
    pub fn open(&self) {
        self.open.add_permits(1);
    }

    async fn pass(&self) {
        self.came.add_permits(1);
        self.open.acquire().await.expect("never closed").forget();
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Faulty {
    /// A wrapper that fails nothing yet.
    pub fn new(inner: Arc<dyn Storage>) -> Self {
        Self { inner, plan: Arc::default(), clock: Clock::system() }
    }

    /// A wrapper whose calls fail at random, the same for the same `seed` and the same order of calls.
    pub fn seeded(inner: Arc<dyn Storage>, seed: u64, rates: Rates) -> Self {
        let faulty = Self::new(inner);
        faulty.plan.lock().at_random(seed, rates);
        faulty
    }

    /// Plans a fault for the `n`th call of a method, counted from 1. One already planned for it is replaced; one
    /// for a call that was made already is never met.
    pub fn at(&self, call: Call, n: u64, fault: Fault) {
        self.plan.lock().at(call, n, fault);
    }

    /// Plans a fault for the next call of a method for which none is planned yet.
    pub fn next(&self, call: Call, fault: Fault) {
        self.plan.lock().next(call, fault);
    }

    /// Plans a fault for every call of a method from now on that has none of its own.
    pub fn always(&self, call: Call, fault: Fault) {
        self.plan.lock().always(call, fault);
    }

    /// Drops every plan: calls are only forwarded from now on. Calls that are held stay held.
    pub fn heal(&self) {
        self.plan.lock().heal();
    }

    /// How many calls of a method were made.
    pub fn calls(&self, call: Call) -> u64 {
        self.plan.lock().calls(call)
    }

    /// How many calls met a fault.
    pub fn faults(&self) -> u64 {
        self.plan.lock().faults()
    }

    /// Counts a call, and does what is planned before it; gives what is planned after it.
    async fn before(&self, call: Call) -> Result<Option<Fault>> {
        let fault = self.plan.lock().meet(call);
        match fault {
            None => return Ok(None),
            Some(Fault::Refuse(kind)) => {
                return Err(Error::new(kind, format!("{call}: refused by a planned fault")));
            }
            Some(Fault::LoseRequest) => return Err(lost(call)),
            Some(Fault::Delay(duration)) => self.clock.sleep(duration).await,
            Some(Fault::Hold(gate)) => gate.pass().await,
            after => return Ok(after),
        }
        Ok(None)
    }

    /// Does what is planned after a call that was done.
    async fn after<T>(&self, call: Call, fault: Option<Fault>, answer: T) -> Result<T> {
        match fault {
            Some(Fault::LoseAnswer) => return Err(lost(call)),
            Some(Fault::DelayAnswer(duration)) => self.clock.sleep(duration).await,
            Some(Fault::HoldAnswer(gate)) => gate.pass().await,
            _ => {}
        }
        Ok(answer)
    }
}

fn lost(call: Call) -> Error {
    match call {
        Call::Commit => Error::new(Kind::Unknown, "commit: the answer was lost by a planned fault"),
        _ => Error::unavailable(format!("{call}: the answer was lost by a planned fault")),
    }
}

#[deny(clippy::missing_trait_methods)]
impl Storage for Faulty {
    fn commit<'a>(&'a self, batch: Batch) -> BoxFuture<'a, Result<Committed>> {
        Box::pin(async move {
            let fault = self.before(Call::Commit).await?;
            let committed = self.inner.commit(batch).await;
            match (committed, fault) {
                (Err(error), Some(Fault::LoseAnswer)) => Err(error),
                (answer, fault) => self.after(Call::Commit, fault, answer).await?,
            }
        })
    }

    fn read<'a>(&'a self, reads: &'a [Read]) -> BoxFuture<'a, Result<Vec<Result<Option<Page>>>>> {
        Box::pin(async move {
            let fault = match self.before(Call::Read).await {
                Err(error) if matches!(error.kind(), Kind::Gone | Kind::Invalid | Kind::Corrupt) => {
                    let each = |read: &Read| Err(Error::new(error.kind(), error.to_string()).context(&read.key));
                    return Ok(reads.iter().map(each).collect());
                }
                fault => fault?,
            };
            let answer = self.inner.read(reads).await;
            self.after(Call::Read, fault, answer).await?
        })
    }

    fn list<'a>(&'a self, query: &'a ListQuery) -> BoxFuture<'a, Result<Listing>> {
        Box::pin(async move {
            let fault = self.before(Call::List).await?;
            let answer = self.inner.list(query).await;
            self.after(Call::List, fault, answer).await?
        })
    }

    fn changed<'a>(&'a self, key: &'a Key, seen: Option<Etag>) -> BoxFuture<'a, Result<Option<Head>>> {
        Box::pin(async move {
            let fault = self.before(Call::Changed).await?;
            let answer = self.inner.changed(key, seen).await;
            self.after(Call::Changed, fault, answer).await?
        })
    }

    fn properties(&self) -> Properties {
        self.inner.properties()
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("plan", &self.plan.lock()).finish_non_exhaustive()
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Commit => "commit",
            Self::Read => "read",
            Self::List => "list",
            Self::Changed => "changed",
        })
    }
}
