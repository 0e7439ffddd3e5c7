//! Graphs: actions, transitions and state, with a checkpoint per step.
#![allow(dead_code, unused_imports, reason = "the parts meet in the next commits")]

mod checkpoint;
mod format;
mod hook;
mod id;
mod inputs;
mod parts;
mod step;

pub use checkpoint::{Checkpoint, Moved, Parent, Position, Status};
pub use hook::Point;
pub use id::RunId;
pub use inputs::Inputs;
pub use parts::Parts;
pub use step::{Item, Span, Step};

/// What actions and hooks return: any error will do, as `?` makes it.
pub type Result<T = ()> = anyhow::Result<T>;
