//! Persisters: checkpoints of runs in a database of the user's own.

mod persister;
mod saved;
mod threads;
mod way;

pub use self::persister::Persister;
pub use self::saved::{Beginning, Save, Saved, Which};
pub use self::way::{Awaited, Reply, Way, awaited};
use super::{Checkpoint, Listed, RunId};
use crate::Conversation;

/// Where runs are read from: see [`StateSaver`].
pub trait StateLoader: std::fmt::Debug + Send + Sync + 'static {
    /// Whether its methods are asynchronous, [`Awaited`], or plain functions: [`Plain`](super::Plain).
    type Way: Way;

    /// A state of a run; `None` if there is no such run.
    ///
    /// # Errors
    /// `Gone` if that checkpoint was pruned, `Invalid` if there never was one; any other.
    fn load<'a>(&'a self, run: &'a RunId, which: Which) -> Reply<'a, Self, Option<Saved>>;

    /// The checkpoints of a run, newest first, all branches: at most `count` before `before`, or the last ones. None if
    /// there is no such run.
    ///
    /// # Errors
    /// Any.
    fn history<'a>(
        &'a self,
        run: &'a RunId,
        before: Option<u64>,
        count: usize,
    ) -> Reply<'a, Self, Vec<Checkpoint>>;

    /// The runs of a conversation, of whatever graph, each of them once, the one that was written last first.
    ///
    /// # Errors
    /// Any.
    fn list<'a>(&'a self, conversation: &'a Conversation) -> Reply<'a, Self, Vec<Listed>>;
}

