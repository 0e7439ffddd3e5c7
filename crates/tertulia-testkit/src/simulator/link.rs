//! The storage as one process sees it: far away, and not always there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use parking_lot::Mutex;
use tertulia::error::Kind;
use tertulia::storage::{
    Batch, BoxFuture, Committed, Durability, Etag, Head, ListQuery, Listing, Page, Properties, Read, Scope,
    SeenPage, SeenQuery, Storage,
};
use tertulia::{Error, Key, Result};
use tokio::sync::oneshot;

use super::disk::{Request, away};
use super::life::Life;
use super::sabotage::Sabotage;
use super::spoil::spoil;
use super::world::World;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_millis(80);

/// What becomes of a commit on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Arrives,
    Refused,
    RequestLost,
    AnswerLost,
    Late,
}

/// A process's way to the storage.
pub(super) struct Link {
    world: Arc<World>,
    life: Arc<Life>,
    rng: Mutex<Rng>,
    /// What a process that keeps what it has read for the truth has read.
    believed: Mutex<BTreeMap<Key, Option<Page>>>,
}

impl Link {
    pub(super) fn new(world: Arc<World>, life: Arc<Life>) -> Self {
        let rng = Mutex::new(world.rng(life.number as u64 + 0x11_0000));
        Self { world, life, rng, believed: Mutex::default() }
    }

    fn draw(&self) -> (Fate, Duration, Duration) {
        let rates = self.world.rates();
        let mut rng = self.rng.lock();
        let mut dice = rng.u32(..1_000);
        let mut hits = |rate: u32| {
            let hit = dice < rate;
            dice = dice.wrapping_sub(rate);
            hit
        };
        let fate = if hits(rates.refused) {
            Fate::Refused
        } else if hits(rates.request_lost) {
            Fate::RequestLost
        } else if hits(rates.answer_lost) {
            Fate::AnswerLost
        } else if hits(rates.late) {
            Fate::Late
        } else {
            Fate::Arrives
        };
        let mut way = || Duration::from_millis(rng.u64(..=rates.way));
        (fate, way(), way())
    }

    async fn give(&self, mut batch: Batch) -> Result<Committed> {
        self.life.pass().await;
        spoil(self.world.plan.sabotage, &self.rng, &mut batch);
        let (fate, mut there, back) = self.draw();
        if fate == Fate::Refused || self.world.is_away() {
            sleep(there).await;
            return Err(away());
        }
        let (answer, answered) = oneshot::channel();
        if fate == Fate::Late {
            there = PATIENCE + Duration::from_millis(self.rng.lock().u64(..200));
        }
        if fate != Fate::RequestLost {
            self.send(Request { batch, answer, life: self.life.number }, there);
        }
        let lost = || {
            let kind = if self.rng.lock().bool() { Kind::Unknown } else { Kind::Timeout };
            Error::new(kind, "the answer of the storage was lost")
        };
        match fate {
            Fate::Arrives => match tokio::time::timeout(Duration::from_secs(2), answered).await {
                Ok(Ok(answered)) => {
                    sleep(back).await;
                    answered
                }
                Ok(Err(_)) | Err(_) => Err(lost()),
            },
            _ => {
                sleep(PATIENCE).await;
                Err(lost())
            }
        }
    }

    /// Once sent, a batch arrives whatever becomes of its sender, unless the storage goes with it.
    fn send(&self, request: Request, there: Duration) {
        let (world, life) = (Arc::clone(&self.world), Arc::clone(&self.life));
        self.world.spawn(async move {
            sleep(there).await;
            if !(world.plan.is_embedded && life.is_dead()) {
                world.disk.push(request);
            }
        });
    }

    async fn look(&self, reads: &[Read]) -> Result<Vec<Result<Option<Page>>>> {
        self.life.pass().await;
        let (fate, there, back) = self.draw();
        sleep(there).await;
        if fate == Fate::Refused || fate == Fate::RequestLost || self.world.is_away() {
            return Err(away());
        }
        let mut pages = self.world.disk.memory().read(reads).await?;
        self.world.hide(reads, &mut pages);
        self.believe(reads, &mut pages);
        sleep(back).await;
        Ok(pages)
    }

    fn believe(&self, reads: &[Read], pages: &mut [Result<Option<Page>>]) {
        if self.world.plan.sabotage != Sabotage::CacheKept {
            return;
        }
        let mut believed = self.believed.lock();
        for (read, page) in reads.iter().zip(pages) {
            if read.key.name().as_str().starts_with("session/")
                && let Ok(page) = page
            {
                *page = believed.entry(read.key.clone()).or_insert_with(|| page.clone()).clone();
            }
        }
    }

    fn disbelieve(&self, batch: &Batch) {
        let mut believed = self.believed.lock();
        batch.writes.iter().for_each(|write| drop(believed.remove(write.key())));
    }
}

pub(super) async fn sleep(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

#[deny(clippy::missing_trait_methods)]
impl Storage for Link {
    fn commit<'a>(&'a self, batch: Batch) -> BoxFuture<'a, Result<Committed>> {
        Box::pin(async move {
            let sent = (self.world.plan.sabotage == Sabotage::CacheKept).then(|| batch.clone());
            let answer = self.give(batch).await;
            self.life.pass().await;
            if let (Some(sent), Ok(_)) = (sent, &answer) {
                self.disbelieve(&sent);
            }
            self.world.answered(&self.life, &answer);
            answer
        })
    }

    fn read<'a>(&'a self, reads: &'a [Read]) -> BoxFuture<'a, Result<Vec<Result<Option<Page>>>>> {
        Box::pin(async move {
            let pages = self.look(reads).await;
            self.life.pass().await;
            pages
        })
    }

    fn list<'a>(&'a self, query: &'a ListQuery) -> BoxFuture<'a, Result<Listing>> {
        Box::pin(async move {
            self.life.pass().await;
            self.world.disk.memory().list(query).await
        })
    }

    fn seen<'a>(&'a self, query: &'a SeenQuery) -> BoxFuture<'a, Result<SeenPage>> {
        Box::pin(async move {
            self.life.pass().await;
            self.world.disk.memory().seen(query).await
        })
    }

    fn changed<'a>(&'a self, key: &'a Key, seen: Option<Etag>) -> BoxFuture<'a, Result<Option<Head>>> {
        Box::pin(async move {
            self.life.pass().await;
            let memory = self.world.disk.memory();
            let changed = tokio::select! {
                biased;
                () = self.world.disk.replaced.notified() => Err(away()),
                changed = memory.changed(key, seen) => changed,
            };
            self.life.pass().await;
            changed
        })
    }

    fn properties(&self) -> Properties {
        let durability = Durability { process_kill: true, power_loss: true, failover: false };
        Properties {
            name: "simulated".into(),
            scope: Scope::Store,
            durability,
            ..self.world.disk.memory().properties()
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({})", self.life.number)
    }
}
