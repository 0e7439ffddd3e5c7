//! Telegram at its boundary: what goes over the wire to a Bot API server, and what comes back.

#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod bot;
mod changes;
mod changing;
mod decode;
mod fake;
mod files;
mod keyboards;
mod live;
mod peer;
mod polling;
mod rates;
mod sending;
mod settings;
mod token;
mod webhook;
