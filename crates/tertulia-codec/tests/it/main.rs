//! What the codecs promise.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails by panicking")]

mod compression;
mod encryption;
mod fixtures;
mod garbage;
mod key;
mod rig;
mod sessions;
