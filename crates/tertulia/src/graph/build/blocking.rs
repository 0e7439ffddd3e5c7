//! Graphs for programs without a runtime.

use super::{Builder, check};
use crate::Result;
use crate::graph::Graph;
use crate::session;

impl<S: session::State> Builder<S> {
    /// As [`build`](Self::build), for a program that is not asynchronous: its actions are [plain](crate::graph::plain)
    /// functions, or run [children](crate::graph::parallel) of such graphs. Its runs are kept by a storage or by a persister
    /// that is [plain](crate::graph::StateLoader::Way), waited for with [`blocking::wait`](crate::blocking::wait), and refused in an asynchronous runtime before an action of theirs runs,
    /// since they would block it.
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use tertulia::blocking::wait;
    /// use tertulia::graph::{self, Graph, Inputs, Runs, State, Until};
    ///
    /// #[derive(Default, Serialize, Deserialize)]
    /// struct Counter { count: u32 }
    ///
    /// fn count(mut state: State<Counter>) -> graph::Result {
    ///     state.count += 1;
    ///     Ok(())
    /// }
    ///
    /// # fn main() -> tertulia::Result<()> {
    /// let builder = Graph::<Counter>::new("counter").action("count", graph::plain(count));
    /// let graph = builder.entrypoint("count").build_blocking()?;
    /// let runs = Runs::ephemeral(&graph);
    /// let run = wait(runs.create("mine", Counter::default()))?;
    /// wait(run.run(Until::end(), Inputs::new()))?;
    /// assert_eq!(wait(run.state())?.count, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Invalid` with all that is wrong with it, and all in it that is asynchronous.
    pub fn build_blocking(self) -> Result<Graph<S>> {
        let mut faults = self.awaits();
        // A value that is awaited is not among those that were given.
        if self.coming.is_empty() {
            faults.extend(check::faults(&self));
        }
        let mut inner = self.assemble(&faults)?;
        inner.blocking = true;
        Ok(Graph::of(inner))
    }

    /// What in it is asynchronous.
    fn awaits(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (name, action) in &self.actions {
            if let Some(awaits) = action.made.action.awaits() {
                faults.push(format!("action `{}` {awaits}", name.escape_debug()));
            }
        }
        faults.extend(self.coming.iter().map(|(kind, _)| format!("a `{kind}` is awaited")));
        faults.extend((1..=self.async_hooks.len()).map(|nth| format!("`hook_async` {nth} is asynchronous")));
        faults
    }
}
