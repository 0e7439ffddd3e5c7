//! The real binary: started, talked to, stopped and killed.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails by panicking")]

mod access;
mod admin;
mod agent;
mod ai_sdk;
mod browser;
mod chat;
mod config;
mod fake_telegram;
mod handler;
mod http;
mod inspect;
mod journal;
mod kill;
mod live;
mod metrics;
#[cfg(target_os = "linux")]
mod overload;
mod poison;
mod sessions;
mod start;
mod stop;
mod stored;
mod stores;
mod stream_restart;
mod streams;
mod support;
mod telegram;
mod torture;
mod transfer;
mod turns;
mod webhook;
