//! The runner without bot and sessions: raw updates in, batches out.

pub(super) mod support;

mod closed;
mod crash;
mod crowd;
mod dead;
mod failover;
mod faults;
mod found;
mod isolate;
mod lazy;
mod limits;
mod order;
mod outbox;
mod overload;
mod panics;
mod parked;
mod parking;
mod parts;
mod retries;
mod seen;
mod stop;
mod time_limit;
mod two;
mod watch;
