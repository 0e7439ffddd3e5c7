//! Too many requests: limits that hold always, and refusals that a test asks for.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tertulia::Timestamp;

/// How many messages there may be in how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: usize,
    /// In how long.
    pub within: Duration,
}

/// Refuses calls with a 429.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Refuse {
    /// The chat whose calls are refused; every call of the bot if `None`.
    pub chat: Option<i64>,
    /// The method that is refused, such as `sendMessage`; every method if `None`.
    pub method: Option<String>,
    /// For how many seconds the bot is told to wait. Nothing keeps it from calling earlier.
    pub retry_after: u64,
    /// How many calls are refused.
    pub times: usize,
}

impl Refuse {
    /// Refuses the next call.
    pub fn once(retry_after: u64) -> Self {
        Self { chat: None, method: None, retry_after, times: 1 }
    }

    /// Refuses this chat's calls alone.
    #[must_use]
    pub fn chat(self, chat: i64) -> Self {
        Self { chat: Some(chat), ..self }
    }

    /// Refuses this method alone.
    #[must_use]
    pub fn method(self, method: &str) -> Self {
        Self { method: Some(method.to_owned()), ..self }
    }

    /// Refuses so many calls.
    #[must_use]
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }
}

/// Who may call now.
#[derive(Debug)]
pub(super) struct Limits {
    per_chat: Option<Rate>,
    in_all: Option<Rate>,
    /// When the last messages were sent, to each chat and in all; no more of each than its rate counts.
    chats: HashMap<i64, VecDeque<Timestamp>>,
    all: VecDeque<Timestamp>,
    asked: Vec<Refuse>,
}

impl Limits {
    pub(super) fn new(per_chat: Option<Rate>, in_all: Option<Rate>) -> Self {
        Self { per_chat, in_all, chats: HashMap::new(), all: VecDeque::new(), asked: Vec::new() }
    }

    pub(super) fn ask(&mut self, refuse: Refuse) {
        self.asked.push(refuse);
    }

    /// How many seconds a call is told to wait because somebody asked for that.
    pub(super) fn refused(&mut self, method: &str, chat: Option<i64>) -> Option<u64> {
        let matches = |refuse: &Refuse| {
            refuse.times > 0
                && refuse.chat.is_none_or(|only| chat == Some(only))
                && refuse.method.as_ref().is_none_or(|only| only.eq_ignore_ascii_case(method))
        };
        let refuse = self.asked.iter_mut().find(|refuse| matches(refuse))?;
        refuse.times -= 1;
        let wait = refuse.retry_after;
        self.asked.retain(|refuse| refuse.times > 0);
        Some(wait)
    }

    /// Counts a message; says instead how many seconds to wait if there were too many.
    pub(super) fn count(&mut self, chat: i64, now: Timestamp) -> Result<(), u64> {
        if let Some(rate) = self.in_all {
            check(&mut self.all, rate, now)?;
        }
        if let Some(rate) = self.per_chat {
            let sent = self.chats.entry(chat).or_default();
            check(sent, rate, now)?;
            sent.push_back(now);
        }
        if self.in_all.is_some() {
            self.all.push_back(now);
        }
        Ok(())
    }
}

fn check(sent: &mut VecDeque<Timestamp>, rate: Rate, now: Timestamp) -> Result<(), u64> {
    while sent.front().is_some_and(|first| now.since(*first) >= rate.within) {
        sent.pop_front();
    }
    match sent.front() {
        Some(first) if sent.len() >= rate.count => {
            let left = first.after(rate.within).since(now);
            Err(left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
        }
        _ => Ok(()),
    }
}
