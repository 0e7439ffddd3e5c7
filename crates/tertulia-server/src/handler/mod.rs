//! A handler in any language: each update is posted to a URL, and what is answered becomes the turn's one batch.
//! `docs/handlers.md` is the protocol for those who write one.
//!
//! - `remote` gives it to a bot; `client` posts, `sign` signs, `request` is what is posted.
//! - `answer` is what may come back, whole or in `lines`; `effects` has it happen, within bounds.
//! - `once` keeps results over attempts; `state` is the session, any JSON object; `patch` changes it.

mod answer;
mod client;
mod effects;
mod failed;
mod lines;
mod once;
mod patch;
mod pause;
mod remote;
mod request;
mod sign;
mod state;

#[cfg(test)]
mod tests;

pub(crate) use remote::{exposed, give};
