//! The rules of the storage contract, each a named case.
//!
//! A case is a plain function of a [`Subject`](crate::Subject); [`conformance!`](crate::conformance!) lists them
//! all, so that each shows as a test of its own for every storage. [`threads`], [`limited`], [`timed`] and
//! [`unhurried`] run one.

pub mod batch;
pub mod changed;
pub mod concurrency;
pub mod durable;
pub mod expiry;
pub mod limits;
pub mod list;
mod listed;
pub mod log;
pub mod queue;
pub mod read;
mod run;
pub mod seen;

#[doc(inline)]
pub use crate::model;
pub(crate) use run::step;
pub use run::{SMALL, Time, limited, threads, timed, unhurried};
