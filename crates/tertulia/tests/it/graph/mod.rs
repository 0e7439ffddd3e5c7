//! Graphs at their boundary.

mod run;
