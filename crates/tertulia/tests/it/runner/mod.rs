//! The runner without bot and sessions: raw updates in, batches out.

pub(super) mod support;

mod closed;
mod crash;
mod faults;
mod lazy;
mod limits;
mod order;
mod outbox;
mod panics;
mod parts;
mod retries;
mod seen;
mod stop;
mod time_limit;
mod two;