/// A database of one's own that keeps runs: [`Runs::custom`](super::Runs::custom).
///
/// A run is begun by [`create`](Self::create) and has a number that no other run has, its `birth`, also if it has the
/// name of one that was deleted. From then on every step [saves](Self::save) one checkpoint, and names the checkpoint
/// that has to be the last one of that birth. To compare and to write has to be one: a transaction, or a write with a
/// condition, such as
///
/// ```sql
/// UPDATE run SET last = :seq WHERE conversation = :conversation AND name = :name AND birth = :birth AND last IS :expected
/// ```
///
/// which has to have changed one row, in the transaction that inserts the checkpoint. That is all that two processes need
/// to tell who was first, and all that keeps a late write from bringing a deleted run back.
///
/// Checkpoints form a tree: the one to go on from (`parent`) is not always the last one. Sequence numbers only ever go up.
///
/// An error of kind `Unknown` or `Timeout` says that the checkpoint may be stored or not; the run is read again before it
/// goes on. Any other says that nothing was stored. What may go well at a second try, try again here.
///
/// # Plain functions, or asynchronous ones
/// [`Way`](StateLoader::Way) says which its methods are. Those of a [`Plain`](super::Plain) one, such as one over a driver or
/// files that block, are functions that return a `Result`. They are called on threads where they may block, those about one
/// run one after another; a call goes on when its caller is gone. Such a persister keeps runs of graphs with and without
/// asynchronous parts. One that is [`Awaited`] returns a [`BoxFuture`](crate::storage::BoxFuture) from each method, and a graph
/// that was built with [`build_blocking`](super::Builder::build_blocking) refuses it by name before a run is begun or opened:
///
/// ```
/// # use tertulia::graph::{Awaited, Checkpoint, Listed, RunId, Saved, StateLoader, Which};
/// # use tertulia::{Conversation, Result};
/// # use tertulia::storage::BoxFuture;
/// # #[derive(Debug)]
/// # struct Pool;
/// impl StateLoader for Pool {
///     type Way = Awaited;
///
///     fn load<'a>(&'a self, run: &'a RunId, which: Which) -> BoxFuture<'a, Result<Option<Saved>>> {
///         Box::pin(async move {
///             // ..
/// #           Ok(None)
///         })
///     }
///     // ..
/// #   fn history<'a>(&'a self, _: &'a RunId, _: Option<u64>, _: usize) -> BoxFuture<'a, Result<Vec<Checkpoint>>> {
/// #       Box::pin(async { Ok(vec![]) })
/// #   }
/// #   fn list<'a>(&'a self, _: &'a Conversation) -> BoxFuture<'a, Result<Vec<Listed>>> { Box::pin(async { Ok(vec![]) }) }
/// }
/// ```
///
/// # A whole one
/// ```
/// use std::collections::BTreeMap;
///
/// use parking_lot::Mutex;
/// use tertulia::error::Kind;
/// use tertulia::graph::{
///     Beginning, Checkpoint, Listed, Plain, RunId, Save, Saved, StateLoader, StateSaver, Which,
/// };
/// use tertulia::{Conversation, Error, Result};
///
/// /// Keeps runs as long as the process lives.
/// #[derive(Debug, Default)]
/// struct Shelf(Mutex<BTreeMap<RunId, (Beginning, Vec<Save>)>>);
///
/// impl StateLoader for Shelf {
///     type Way = Plain;
///
///     fn load(&self, run: &RunId, which: Which) -> Result<Option<Saved>> {
///         let runs = self.0.lock();
///         let Some((beginning, saves)) = runs.get(run) else { return Ok(None) };
///         let last = saves.last();
///         let last_seq = last.map_or(beginning.seq, |save| Some(save.checkpoint.seq));
///         let seq = match which {
///             Which::Latest => last_seq,
///             Which::Beginning => None,
///             Which::At(seq) => Some(seq),
///         };
///         if seq.is_none() || seq == beginning.seq {
///             return Ok(Some(Saved::begun(beginning, last_seq)));
///         }
///         match saves.iter().find(|save| Some(save.checkpoint.seq) == seq) {
///             Some(save) => Ok(Some(Saved::of(beginning, save, last_seq))),
///             None if seq < beginning.seq => Err(Error::new(Kind::Gone, format!("{run}: {seq:?} was pruned"))),
///             None => Err(Error::invalid(format!("{run} has no checkpoint {seq:?}"))),
///         }
///     }
///
///     fn history(&self, run: &RunId, before: Option<u64>, count: usize) -> Result<Vec<Checkpoint>> {
///         let runs = self.0.lock();
///         let saves = runs.get(run).map_or(&[][..], |(_, saves)| saves);
///         let newest = saves.iter().rev().map(|save| &save.checkpoint);
///         let newest = newest.filter(|checkpoint| before.is_none_or(|before| checkpoint.seq < before));
///         Ok(newest.take(count).cloned().collect())
///     }
///
///     fn list(&self, conversation: &Conversation) -> Result<Vec<Listed>> {
///         let runs = self.0.lock();
///         let of_it = runs.iter().filter(|(run, _)| run.conversation() == conversation);
///         let mut listed: Vec<Listed> = of_it
///             .map(|(run, (beginning, saves))| {
///                 let last = saves.last().map(|save| &save.checkpoint);
///                 let at = last.map_or(beginning.made, |last| last.at);
///                 Listed::new(run.clone(), last.map_or(beginning.seq, |last| Some(last.seq)), at)
///             })
///             .collect();
///         listed.sort_by_key(|listed| std::cmp::Reverse(listed.at));
///         Ok(listed)
///     }
/// }
///
/// impl StateSaver for Shelf {
///     fn create(&self, beginning: &Beginning) -> Result<()> {
///         let mut runs = self.0.lock();
///         if runs.contains_key(&beginning.run) {
///             return Err(Error::new(Kind::Conflict, format!("{} is there already", beginning.run)));
///         }
///         runs.insert(beginning.run.clone(), (beginning.clone(), Vec::new()));
///         Ok(())
///     }
///
///     fn save(&self, save: &Save) -> Result<()> {
///         let mut runs = self.0.lock();
///         let run = runs.get_mut(&save.run).filter(|(beginning, _)| beginning.birth == save.birth);
///         let Some((beginning, saves)) = run else { return Err(save.conflict(None)) };
///         let last = saves.last().map_or(beginning.seq, |last| Some(last.checkpoint.seq));
///         if last != save.expected {
///             return Err(save.conflict(last));
///         }
///         saves.push(save.clone());
///         Ok(())
///     }
///
///     fn delete(&self, run: &RunId) -> Result<bool> {
///         Ok(self.0.lock().remove(run).is_some())
///     }
///
///     fn prune(&self, run: &RunId, keep: u64) -> Result<u64> {
///         let mut runs = self.0.lock();
///         let gone = || Error::new(Kind::Gone, format!("{run} is not there"));
///         let (beginning, saves) = runs.get_mut(run).ok_or_else(gone)?;
///         let keep = usize::try_from(keep).unwrap_or(usize::MAX);
///         let forgotten = saves.drain(..saves.len().saturating_sub(keep));
///         let count = forgotten.len() as u64;
///         if let Some(last) = forgotten.last() {
///             beginning.moved_to(&last);
///         }
///         Ok(count)
///     }
/// }
/// ```
pub trait StateSaver: StateLoader {
    /// Stores the beginning of a run.
    ///
    /// # Errors
    /// `Conflict` if there is a run of that name; any other.
    fn create<'a>(&'a self, beginning: &'a Beginning) -> Reply<'a, Self, ()>;

    /// Stores a checkpoint, if the run is there with that birth and its last checkpoint is the expected one.
    ///
    /// # Errors
    /// [`Save::conflict`] if it is not; any other.
    ///
    /// # Cancel safety
    /// It may be dropped, and its checkpoint stored or not then; not in half.
    fn save<'a>(&'a self, save: &'a Save) -> Reply<'a, Self, ()>;

    /// Deletes a run with all its checkpoints. Whether it was there.
    ///
    /// # Errors
    /// Any.
    fn delete<'a>(&'a self, run: &'a RunId) -> Reply<'a, Self, bool>;

    /// Forgets all checkpoints of a run but the last `keep`; tells how many. The last one that is forgotten becomes the
    /// run's beginning: [`Beginning::moved_to`].
    ///
    /// # Errors
    /// `Gone` if there is no such run; any other.
    fn prune<'a>(&'a self, run: &'a RunId, keep: u64) -> Reply<'a, Self, u64>;
}
