//! The platform: it has updates for who asks, as long polling does, knows which were acknowledged, and what was said.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::runner::Incoming;
use tertulia::storage::ItemId;
use tertulia::{Conversation, Name};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::figures::Counters;
use super::life::Life;
use super::plan::Kind;
use super::wall::Wall;
use super::world::World;

/// What the platform knows.
#[derive(Debug, Default)]
pub(super) struct Platform {
    polled: Mutex<Polled>,
    more: Notify,
    /// Updates whose client was told that they were taken.
    pushed: Mutex<BTreeSet<usize>>,
    received: Mutex<Received>,
    /// What is shown of live replies.
    pub(super) walls: Mutex<BTreeMap<Conversation, Wall>>,
}

/// Updates for who asks.
#[derive(Debug, Default)]
struct Polled {
    /// All that were written, oldest first.
    written: Vec<usize>,
    /// How many of them are confirmed, which are not given again.
    confirmed: usize,
}

/// What was said to people.
#[derive(Debug, Default)]
pub(super) struct Received {
    /// Each text, with the process that said it and whether that was told so.
    said: BTreeMap<String, Vec<(usize, bool)>>,
    /// What each conversation got for the first time, in that order.
    pub(super) first: BTreeMap<Conversation, Vec<String>>,
}

impl Platform {
    /// Somebody writes what is asked for.
    pub(super) fn write(&self, number: usize) {
        self.polled.lock().written.push(number);
        self.more.notify_waiters();
    }

    /// Waits for updates that are not confirmed, at `offset` or later; after 5 s there may be none. Gives where the
    /// first of them is.
    pub(super) async fn poll(&self, offset: Option<usize>, limit: usize) -> (usize, Vec<usize>) {
        let end = Instant::now() + Duration::from_secs(5);
        loop {
            let more = self.more.notified();
            {
                let polled = self.polled.lock();
                let from = offset.unwrap_or(0).max(polled.confirmed);
                let given: Vec<_> = polled.written[from..].iter().take(limit).copied().collect();
                if !given.is_empty() || Instant::now() >= end {
                    return (from, given);
                }
            }
            // Woken or not, it looks again.
            let _ = tokio::time::timeout_at(end, more).await;
        }
    }

    /// Whoever brought an update was told that it was taken: it must be kept.
    pub(super) fn taken(&self, world: &World, number: usize) {
        world.trace.note(|| format!("client: {number} is acknowledged"));
        self.pushed.lock().insert(number);
        check_kept(world, number);
    }

    /// All before `offset` are confirmed: they must be kept.
    pub(super) fn confirm(&self, world: &World, offset: usize) {
        let confirmed: Vec<usize> = {
            let mut polled = self.polled.lock();
            let before = polled.confirmed;
            polled.confirmed = before.max(offset);
            let after = polled.confirmed;
            polled.written[before..after].to_vec()
        };
        if !confirmed.is_empty() {
            world.trace.note(|| format!("platform: {confirmed:?} are confirmed"));
        }
        confirmed.into_iter().for_each(|number| check_kept(world, number));
    }

    /// Whether an update was acknowledged.
    pub(super) fn is_taken(&self, number: usize) -> bool {
        let polled = self.polled.lock();
        polled.written[..polled.confirmed].contains(&number) || self.pushed.lock().contains(&number)
    }

    pub(super) fn is_all_taken(&self, world: &World) -> bool {
        self.polled.lock().confirmed + self.pushed.lock().len() == world.plan.updates.len()
    }

    pub(super) fn received(&self) -> BTreeMap<Conversation, Vec<String>> {
        self.received.lock().first.clone()
    }

    /// A call arrives.
    pub(super) fn receive(&self, world: &World, life: &Life, conversation: &Conversation, text: &str) {
        world.trace.note(|| format!("platform: p{} says {text} in {conversation}", life.number));
        let call = world.ledger.lock().calls.get(text).copied();
        let is_kept = !world.plan.sabotage.fails_over();
        if call.is_none() && is_kept {
            world.violation(|| format!("{text} was said before its turn was committed"));
        }
        let mut received = self.received.lock();
        let said = received.said.entry(text.to_owned()).or_default();
        let is_first = said.is_empty();
        for (other, was_told) in &*said {
            let removed = call.and_then(|call| call.removed);
            if *other == life.number && *was_told && is_kept {
                world.violation(|| format!("{text} was said again by a process that knew that it had been"));
            } else if *other != life.number && is_kept && removed.is_some_and(|removed| removed < life.born) {
                world.violation(|| format!("{text} was said again although it had left the outbox"));
            }
        }
        said.push((life.number, false));
        if !is_first {
            Counters::add(&world.counters.repeats);
            return;
        }
        let first = received.first.entry(conversation.clone()).or_default();
        let place = |text: &str| text.split(':').nth(1).map(str::to_owned);
        if !world.is_overlapped()
            && is_kept
            && let Some(last) = first.last()
            && place(last) >= place(text)
        {
            world.violation(|| format!("{text} was said after {last}"));
        }
        first.push(text.to_owned());
    }

    /// The process knows that its call has arrived.
    pub(super) fn told(&self, life: &Life, text: &str) {
        let mut received = self.received.lock();
        let said = received.said.get_mut(text).into_iter().flatten();
        said.filter(|(by, _)| *by == life.number).for_each(|(_, was_told)| *was_told = true);
    }
}

fn check_kept(world: &World, number: usize) {
    if !world.plan.sabotage.fails_over() && !world.ledger.lock().kept.contains(&number) {
        world.violation(|| format!("{number} was acknowledged and is not kept"));
    }
}

/// An update as its source gives it.
pub(super) fn incoming(world: &World, number: usize) -> Incoming {
    let written = &world.plan.updates[number];
    let id = if written.is_polled() {
        ItemId::Number(Name::from_static("poll"), 7_000 + i64::try_from(number).unwrap_or(i64::MAX))
    } else {
        ItemId::Bytes(Name::from_static("push"), (number as u128).to_be_bytes())
    };
    let fault = (written.kind == Kind::Fault).then(|| "a planned fault".to_owned());
    Incoming { conversation: written.conversation.clone(), id, body: number.to_string().into(), fault }
}

/// What the reply `nth` of an update says; of one conversation, later ones are greater.
pub(super) fn reply(world: &World, number: usize, nth: u8) -> String {
    format!("{number}:{:04}/{nth}", world.plan.updates[number].n)
}
