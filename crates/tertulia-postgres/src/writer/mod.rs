//! The task that writes: it takes what is queued, decides and writes it in one transaction, then answers.

mod asked;
mod columns;
mod load;
mod resolve;
mod slots;
mod transaction;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::storage::{Committed, Limits};
use tertulia::{Error, Key, Result};

use self::load::Spaces;
use self::resolve::Signature;
use crate::connection::{Connector, Link};
use crate::handoff::Job;
use crate::postgres::Shared;

/// How often a group is run again after it lost a race or its connection.
const ATTEMPTS: u32 = 8;

/// The writer task's state. The task ends when the handoff is closed and empty.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) connector: Arc<Connector>,
    pub(crate) schema: String,
    pub(crate) limits: Limits,
    pub(crate) shared: Arc<Shared>,
    link: Option<Arc<Link>>,
    /// Numbers for new logs and queues.
    ids: Range<i64>,
    spaces: Spaces,
    /// `None` before the first transaction, and after one of which nothing is known.
    signature: Option<Signature>,
}

/// What became of a group that was committed.
#[derive(Debug)]
struct Done {
    /// Per batch.
    answers: Vec<Result<Committed>>,
    changed: Vec<Key>,
    /// Something is left to the sweep.
    dropped: bool,
}

/// Why a group was not committed, or not for certain.
#[derive(Debug)]
enum Halt {
    /// Nothing was applied, and it may be if it is run again.
    Again(Error),
    /// Nothing was applied: the server refuses something of it.
    Refused(Error),
    /// Nothing was applied: the server cannot be reached.
    Unreachable(Error),
    /// It may or may not be applied.
    Unknown(Error),
}

impl Writer {
    pub(crate) fn new(
        connector: Arc<Connector>,
        schema: String,
        limits: Limits,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            connector,
            schema,
            limits,
            shared,
            link: None,
            ids: 0..0,
            spaces: Spaces::default(),
            signature: None,
        }
    }

    pub(crate) async fn run(mut self) {
        let abandon = AbandonOnDrop(self.shared.clone());
        while let Some(group) = abandon.0.handoff.take().await {
            let room: Vec<usize> = group.iter().map(Job::bytes).collect();
            self.write(group).await;
            abandon.0.handoff.done(room.into_iter());
        }
    }

    async fn write(&mut self, group: Vec<Job>) {
        match self.committed(&group).await {
            Ok(done) => self.answer(group, done),
            Err(Halt::Refused(error)) if group.len() > 1 && error.kind() != Kind::Unavailable => {
                // One batch that the server does not take is no reason to fail its neighbours.
                for job in group {
                    let alone = vec![job];
                    match self.committed(&alone).await {
                        Ok(done) => self.answer(alone, done),
                        Err(halt) => refuse(alone, &halt),
                    }
                }
            }
            Err(halt) => refuse(group, &halt),
        }
    }

    fn answer(&self, group: Vec<Job>, done: Done) {
        for (job, result) in group.into_iter().zip(done.answers) {
            // Who gave up waiting is not told.
            let _ = job.answer.send(result);
        }
        for key in &done.changed {
            self.shared.hub.wake(key);
        }
        self.shared.hearing.tell(&done.changed);
        if done.dropped {
            self.shared.sweep.notify_one();
        }
    }

    /// Commits a group; again and again while it loses races.
    async fn committed(&mut self, group: &[Job]) -> Result<Done, Halt> {
        let mut attempt = 1;
        loop {
            match self.transaction(group).await {
                Err(Halt::Again(error)) if attempt < ATTEMPTS => {
                    tracing::debug!(%error, attempt, "a group of batches is run again");
                    let most = 1_u64 << attempt.min(6);
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(0..=most))).await;
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    /// The connection, a new one if the old one is gone.
    async fn link(&mut self) -> Result<Arc<Link>, Halt> {
        if let Some(link) = self.link.as_ref().filter(|link| !link.is_closed()) {
            return Ok(link.clone());
        }
        self.link = None;
        let link = Arc::new(self.connector.connect().await.map_err(Halt::Unreachable)?);
        self.link = Some(link.clone());
        Ok(link)
    }

    /// Gives the connection up.
    fn cut(&mut self) {
        if let Some(link) = self.link.take() {
            link.cut();
        }
    }
}

fn refuse(group: Vec<Job>, halt: &Halt) {
    let (kind, error) = match halt {
        Halt::Again(error) | Halt::Unreachable(error) => (Kind::Unavailable, error),
        Halt::Refused(error) => (error.kind(), error),
        Halt::Unknown(error) => (Kind::Unknown, error),
    };
    for job in group {
        let _ = job.answer.send(Err(Error::new(kind, error.to_string())));
    }
}

/// Lets nobody wait for a writer that is gone, by a panic too.
struct AbandonOnDrop(Arc<Shared>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.handoff.abandon();
    }
}
