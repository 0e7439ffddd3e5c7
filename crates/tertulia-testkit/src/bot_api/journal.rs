//! What happened, in order: all that was handed out, confirmed and received.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

/// What happened, the last entries of it.
#[derive(Debug)]
pub struct Journal {
    entries: VecDeque<Entry>,
    /// How many entries came before the first that is kept.
    forgotten: u64,
    most: usize,
    summary: Summary,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// When, in milliseconds since the server's start.
    pub at: u64,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// What can happen. `heard` is false if the connection was cut before the answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields have Telegram's names")]
pub enum Event {
    /// A client connected; connections are numbered from 1.
    Connected { connection: u32 },
    /// An update was pushed.
    Pushed { update: i32, chat: i64 },
    /// Updates were asked for; polls are numbered from 1.
    Polled { poll: u32, offset: i32, limit: usize, timeout: u64 },
    /// An update was given to a poll.
    Given { update: i32, poll: u32, again: bool, heard: bool },
    /// A poll was ended with a conflict.
    Conflict { poll: u32 },
    /// An update was sent to the webhook; posts are numbered from 1.
    Posted { update: i32, post: u32 },
    /// The webhook answered, or did not: 0.
    Answered { update: i32, post: u32, status: u16 },
    /// An update was confirmed, by the poll or the post with this number.
    Confirmed { update: i32, by: u32 },
    /// An update became too old, or was thrown away with `drop_pending_updates`.
    Dropped { update: i32 },
    /// A message was sent, over the connection of this number.
    Sent { chat: i64, message: i32, text: Box<str>, connection: u32, heard: bool },
    /// A message was edited.
    Edited { chat: i64, message: i32, text: Box<str>, heard: bool },
    /// Another method was called.
    Called { method: &'static str, chat: Option<i64>, heard: bool },
    /// A call was refused.
    Refused { method: &'static str, chat: Option<i64>, status: u16 },
    /// The webhook was set, or deleted by somebody or by itself.
    Webhook { set: bool },
}

/// How often what happened, all entries counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each field counts the event of its name")]
pub struct Summary {
    pub connected: u64,
    pub pushed: u64,
    pub polled: u64,
    pub given: u64,
    pub conflicts: u64,
    pub posted: u64,
    pub confirmed: u64,
    pub dropped: u64,
    pub sent: u64,
    pub edited: u64,
    pub called: u64,
    pub refused: u64,
    /// How many updates wait now.
    pub waiting: u64,
    /// How many entries there were.
    pub entries: u64,
}

impl Journal {
    pub(super) fn new(most: usize) -> Self {
        Self { entries: VecDeque::new(), forgotten: 0, most: most.max(1), summary: Summary::default() }
    }

    pub(super) fn write(&mut self, at: Duration, event: Event) {
        self.summary.count(&event);
        if self.entries.len() == self.most {
            self.entries.pop_front();
            self.forgotten += 1;
        }
        let at = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        self.entries.push_back(Entry { at, event });
    }

    /// What is kept, from the first entry to the last.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Entries behind the first `number` of all there were, each with its own number, which begins at 1. If some of
    /// them are kept no more, the first number tells.
    pub fn after(&self, number: u64) -> impl Iterator<Item = (u64, &Entry)> {
        let skipped = number.saturating_sub(self.forgotten);
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX).min(self.entries.len());
        let first = self.forgotten + skipped as u64 + 1;
        (first..).zip(self.entries.range(skipped..))
    }

    /// What happened, without when.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.entries.iter().map(|entry| &entry.event)
    }

    /// The texts that were sent to a chat, in order.
    pub fn sent(&self, chat: i64) -> Vec<&str> {
        let text = |event| match event {
            &Event::Sent { chat: to, ref text, .. } if to == chat => Some(text.as_ref()),
            _ => None,
        };
        self.events().filter_map(text).collect()
    }

    /// What the messages of a chat say after all edits, in the order in which they were sent; what was deleted since is
    /// among them.
    pub fn shown(&self, chat: i64) -> Vec<&str> {
        let mut shown: Vec<(i32, &str)> = Vec::new();
        for event in self.events() {
            match event {
                Event::Sent { chat: to, message, text, .. } if *to == chat => shown.push((*message, text)),
                Event::Edited { chat: to, message, text, .. } if *to == chat => {
                    shown.iter_mut().filter(|(id, _)| id == message).for_each(|(_, says)| *says = text);
                }
                _ => {}
            }
        }
        shown.into_iter().map(|(_, says)| says).collect()
    }

    /// How often what happened.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }
}

impl Summary {
    fn count(&mut self, event: &Event) {
        self.entries += 1;
        let counter = match event {
            Event::Connected { .. } => &mut self.connected,
            Event::Pushed { .. } => {
                self.waiting += 1;
                &mut self.pushed
            }
            Event::Polled { .. } => &mut self.polled,
            Event::Given { .. } => &mut self.given,
            Event::Conflict { .. } => &mut self.conflicts,
            Event::Posted { .. } => &mut self.posted,
            Event::Confirmed { .. } => {
                self.waiting -= 1;
                &mut self.confirmed
            }
            Event::Dropped { .. } => {
                self.waiting -= 1;
                &mut self.dropped
            }
            Event::Sent { .. } => &mut self.sent,
            Event::Edited { .. } => &mut self.edited,
            Event::Called { .. } => &mut self.called,
            Event::Refused { .. } => &mut self.refused,
            Event::Answered { .. } | Event::Webhook { .. } => return,
        };
        *counter += 1;
    }
}

impl Event {
    /// The name it has in JSON.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Connected { .. } => "connected",
            Self::Pushed { .. } => "pushed",
            Self::Polled { .. } => "polled",
            Self::Given { .. } => "given",
            Self::Conflict { .. } => "conflict",
            Self::Posted { .. } => "posted",
            Self::Answered { .. } => "answered",
            Self::Confirmed { .. } => "confirmed",
            Self::Dropped { .. } => "dropped",
            Self::Sent { .. } => "sent",
            Self::Edited { .. } => "edited",
            Self::Called { .. } => "called",
            Self::Refused { .. } => "refused",
            Self::Webhook { .. } => "webhook",
        }
    }
}
