//! HTTP as a client sees it: the routes over a running bot, and the server's limits.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails by panicking")]

mod access;
mod admin;
mod ai;
mod chat;
mod conversation;
mod elsewhere;
mod gate;
mod page;
mod refusals;
mod server;
mod sessions;
mod signed;
mod streams;
mod support;
mod webhook;
