//! What is sent to the bot next: to which chats, how many, and when a kill is due.

use std::collections::HashMap;
use std::time::Duration;

use super::fake::Message;
use super::judge::{Judge, text};
use super::options::Torture;

/// A kill comes this long after the start at the earliest, in milliseconds.
const EARLIEST: u64 = 50;
/// The most messages that are pushed at once.
const MOST: u64 = 1000;

/// The plan of a torture. Kills and updates wait for each other, so that kills are spread over the updates.
#[derive(Debug)]
pub(super) struct Load {
    random: fastrand::Rng,
    chats: u32,
    updates: u64,
    kills: u64,
    /// How long after its start the bot is killed at the latest, in milliseconds.
    within: u64,
    rate: u64,
    backlog: u64,
    poison: u64,
    poisons: Vec<String>,
    /// Updates and poison so far.
    sent: u64,
    poisoned: u64,
    killed: u64,
    /// Until when updates were due, since the start.
    due: Duration,
}

impl Load {
    pub(super) fn new(options: &Torture, seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            chats: options.chats,
            updates: options.updates,
            kills: options.kills.into(),
            within: options.within,
            rate: options.rate.into(),
            backlog: options.backlog.into(),
            poison: options.poison.into(),
            poisons: options.poisons.clone(),
            sent: 0,
            poisoned: 0,
            killed: 0,
            due: Duration::ZERO,
        }
    }

    /// Whether all of it is sent and all kills are done.
    pub(super) fn is_over(&self) -> bool {
        self.is_sent() && self.killed == self.kills
    }

    pub(super) fn is_sent(&self) -> bool {
        self.sent == self.updates && self.poisoned == self.poison
    }

    pub(super) fn killed(&self) -> u64 {
        self.killed
    }

    /// How long the bot that was started now lives; `None` if it is killed no more.
    pub(super) fn lifetime(&mut self) -> Option<Duration> {
        (self.killed < self.kills).then(|| Duration::from_millis(self.random.u64(EARLIEST..=self.within)))
    }

    /// Whether enough was sent for the next kill; if so it is counted.
    pub(super) fn kill(&mut self) -> bool {
        let may = self.sent >= self.share(self.killed);
        self.killed += u64::from(may);
        may
    }

    /// How many updates are sent before this many kills.
    fn share(&self, kills: u64) -> u64 {
        self.updates * kills / (self.kills + 1)
    }

    /// What to send now, this long after the start.
    pub(super) fn next(&mut self, now: Duration, judge: &Judge) -> Vec<(Message, bool)> {
        let passed = now.saturating_sub(self.due);
        let offered =
            u64::try_from(passed.as_micros()).unwrap_or(u64::MAX).saturating_mul(self.rate) / 1_000_000;
        let room = self.backlog.saturating_sub(judge.expected());
        let until = self.share(self.killed + 1) - self.sent;
        let count = offered.min(room).min(until).min(MOST);
        // What the bot had no room for, or a kill held back, is not made up for.
        self.due += Duration::from_micros(offered.saturating_mul(1_000_000) / self.rate);
        let mut messages = Vec::new();
        let mut next: HashMap<u32, u32> = HashMap::new();
        for _ in 0..count {
            self.sent += 1;
            let chat = self.random.u32(0..self.chats);
            let number = next.entry(chat).or_insert_with(|| judge.next(chat));
            messages.push((Message { chat: id(chat), text: text(*number) }, false));
            *number += 1;
            // As many poisons are due as their share of the updates.
            if self.poisoned < self.poison * self.sent / self.updates {
                messages.push((Message { chat: id(chat), text: self.poison() }, true));
            }
        }
        messages
    }

    fn poison(&mut self) -> String {
        let kinds = self.poisons.len().max(1) as u64;
        let kind = usize::try_from(self.poisoned % kinds).ok().and_then(|kind| self.poisons.get(kind));
        self.poisoned += 1;
        format!("{} {}", kind.map_or("/error", String::as_str), self.poisoned)
    }
}

/// A chat's id at Telegram: 0 is none.
pub(super) fn id(chat: u32) -> u32 {
    chat + 1
}

#[cfg(test)]
#[path = "load/tests.rs"]
mod tests;
