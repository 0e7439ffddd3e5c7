//! The real binary: started, talked to, stopped and killed.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails by panicking")]

mod chat;
mod config;
mod fake_telegram;
mod http;
mod inspect;
mod kill;
mod start;
mod stop;
mod support;
mod telegram;
mod torture;
mod webhook;
