//! The library's behaviour at its boundary.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails by panicking")]

mod behind;
mod bot;
mod graph;
mod layers;
mod runner;
mod session;
