//! A real storage as a process has it: over connections of its own, which end with it.

use std::fmt;
use std::future::pending;
use std::sync::Arc;

use fastrand::Rng;
use parking_lot::Mutex;
use tertulia::error::Kind;
use tertulia::storage::{
    Batch, BoxFuture, Committed, Etag, Head, ListQuery, Listing, Page, Properties, Read, SeenPage, SeenQuery,
    Storage,
};
use tertulia::{Key, Result};

use super::life::Life;
use super::spoil::spoil;
use super::world::World;

/// A process's way to a real storage. What the process is told is noted in the ledger: nothing else can be known of
/// what a server has applied.
pub(super) struct Wire {
    world: Arc<World>,
    life: Arc<Life>,
    rng: Mutex<Rng>,
    properties: Properties,
    /// Taken by the death of the process.
    storage: Arc<Mutex<Option<Arc<dyn Storage>>>>,
}

/// A batch that was sent. One whose sender does not live to hear of it may arrive in the life of another.
struct Sent<'a> {
    world: &'a World,
    is_answered: bool,
}

impl Wire {
    /// Over a handle that nobody else has, or only who lives as long.
    pub(super) fn new(world: Arc<World>, life: Arc<Life>, storage: Arc<dyn Storage>) -> Self {
        let rng = Mutex::new(world.rng(life.number as u64 + 0x11_0000));
        let properties = storage.properties();
        let storage = Arc::new(Mutex::new(Some(storage)));
        let (held, owner) = (Arc::clone(&storage), Arc::clone(&life));
        world.spawn(async move {
            owner.died().await;
            drop(held.lock().take());
        });
        Self { world, life, rng, properties, storage }
    }

    async fn storage(&self) -> Arc<dyn Storage> {
        self.life.pass().await;
        let storage = self.storage.lock().clone();
        match storage {
            Some(storage) => storage,
            None => pending().await,
        }
    }

    /// The answer, if the process lives until then. What asks is dropped before this is over.
    async fn ask<T>(&self, asked: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.life.died() => None,
            answer = asked => Some(answer),
        }
    }

    async fn give(&self, mut batch: Batch) -> Result<Committed> {
        let storage = self.storage().await;
        spoil(self.world.plan.sabotage, &self.rng, &mut batch);
        let copy = batch.clone();
        let mut sent = Sent { world: &self.world, is_answered: false };
        let answer = self.ask(async move { storage.commit(batch).await }).await;
        sent.is_answered = answer.is_some();
        drop(sent);
        let Some(answer) = answer else { return pending().await };
        if let Ok(committed) = &answer {
            self.world.ledger.lock().applied(&copy, committed, self.world.trace.now());
        }
        if answer.as_ref().err().is_none_or(|error| error.kind() == Kind::Conflict) {
            self.world.applied(self.life.number, &copy, &answer);
        }
        self.life.pass().await;
        self.world.answered(&self.life, &answer);
        answer
    }

    async fn look(&self, reads: &[Read]) -> Result<Vec<Result<Option<Page>>>> {
        let storage = self.storage().await;
        let Some(pages) = self.ask(async move { storage.read(reads).await }).await else {
            return pending().await;
        };
        let pages = pages?;
        for (read, page) in reads.iter().zip(&pages) {
            if let Ok(Some(Page::Queue(page))) = page {
                self.world.ledger.lock().found(&read.key, page);
            }
        }
        self.life.pass().await;
        Ok(pages)
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.world.overlap();
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl Storage for Wire {
    fn commit<'a>(&'a self, batch: Batch) -> BoxFuture<'a, Result<Committed>> {
        Box::pin(self.give(batch))
    }

    fn read<'a>(&'a self, reads: &'a [Read]) -> BoxFuture<'a, Result<Vec<Result<Option<Page>>>>> {
        Box::pin(self.look(reads))
    }

    fn list<'a>(&'a self, query: &'a ListQuery) -> BoxFuture<'a, Result<Listing>> {
        Box::pin(async move {
            let storage = self.storage().await;
            match self.ask(async move { storage.list(query).await }).await {
                Some(listing) => listing,
                None => pending().await,
            }
        })
    }

    fn seen<'a>(&'a self, query: &'a SeenQuery) -> BoxFuture<'a, Result<SeenPage>> {
        Box::pin(async move {
            let storage = self.storage().await;
            match self.ask(async move { storage.seen(query).await }).await {
                Some(page) => page,
                None => pending().await,
            }
        })
    }

    fn changed<'a>(&'a self, key: &'a Key, seen: Option<Etag>) -> BoxFuture<'a, Result<Option<Head>>> {
        Box::pin(async move {
            let storage = self.storage().await;
            match self.ask(async move { storage.changed(key, seen).await }).await {
                Some(head) => head,
                None => pending().await,
            }
        })
    }

    fn properties(&self) -> Properties {
        self.properties.clone()
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wire({})", self.life.number)
    }
}
