//! What runs promise of a persister whose methods are plain functions.

use futures_util::FutureExt;
use tertulia::graph::{
    Beginning, Checkpoint, Listed, Plain, RunId, Save, Saved, StateLoader, StateSaver, Which,
};
use tertulia::storage::Limits;
use tertulia::{Conversation, Result};
use tertulia_testkit::Subject;
use tertulia_testkit::graphs::Shelf;

use super::Time;

/// The reference persister, which awaits nothing.
#[derive(Debug, Default)]
struct PlainShelf(Shelf);

fn now<T>(answer: impl Future<Output = T>) -> T {
    answer.now_or_never().expect("the reference persister awaits nothing")
}

#[deny(clippy::missing_trait_methods)]
impl StateLoader for PlainShelf {
    type Way = Plain;

    fn load(&self, run: &RunId, which: Which) -> Result<Option<Saved>> {
        now(self.0.load(run, which))
    }

    fn history(&self, run: &RunId, before: Option<u64>, count: usize) -> Result<Vec<Checkpoint>> {
        now(self.0.history(run, before, count))
    }

    fn list(&self, conversation: &Conversation) -> Result<Vec<Listed>> {
        now(self.0.list(conversation))
    }
}

#[deny(clippy::missing_trait_methods)]
impl StateSaver for PlainShelf {
    fn create(&self, beginning: &Beginning) -> Result<()> {
        now(self.0.create(beginning))
    }

    fn save(&self, save: &Save) -> Result<()> {
        now(self.0.save(save))
    }

    fn delete(&self, run: &RunId) -> Result<bool> {
        now(self.0.delete(run))
    }

    fn prune(&self, run: &RunId, keep: u64) -> Result<u64> {
        now(self.0.prune(run, keep))
    }
}

async fn open(_: Limits) -> Subject {
    Subject::of_saver(PlainShelf::default())
}

tertulia_testkit::graphs!(Time::Paused, open);

mod parallel {
    use super::{Time, open};

    tertulia_testkit::parallel!(Time::Paused, open);
}
