//! Requests to keep updates: which are refused, what becomes of the others, and their answers.

use super::coming::Coming;
use super::{Inbox, MAX_UPDATES};
use crate::Error;
use crate::runner::Handler;
use crate::runner::format::RESERVED;
use crate::runner::intake::{Overflow, Updates};
use crate::storage::Full;

/// The most bytes of one commit, but for a single update.
const MAX_BYTES: usize = 8 << 20;

impl<H: Handler> Inbox<H> {
    /// Keeps the updates of these requests, by as many commits as it takes, and answers. Gives back those that were
    /// fetched and have no room.
    pub(super) async fn keep(&mut self, group: Vec<Updates>) -> Vec<Updates> {
        let mut stalled = Vec::new();
        for request in self.keep_together(group).await {
            // One shard that is full must not keep out what is of others.
            for request in self.keep_together(vec![request]).await {
                match request.overflow {
                    Overflow::Bury => stalled.push(request),
                    Overflow::Refuse => request.refuse(Error::unavailable("the inbox of its shard is full")),
                }
            }
        }
        if !stalled.is_empty() {
            tracing::warn!("an inbox is full, a source waits");
        }
        stalled
    }

    /// Keeps the updates of these requests and answers. Gives back those that are not all in, for want of room.
    async fn keep_together(&mut self, group: Vec<Updates>) -> Vec<Updates> {
        let (mut group, mut coming) = self.admit(group);
        let mut receipts = Vec::with_capacity(coming.len());
        let mut refused = None;
        while !coming.is_empty() {
            let room = self.core.index.room(coming.len()).await;
            let rest = coming.split_off(self.fitting(&coming, room));
            match self.commit(coming).await {
                Ok(more) => {
                    receipts.extend(more);
                    coming = rest;
                }
                Err((error, mut back)) => {
                    refused = Some(error);
                    back.extend(rest);
                    coming = back;
                    break;
                }
            }
        }
        let (mut receipts, mut left) = (receipts.into_iter(), coming.into_iter());
        let mut waiting = Vec::new();
        for (size, mut request) in group.drain(..) {
            let before = request.receipts.len();
            request.receipts.extend(receipts.by_ref().take(size));
            let missing = before + size - request.receipts.len();
            match &refused {
                _ if missing == 0 => request.accept(),
                Some(error) if error.detail::<Full>().is_none() => {
                    request.refuse(Error::new(error.kind(), error.to_string()));
                }
                _ => {
                    request.updates = left.by_ref().take(missing).map(Coming::back).collect();
                    waiting.push(request);
                }
            }
        }
        waiting
    }

    /// Takes the updates out of their requests, with how many each had, and refuses what is too much.
    fn admit(&self, group: Vec<Updates>) -> (Vec<(usize, Updates)>, Vec<Coming>) {
        let handler = &*self.core.handler;
        let mut requests = Vec::with_capacity(group.len());
        let mut coming: Vec<Coming> = Vec::with_capacity(MAX_UPDATES);
        for mut request in group {
            let updates = std::mem::take(&mut request.updates);
            requests.push((updates.len(), request));
            coming.extend(updates.into_iter().map(|update| Coming::new(handler, update)));
        }
        let crowded = self.core.index.crowded(coming.iter().map(Coming::newcomer));
        if !crowded.contains(&true) {
            return (requests, coming);
        }
        let mut all = coming.into_iter().zip(crowded).map(|(update, crowded)| Coming { crowded, ..update });
        let (mut admitted, mut coming) = (Vec::new(), Vec::new());
        for (size, request) in requests {
            let updates: Vec<Coming> = all.by_ref().take(size).collect();
            match updates.iter().find(|update| update.crowded) {
                Some(update) if request.overflow == Overflow::Refuse => {
                    self.core.meter.refused.increment(updates.len() as u64);
                    request.refuse(self.too_many(update));
                }
                _ => {
                    coming.extend(updates);
                    admitted.push((size, request));
                }
            }
        }
        (admitted, coming)
    }

    /// Why an update is one of too many.
    pub(super) fn too_many(&self, update: &Coming) -> Error {
        let (conversation, options) = (&update.about.conversation, &self.core.options);
        Error::unavailable(format!(
            "too many updates wait for {conversation}: at most {} with {} bytes together are taken",
            options.waiting, options.waiting_bytes
        ))
    }

    /// How many of these updates one commit takes, at least one.
    fn fitting(&self, updates: &[Coming], room: usize) -> usize {
        let limits = &self.core.limits;
        let most = room.min(limits.writes).max(1);
        let bytes = MAX_BYTES.min(limits.batch_bytes);
        let mut sum = 0;
        let fits = |update: &Coming| {
            sum += update.about.body.len() + RESERVED;
            sum <= bytes
        };
        updates.iter().take(most).map(fits).take_while(|fits| *fits).count().max(1)
    }
}
