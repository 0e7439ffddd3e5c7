//! What the SQLite storage promises.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails by panicking")]

mod basics;
mod blocked;
mod blocking;
mod closing;
mod conformance;
mod contention;
mod damage;
mod expiry;
mod full;
mod kill;
mod kill_queued;
mod kill_runs;
mod owner;
mod read_only;
mod refusal;
mod rig;
mod sessions;
mod versions;
