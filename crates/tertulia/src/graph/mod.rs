//! Graphs: actions, transitions and state, with a checkpoint per step.

mod action;
mod blocking;
mod build;
mod checkpoint;
mod condition;
mod dynamic;
mod extract;
mod fields;
mod format;
#[allow(clippy::module_inception, reason = "the module is about graphs, this file about one of them")]
mod graph;
mod hook;
mod id;
mod inputs;
mod json;
mod keep;
mod names;
mod parallel;
mod parts;
mod persist;
mod picture;
mod run;
mod runs;
mod shape;
mod sink;
mod step;
mod thread;
mod until;

pub use action::{Action, Definition, Function, IntoAction, Object, Plain, action, plain, streaming};
pub(crate) use blocking::waiting;
pub use build::Builder;
pub use checkpoint::{Checkpoint, Moved, Parent, Position, Status};
pub use condition::{Condition, Field, field, when};
pub use dynamic::Dynamic;
pub use extract::{About, Data, FromStep, Given, Input, Reads, State};
pub use graph::Graph;
pub use hook::Point;
pub use id::RunId;
pub use inputs::Inputs;
pub use names::Names;
pub use parallel::{Child, ChildResult, Graphs, Map, Parallel, Policy, parallel};
pub use parts::Parts;
pub use persist::{
    Awaited, Beginning, Persister, Reply, Save, Saved, StateLoader, StateSaver, Way, Which, awaited,
};
pub use picture::Picture;
pub use run::{Items, Run, Standing, Stepped, Steps, Value};
pub use runs::{Listed, Options, Runs};
pub use shape::{ActionKind, ActionShape, Shape, TransitionShape};
pub use sink::Sink;
pub use step::{Item, Span, Step};
pub use until::{Halted, Reason, Until};

/// What actions and hooks return: any error will do, as `?` makes it.
pub type Result<T = ()> = anyhow::Result<T>;
