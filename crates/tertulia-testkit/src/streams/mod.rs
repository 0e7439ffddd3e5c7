//! What streams promise in memory alone and on every storage, each a named case.
//!
//! A case is a plain function of a [`Setting`]; [`streams!`](crate::streams!) lists them all, so that each shows as a
//! test of its own in each [`Mode`]. Where a case speaks of another process it means other
//! [`Streams`](tertulia::stream::Streams) over the same storage, with nothing in memory.

#![allow(clippy::unwrap_used, reason = "a case is a test: it fails by panicking")]

pub mod appending;
pub mod attempts;
pub mod deletion;
pub mod expiry;
pub mod faults;
pub mod following;
pub mod forks;
mod listed;
pub mod places;
pub mod processes;
pub mod producers;
pub mod random;
mod run;
mod setting;
pub mod stopping;

pub use run::{threads, timed};
pub use setting::{Mode, Setting};
