//! Tests of the storage in Redis, over servers that they start themselves: Redis, or the program that
//! `TERTULIA_VALKEY` names.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails by panicking")]

mod broken;
mod cluster;
mod conformance;
mod damage;
mod elsewhere;
mod failover;
mod faults;
mod held;
mod kill;
mod moving;
mod parameters;
mod refusals;
mod rig;
mod sentinel;
mod slots;
mod storm;
mod tls;
