//! The wrapper: meets each call with what is planned for it.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tertulia::error::Kind;
use tertulia::storage::{
    Batch, BoxFuture, Committed, Etag, Head, ListQuery, Listing, Page, Properties, Read, SeenPage, SeenQuery,
    Storage,
};
use tertulia::{Clock, Error, Key, Result};

use super::plan::{Plan, Rates};
use super::{Call, Fault};

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
    pub(super) async fn before(&self, call: Call) -> Result<Option<Fault>> {
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
    pub(super) async fn after<T>(&self, call: Call, fault: Option<Fault>, answer: T) -> Result<T> {
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
                    let each =
                        |read: &Read| Err(Error::new(error.kind(), error.to_string()).context(&read.key));
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

    fn seen<'a>(&'a self, query: &'a SeenQuery) -> BoxFuture<'a, Result<SeenPage>> {
        Box::pin(async move {
            let fault = self.before(Call::Seen).await?;
            let answer = self.inner.seen(query).await;
            self.after(Call::Seen, fault, answer).await?
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
