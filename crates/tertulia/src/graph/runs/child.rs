//! Children: runs that an action of another run runs.

use std::sync::Arc;

use super::{Home, Inner, Runs};
use crate::error::Kind;
use crate::graph::checkpoint::{Parent, Position};
use crate::graph::run::Core;
use crate::graph::{Run, RunId, Which};
use crate::session::{self, State};
use crate::{Error, Result};

/// More items than a log has.
const ALL_ITEMS: usize = 1 << 40;

impl<S: State> Runs<S> {
    /// The child of this name, of which nothing is queued: begun with this state, or as its parent's step left it when it was tried before. One that was
    /// left by another run of the parent's name, or by another step, is replaced. With `guard`, it is begun only if its
    /// parent is there.
    ///
    /// # Errors
    /// `Gone` if the parent was deleted; as creating and opening a run.
    pub(in crate::graph) async fn child(
        &self,
        id: &RunId,
        parent: &Parent,
        state: S,
        guard: bool,
    ) -> Result<Run<S>> {
        let id = Arc::new(id.clone());
        if let Some(found) = self.read_stored(&id, Which::Latest).await? {
            if found.parent() == Some(parent) {
                let core = Core::of(&self.with_whole_histories(), Arc::clone(&id), found, None).await?;
                return self.opened(id, core).await;
            }
            self.delete(&*id).await?;
        }
        match self.begin(id, state, Some(parent.clone()), &Position::Entrypoint, guard).await {
            Err(error) if error.kind() == Kind::Conflict => {
                // Only another process that runs the same step can have made it.
                let text = format!("{}: somebody else runs this step too", parent.run);
                Err(Error::new(Kind::Conflict, text).with_source(error))
            }
            begun => begun,
        }
    }

    /// The same, with all items of the logs inside states: as a run has them that was not read again.
    fn with_whole_histories(&self) -> Self {
        let Inner { graph, shelf, options, home } = &*self.0;
        let home = match home {
            Home::Storage(options) => {
                Home::Storage(session::Options { log_tail: ALL_ITEMS, ..options.clone() })
            }
            home => home.clone(),
        };
        let (graph, shelf, options) = (graph.clone(), Arc::clone(shelf), options.clone());
        Self(Arc::new(Inner { graph, shelf, options, home }))
    }
}
