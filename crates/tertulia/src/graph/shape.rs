//! What a graph looks like: its actions and transitions without what they do. Pictures are drawn from it.

use serde::{Deserialize, Serialize};

/// What a graph looks like: [`mermaid`](Self::mermaid), [`dot`](Self::dot) and [`svg`](Self::svg) draw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// The graph's name.
    pub name: String,
    /// The action that a run begins with.
    pub entrypoint: String,
    /// The actions, in the order in which they were added.
    pub actions: Vec<ActionShape>,
    /// The transitions, in the order in which they were added; those of one action are tried in this order.
    pub transitions: Vec<TransitionShape>,
}

/// What an action looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionShape {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ActionKind,
    /// The fields of the state that it reads; `None` if it may read all.
    pub reads: Option<Vec<String>>,
    /// The fields of the state that it writes; `None` if it may write all.
    pub writes: Option<Vec<String>>,
    /// The inputs that it takes.
    pub inputs: Vec<String>,
    /// What it was tagged with.
    pub tags: Vec<String>,
}

/// What an action is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ActionKind {
    /// An asynchronous function, or a struct.
    Async,
    /// A function that is not asynchronous.
    Plain,
    /// What gives a stream of items.
    Streaming,
    /// What runs others at the same time.
    Parallel,
}

/// What a transition looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitionShape {
    /// The name of the action it leaves.
    pub from: String,
    /// The name of the action it leads to.
    pub to: String,
    /// When it is taken; `None` if always.
    pub condition: Option<String>,
}
