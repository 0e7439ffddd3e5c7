//! The fake Bot API server behaves as Telegram's does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails by panicking")]

mod calls;
mod control;
mod faults;
mod limits;
mod polling;
mod rig;
mod webhook;
