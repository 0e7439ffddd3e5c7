//! The webhook: which one is set, and its workers, which post to it.

mod delivery;
mod lanes;
mod post;
mod retry;
mod settings;
mod worker;

pub(super) use settings::Webhook;
pub(super) use worker::deliver;
