//! What the PostgreSQL storage promises.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails by panicking")]

mod conformance;
mod damage;
mod fixtures;
mod kill;
mod lost;
mod migration;
mod parameters;
mod pooled;
mod processes;
mod refusal;
mod rig;
mod standby;
mod storm;
mod sweeping;
mod tls;
mod versions;
