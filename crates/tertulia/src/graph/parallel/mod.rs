//! Actions that run others: each child a run of a graph, and what they come to joined.

mod action;
mod child;
mod family;
mod graphs;
mod how;
mod relay;

pub use action::{Map, Parallel, parallel};
pub use child::{Child, ChildResult};
pub use graphs::Graphs;
pub use how::Policy;
