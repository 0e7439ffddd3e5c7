//! How a fake server is set up.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::limits::Rate;

/// How a [`BotApi`](super::BotApi) is set up. The defaults are Telegram's own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Where to listen: a free port of 127.0.0.1.
    pub listen: SocketAddr,
    /// The one token that is taken; any that looks like one if `None`.
    pub token: Option<String>,
    /// The id of the first update: 1.
    pub first_update: i32,
    /// What the random numbers are made from: faults, ids and the longest waits of a webhook.
    pub seed: u64,
    /// Whether time stands still but for [`BotApi::advance`](super::BotApi::advance).
    pub frozen: bool,
    /// How many updates may wait; more are dropped: 100,000.
    pub pending: usize,
    /// For how long there must be no update, so that the next one's id is random: a week.
    pub idle: Duration,
    /// By how much the waits of a webhook's retries are multiplied: 1.
    pub retry_scale: f64,
    /// How many messages a chat may get.
    pub per_chat: Option<Rate>,
    /// How many messages all chats may get together.
    pub in_all: Option<Rate>,
    /// How many entries the journal keeps, the last ones: 2,500,000, which is some 150 MB.
    pub journal: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            token: None,
            first_update: 1,
            seed: 0,
            frozen: false,
            pending: 100_000,
            idle: Duration::from_secs(7 * 24 * 3600),
            retry_scale: 1.0,
            per_chat: None,
            in_all: None,
            journal: 2_500_000,
        }
    }
}
