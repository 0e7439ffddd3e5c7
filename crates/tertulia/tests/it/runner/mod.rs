//! The runner without bot and sessions: raw updates in, batches out.

mod support;

mod order;
