//! What is saved of runs, and what is loaded again.

use std::time::Duration;

use bytes::Bytes;

use crate::error::Kind;
use crate::graph::{Checkpoint, Moved, Parent, Position, RunId, Status};
use crate::session::{look, track};
use crate::{Error, Result, Timestamp};

/// Which state of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// That of the checkpoint that was stored last, on whatever branch.
    Latest,
    /// That of the run's beginning.
    Beginning,
    /// That of this checkpoint.
    At(u64),
}

/// The beginning of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// Which run.
    pub run: RunId,
    /// A number that no other run has, be it of the same name.
    pub birth: u64,
    /// The name of the graph.
    pub graph: String,
    /// When.
    pub made: Timestamp,
    /// What it was forked from.
    pub parent: Option<Parent>,
    /// The checkpoint that this is the state of, where those before are not stored; `None` for an initial state.
    pub seq: Option<u64>,
    /// Where it goes on from here.
    pub position: Position,
    /// The state: MessagePack with field names, in which logs are lists.
    pub state: Bytes,
    /// How long the run is to be kept after its last checkpoint, or this: for ever without one.
    pub expiry: Option<Duration>,
}

/// A checkpoint to be saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Save {
    /// Which run.
    pub run: RunId,
    /// The number that it was begun with.
    pub birth: u64,
    /// The name of the graph.
    pub graph: String,
    /// The sequence number that has to be the last that is stored, or that of the beginning, which is `None` for an
    /// initial state.
    pub expected: Option<u64>,
    /// What is known of the checkpoint without its state.
    pub checkpoint: Checkpoint,
    /// The state, whole: MessagePack with field names, in which logs are lists.
    pub state: Bytes,
    /// What makes it of the parent's state, for those who store that instead: [`Saved::apply`]. Empty if nothing changed.
    pub patch: Bytes,
    /// How long the run is to be kept after this: for ever without one.
    pub expiry: Option<Duration>,
}

/// A state of a run as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The number that the run was begun with.
    pub birth: u64,
    /// The name of the graph.
    pub graph: String,
    /// What the run was forked from.
    pub parent: Option<Parent>,
    /// The checkpoint; `None` for an initial state.
    pub seq: Option<u64>,
    /// What made it; `None` for the beginning.
    pub status: Option<Status>,
    /// Where it goes on from here.
    pub position: Position,
    /// What its step was part of.
    pub cause: Option<String>,
    /// The state: MessagePack with field names, in which logs are lists.
    pub state: Bytes,
    /// The run's last checkpoint, on whatever branch, or that of its beginning.
    pub last: Option<u64>,
}

impl Beginning {
    /// All up to this checkpoint is forgotten: the run begins with it.
    pub fn moved_to(&mut self, save: &Save) {
        self.seq = Some(save.checkpoint.seq);
        self.position = save.checkpoint.position.clone();
        self.state = save.state.clone();
    }

    /// The state as JSON, for databases and people that want it so. It cannot be read back exactly: bytes, and keys that
    /// are no texts, become what JSON has.
    ///
    /// # Errors
    /// `Corrupt` if the state is no MessagePack.
    pub fn json(&self) -> Result<serde_json::Value> {
        look::json(&self.state)
    }
}

impl Save {
    /// That it cannot be saved, since the last checkpoint is this one. `None` if that is the run's beginning, or if the run
    /// is not there.
    pub fn conflict(&self, actual: Option<u64>) -> Error {
        let moved = Moved { expected: self.expected, actual };
        Error::new(Kind::Conflict, format!("{}: {moved}", self.run)).with_source(moved)
    }

    /// The state as JSON: see [`Beginning::json`].
    ///
    /// # Errors
    /// `Corrupt` if the state is no MessagePack.
    pub fn json(&self) -> Result<serde_json::Value> {
        look::json(&self.state)
    }
}

impl Saved {
    /// The beginning of a run whose last checkpoint is `last`, or that of the beginning if there is none after it.
    pub fn begun(beginning: &Beginning, last: Option<u64>) -> Self {
        let Beginning { birth, graph, parent, seq, position, state, .. } = beginning.clone();
        Self { birth, graph, parent, seq, status: None, position, cause: None, state, last }
    }

    /// A checkpoint of that run.
    pub fn of(beginning: &Beginning, save: &Save, last: Option<u64>) -> Self {
        let checkpoint = save.checkpoint.clone();
        Self {
            seq: Some(checkpoint.seq),
            status: Some(checkpoint.status),
            position: checkpoint.position,
            cause: checkpoint.cause,
            state: save.state.clone(),
            ..Self::begun(beginning, last)
        }
    }

    /// Makes the state what a [patch](Save::patch) makes of it.
    ///
    /// # Errors
    /// `Corrupt` if the patch does not fit it.
    pub fn apply(&mut self, patch: &[u8]) -> Result<()> {
        self.state = track::patched(&self.state, patch)?.into();
        Ok(())
    }

    /// The state as JSON: see [`Beginning::json`].
    ///
    /// # Errors
    /// `Corrupt` if the state is no MessagePack.
    pub fn json(&self) -> Result<serde_json::Value> {
        look::json(&self.state)
    }
}
