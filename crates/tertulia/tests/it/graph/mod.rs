//! Graphs at their boundary.

mod blocking;
mod model;
mod run;
