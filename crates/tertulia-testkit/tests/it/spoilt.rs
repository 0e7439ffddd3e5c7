//! The suites of the runner and of turns see a storage that does not hold what they stand on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tertulia::runner::INBOX;
use tertulia::storage::{
    Batch, BoxFuture, Committed, Etag, Expect, Head, ItemId, Limits, ListQuery, Listing, Memory, Page,
    Properties, Read, SeenPage, SeenQuery, Storage, Write,
};
use tertulia::{Key, Name, Result};
use tertulia_testkit::conformance::Time;
use tertulia_testkit::{Subject, runner, turns};

/// What is wrong with a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    /// It does not know an id again.
    ForgetsIds,
    /// It looks at no expectation of a log.
    ExpectsNothing,
    /// A batch's queues are written whatever becomes of its logs.
    AppliesHalves,
}

/// A memory with a bug.
#[derive(Debug)]
struct Spoilt {
    inner: Memory,
    bug: Bug,
}

impl Spoilt {
    fn subject(bug: Bug) -> impl AsyncFnOnce(Limits) -> Subject {
        async move |_| Subject::new(Arc::new(Self { inner: Memory::new(), bug }))
    }

    fn spoil(&self, batch: &mut Batch) {
        static NEXT: AtomicI64 = AtomicI64::new(0);
        for write in &mut batch.writes {
            match write {
                Write::Log(write) if self.bug == Bug::ExpectsNothing => write.expect = Expect::Any,
                Write::Queue(write) if self.bug == Bug::ForgetsIds && *write.key.name() == INBOX => {
                    for append in &mut write.append {
                        let number = NEXT.fetch_add(1, Ordering::Relaxed);
                        append.id = Some(ItemId::Number(Name::from_static("another"), number));
                    }
                }
                _ => {}
            }
        }
    }

    /// Applies the queues first, then the logs.
    async fn halves(&self, batch: Batch) -> Result<Committed> {
        let is_queue = |write: &Write| matches!(write, Write::Queue(_));
        let (queues, logs): (Vec<_>, Vec<_>) = batch.writes.iter().cloned().partition(is_queue);
        let queues = self.inner.commit(Batch::new(batch.id, queues)).await?;
        let logs = self.inner.commit(Batch::new(batch.id, logs)).await?;
        let (mut of_queues, mut of_logs) = (queues.heads.into_iter(), logs.heads.into_iter());
        let mut head = |write| if is_queue(write) { of_queues.next() } else { of_logs.next() };
        let heads = batch.writes.iter().map(|write| head(write).flatten()).collect();
        Ok(Committed { heads, appended: queues.appended })
    }
}

#[deny(clippy::missing_trait_methods)]
impl Storage for Spoilt {
    fn commit<'a>(&'a self, mut batch: Batch) -> BoxFuture<'a, Result<Committed>> {
        self.spoil(&mut batch);
        match self.bug {
            Bug::AppliesHalves => Box::pin(self.halves(batch)),
            Bug::ForgetsIds | Bug::ExpectsNothing => self.inner.commit(batch),
        }
    }

    fn read<'a>(&'a self, reads: &'a [Read]) -> BoxFuture<'a, Result<Vec<Result<Option<Page>>>>> {
        self.inner.read(reads)
    }

    fn list<'a>(&'a self, query: &'a ListQuery) -> BoxFuture<'a, Result<Listing>> {
        self.inner.list(query)
    }

    fn seen<'a>(&'a self, query: &'a SeenQuery) -> BoxFuture<'a, Result<SeenPage>> {
        self.inner.seen(query)
    }

    fn changed<'a>(&'a self, key: &'a Key, seen: Option<Etag>) -> BoxFuture<'a, Result<Option<Head>>> {
        self.inner.changed(key, seen)
    }

    fn properties(&self) -> Properties {
        self.inner.properties()
    }
}

/// A store that is empty when it is opened again.
async fn forgetful(_: Limits) -> Subject {
    Subject::new(Arc::new(Memory::new())).reopen(async || Arc::new(Memory::new()) as Arc<dyn Storage>)
}

#[test]
#[should_panic(expected = "right: Seen")]
fn an_id_that_is_not_known_again_is_seen() {
    let open = Spoilt::subject(Bug::ForgetsIds);
    runner::timed(Time::Paused, open, runner::inbox::an_update_that_is_given_again_is_seen);
}

#[test]
#[should_panic(expected = "a conflict is not charged")]
fn an_expectation_that_is_not_looked_at_is_seen() {
    let open = Spoilt::subject(Bug::ExpectsNothing);
    runner::timed(Time::Paused, open, runner::batch::a_turn_whose_log_somebody_wrote_runs_again);
}

#[test]
#[should_panic(expected = "right: [\"other\", \"own\"]")]
fn a_session_that_is_written_over_is_seen() {
    let open = Spoilt::subject(Bug::ExpectsNothing);
    turns::timed(Time::Paused, open, turns::sessions::a_turn_whose_session_somebody_wrote_runs_again);
}

#[test]
#[should_panic(expected = "entries are left in outbox")]
fn half_a_batch_is_seen() {
    let open = Spoilt::subject(Bug::AppliesHalves);
    runner::timed(Time::Paused, open, runner::batch::a_turn_whose_log_somebody_wrote_runs_again);
}

#[test]
#[should_panic(expected = "right: [\"0\", \"3\", \"6\", \"9\", \"12\"]")]
fn updates_that_a_restart_loses_are_seen() {
    runner::timed(
        Time::Paused,
        forgetful,
        runner::inbox::what_was_accepted_is_run_after_a_restart_in_its_order,
    );
}
