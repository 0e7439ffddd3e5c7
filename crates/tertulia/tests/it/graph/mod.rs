//! Graphs at their boundary.

mod model;
mod run;
