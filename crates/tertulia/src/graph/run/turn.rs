//! A run as a part of a turn: its last checkpoint is held back, to be committed in a batch of somebody else's.

use super::core::{Core, Doing};
use crate::Result;
use crate::graph::keep::{Kept, Prepared};
use crate::graph::parts::Values;
use crate::session::State;
use crate::session::track::Change;
use crate::storage::{Head, LogWrite};

/// A checkpoint that is not written yet.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) prepared: Prepared,
    pub(super) change: Option<Change>,
}

impl<S: State> Core<S> {
    /// Writes the checkpoint that is held back, if one is.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub(super) async fn let_go(&mut self) -> Result<()> {
        let Some(Held { prepared, change }) = self.held.take() else { return Ok(()) };
        let Kept::Stored(stored) = &mut self.kept else { return Ok(()) };
        self.doing = Doing::Writing;
        match stored.write_prepared(&mut self.track, prepared, change).await {
            Ok(_) => {
                self.doing = Doing::Nothing;
                Ok(())
            }
            Err(error) => self.unwritten(error),
        }
    }

    /// From now on its steps are part of this, whose end somebody else commits. Whether some of them are committed already.
    pub(super) fn join(&mut self, cause: String, given: Values) -> bool {
        self.goes_on = self.last_cause == cause;
        if !self.goes_on {
            self.said.clear();
        }
        (self.cause, self.given, self.holds) = (cause, given, true);
        self.goes_on
    }

    /// Says again what was said of what is gone on with.
    pub(super) async fn say_again(&mut self) -> Result<()> {
        let said = std::mem::take(&mut self.said);
        if self.holds { self.out.again(&said).await } else { Ok(()) }
    }

    /// The writes of the checkpoint that is held back; of none, if there is none.
    pub(super) fn held(&self) -> Vec<LogWrite> {
        self.held.as_ref().map(|held| held.prepared.writes.clone()).unwrap_or_default()
    }

    /// What it expects of the run.
    pub(super) fn checks(&self) -> Vec<LogWrite> {
        match &self.kept {
            Kept::Stored(stored) => vec![stored.check()],
            Kept::Loose(_) | Kept::Custom(_) => Vec::new(),
        }
    }

    /// The checkpoint that was held back was committed.
    pub(super) fn held_committed(&mut self, heads: &[Option<Head>]) -> Result<()> {
        let Some(Held { prepared, change }) = self.held.take() else { return Ok(()) };
        let Kept::Stored(stored) = &mut self.kept else { return Ok(()) };
        stored.written(&mut self.track, prepared, change, heads).map(drop)
    }
}
