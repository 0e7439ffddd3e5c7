//! The persister that shows what one has to do.

use std::collections::BTreeMap;
use std::fmt;

use parking_lot::Mutex;
use tertulia::error::Kind;
use tertulia::graph::{
    Awaited, Beginning, Checkpoint, Listed, RunId, Save, Saved, StateLoader, StateSaver, Which,
};
use tertulia::storage::BoxFuture;
use tertulia::{Clock, Conversation, Error, Result, Timestamp};

/// Keeps runs as long as it lives, and stores what changed where others store whole states: the persister that one of one's
/// own can be compared with.
pub struct Shelf {
    clock: Clock,
    runs: Mutex<BTreeMap<RunId, Run>>,
}

struct Run {
    beginning: Beginning,
    saves: Vec<Kept>,
    /// The how manieth of all writes was its last.
    written: u64,
    until: Option<Timestamp>,
}

/// A checkpoint: every tenth whole, and of the others what changed.
struct Kept {
    save: Save,
    is_whole: bool,
}

/// Every how manieth checkpoint is kept whole.
const WHOLE: usize = 10;

impl Shelf {
    /// An empty one.
    pub fn new() -> Self {
        Self { clock: Clock::system(), runs: Mutex::default() }
    }

    /// Does something with what has not expired, and the number of this write.
    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<RunId, Run>, u64) -> T) -> T {
        let now = self.clock.now();
        let mut runs = self.runs.lock();
        runs.retain(|_, run| run.until.is_none_or(|until| now < until));
        let written = runs.values().map(|run| run.written).max().unwrap_or_default() + 1;
        work(&mut runs, written)
    }
}

impl Run {
    /// Its last checkpoint.
    fn last(&self) -> Option<u64> {
        self.saves.last().map_or(self.beginning.seq, |kept| Some(kept.save.checkpoint.seq))
    }

    fn at(&self, seq: u64) -> Option<usize> {
        self.saves.iter().position(|kept| kept.save.checkpoint.seq == seq)
    }

    /// A checkpoint, with its state made again from the one before.
    fn saved(&self, at: usize) -> Result<Saved> {
        let kept = &self.saves[at];
        let mut saved = Saved::of(&self.beginning, &kept.save, self.last());
        if !kept.is_whole {
            let parent = kept.save.checkpoint.parent.and_then(|parent| self.at(parent));
            let parent = parent.map(|parent| self.saved(parent)).transpose()?;
            saved.state = parent.map_or_else(|| self.beginning.state.clone(), |parent| parent.state);
            saved.apply(&kept.save.patch)?;
        }
        Ok(saved)
    }

    /// The same as it came.
    fn save(&self, at: usize) -> Result<Save> {
        let state = self.saved(at)?.state;
        Ok(Save { state, ..self.saves[at].save.clone() })
    }
}

impl StateLoader for Shelf {
    type Way = Awaited;

    fn load<'a>(&'a self, id: &'a RunId, which: Which) -> BoxFuture<'a, Result<Option<Saved>>> {
        Box::pin(async move {
            self.with(|runs, _| {
                let Some(run) = runs.get(id) else { return Ok(None) };
                let last = run.last();
                let seq = match which {
                    Which::Latest => last,
                    Which::Beginning => None,
                    Which::At(seq) => Some(seq),
                };
                if seq.is_none() || seq == run.beginning.seq {
                    return Ok(Some(Saved::begun(&run.beginning, last)));
                }
                match seq.and_then(|seq| run.at(seq)) {
                    Some(at) => run.saved(at).map(Some),
                    None if seq < last => {
                        Err(Error::new(Kind::Gone, format!("{id}: checkpoint {seq:?} was pruned")))
                    }
                    None => Err(Error::invalid(format!("{id} has no checkpoint {seq:?}"))),
                }
            })
        })
    }

    fn history<'a>(
        &'a self,
        id: &'a RunId,
        before: Option<u64>,
        count: usize,
    ) -> BoxFuture<'a, Result<Vec<Checkpoint>>> {
        Box::pin(async move {
            Ok(self.with(|runs, _| {
                let saves = runs.get(id).map_or(&[][..], |run| &run.saves);
                let newest = saves.iter().rev().map(|kept| &kept.save.checkpoint);
                let newest = newest.filter(|checkpoint| before.is_none_or(|before| checkpoint.seq < before));
                newest.take(count).cloned().collect()
            }))
        })
    }

    fn list<'a>(&'a self, conversation: &'a Conversation) -> BoxFuture<'a, Result<Vec<Listed>>> {
        Box::pin(async move {
            Ok(self.with(|runs, _| {
                let mut found: Vec<_> =
                    runs.iter().filter(|(id, _)| id.conversation() == conversation).collect();
                found.sort_by_key(|(_, run)| std::cmp::Reverse(run.written));
                let listed = found.into_iter().map(|(id, run)| {
                    let at = run.saves.last().map_or(run.beginning.made, |kept| kept.save.checkpoint.at);
                    Listed::new(id.clone(), run.last(), at)
                });
                listed.collect()
            }))
        })
    }
}

impl StateSaver for Shelf {
    fn create<'a>(&'a self, beginning: &'a Beginning) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let until = beginning.expiry.map(|expiry| self.clock.now().after(expiry));
            self.with(|runs, written| {
                let id = &beginning.run;
                if runs.contains_key(id) {
                    return Err(Error::new(Kind::Conflict, format!("{id} is there already")));
                }
                let run = Run { beginning: beginning.clone(), saves: Vec::new(), written, until };
                runs.insert(id.clone(), run);
                Ok(())
            })
        })
    }

    fn save<'a>(&'a self, save: &'a Save) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let until = save.expiry.map(|expiry| self.clock.now().after(expiry));
            self.with(|runs, written| {
                let run = runs.get_mut(&save.run).filter(|run| run.beginning.birth == save.birth);
                let Some(run) = run else { return Err(save.conflict(None)) };
                if run.last() != save.expected {
                    return Err(save.conflict(run.last()));
                }
                let mut save = save.clone();
                let parent = save.checkpoint.parent;
                let is_whole = run.saves.len().is_multiple_of(WHOLE)
                    || (parent != run.beginning.seq && parent.is_none_or(|parent| run.at(parent).is_none()));
                if !is_whole {
                    save.state.clear();
                }
                run.saves.push(Kept { save, is_whole });
                (run.written, run.until) = (written, until);
                Ok(())
            })
        })
    }

    fn delete<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { Ok(self.with(|runs, _| runs.remove(id).is_some())) })
    }

    fn prune<'a>(&'a self, id: &'a RunId, keep: u64) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            self.with(|runs, _| {
                let gone = || Error::new(Kind::Gone, format!("{id} is not there"));
                let run = runs.get_mut(id).ok_or_else(gone)?;
                let keep = usize::try_from(keep).unwrap_or(usize::MAX);
                let forgotten = run.saves.len().saturating_sub(keep);
                if forgotten == 0 {
                    return Ok(0);
                }
                // What is left may build on what goes.
                for at in forgotten..run.saves.len() {
                    let save = run.save(at)?;
                    run.saves[at] = Kept { save, is_whole: true };
                }
                let last = run.save(forgotten - 1)?;
                run.beginning.moved_to(&last);
                run.saves.drain(..forgotten);
                Ok(forgotten as u64)
            })
        })
    }
}

impl Default for Shelf {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("runs", &self.runs.lock().len()).finish_non_exhaustive()
    }
}
