//! `storage::Behind`: what is stored is always a prefix of what was queued.

mod cuts;
mod failures;
mod joining;
mod room;
mod support;
