//! An action with its options, on its way into a graph.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use super::{ActionOptions, IntoAction, Made, Plain, Retry};
use crate::graph::Names;

/// An action with its options. `K` is [`Plain`] for a function that is not asynchronous.
///
/// What is neither declared to be read nor to be written may be both.
#[must_use = "an action does nothing until it is in a graph"]
pub struct Definition<S, K = ()> {
    pub(in crate::graph) made: Made<S>,
    pub(in crate::graph) options: ActionOptions,
    kind: PhantomData<fn(K)>,
}

/// An action that is going to have options.
///
/// ```
/// # use std::time::Duration;
/// # use tertulia::graph::{self, Graph, State};
/// # #[derive(Default, serde::Serialize, serde::Deserialize)]
/// # struct Agent { answer: Option<String> }
/// async fn think(mut state: State<Agent>) -> graph::Result {
///     state.answer = Some("42".into());
///     Ok(())
/// }
///
/// # async fn build() -> tertulia::Result<Graph<Agent>> {
/// Graph::new("agent")
///     .action(
///         "think",
///         graph::action(think)
///             .writes("answer")
///             .retry(3, Duration::from_millis(100))
///             .time_limit(Duration::from_secs(30))
///             .tag("model"),
///     )
///     .entrypoint("think")
///     .build()
///     .await
/// # }
/// ```
pub fn action<S, M>(action: impl IntoAction<S, M>) -> Definition<S> {
    action.into_action()
}

impl<S, K> Definition<S, K> {
    pub(in crate::graph) fn new(made: Made<S>) -> Self {
        Self { made, options: ActionOptions::default(), kind: PhantomData }
    }

    /// The fields of the state that it reads. The type of a state cannot hold an action to it that takes
    /// [`State`](crate::graph::State): take [`Reads`](crate::graph::Reads), which declares its fields by itself, or have
    /// a [`Dynamic`](crate::graph::Dynamic) state.
    pub fn reads(mut self, fields: impl Names) -> Self {
        self.options.reads.get_or_insert_default().extend(fields.names());
        self
    }

    /// The fields of the state that it writes. A step that changes others fails, and the state stays as it was.
    pub fn writes(mut self, fields: impl Names) -> Self {
        self.options.writes.get_or_insert_default().extend(fields.names());
        self
    }

    /// Tries again if it fails: at most `tries` times in all, with a pause of `wait` before the second try that doubles
    /// with each. The state of a try that failed is forgotten.
    pub fn retry(mut self, tries: u32, wait: Duration) -> Self {
        self.options.retry = Retry { tries, wait };
        self
    }

    /// A try that takes longer is cancelled and has failed.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.options.time_limit = Some(limit);
        self
    }

    /// Tags it, so that a run can be halted at all actions with a tag.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.options.tags.push(tag.into());
        self
    }
}

impl<S> Definition<S, Plain> {
    /// Runs it on a thread where it may block, for what computes for more than some milliseconds or waits without being
    /// asynchronous. Such a thread cannot be stopped: a time limit or a cancelled run leaves it behind.
    pub fn spawn_blocking(mut self) -> Self {
        self.options.spawn_blocking = true;
        self.made.action.spawn_blocking();
        self
    }
}

impl<S, K> IntoAction<S, Definition<S, K>> for Definition<S, K> {
    fn into_action(self) -> Definition<S> {
        Definition { made: self.made, options: self.options, kind: PhantomData }
    }
}

impl<S, K> fmt::Debug for Definition<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition")
            .field("kind", &self.made.kind)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
