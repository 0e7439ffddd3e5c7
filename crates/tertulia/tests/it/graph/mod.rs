//! Graphs at their boundary.

mod blocking;
mod custom;
mod model;
mod run;
