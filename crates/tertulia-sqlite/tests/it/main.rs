//! What the SQLite storage promises.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails by panicking")]

mod basics;
mod conformance;
mod sessions;
