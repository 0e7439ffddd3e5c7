//! What the storage has applied, noted beside it as it happens: what is told to the world is compared with this.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use tertulia::Key;
use tertulia::runner::{Call, DEAD, DeadRecord, INBOX, InboxRecord, OUTBOX, OutboxRecord};
use tertulia::storage::{Append, Appended, Batch, Committed, Offset, QueuePage, Write};

/// What is durable, and since when.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Updates that are or were in the inbox, or in `dead`.
    pub(super) kept: BTreeSet<usize>,
    /// Calls that are or were in the outbox, by what they say; those that show a live reply by their ticket.
    pub(super) calls: BTreeMap<String, Sendable>,
    /// Where each of them is.
    places: BTreeMap<(Key, Offset), String>,
    /// The updates of each conversation whose turns were applied, in that order.
    pub(super) turns: BTreeMap<Key, Vec<usize>>,
}

/// A call in the outbox.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sendable {
    /// When it left the outbox.
    pub(super) removed: Option<Duration>,
}

/// The log of a conversation to which each turn adds its update.
pub(super) const EVENTS: &str = "events";

impl Ledger {
    /// A batch was applied.
    pub(super) fn applied(&mut self, batch: &Batch, committed: &Committed, now: Duration) {
        let mut appended = committed.appended.iter();
        for write in &batch.writes {
            match write {
                Write::Queue(write) => {
                    for (append, appended) in write.append.iter().zip(appended.by_ref()) {
                        self.appended(&write.key, append, *appended);
                    }
                    for removal in &write.remove {
                        let text = self.places.remove(&(write.key.clone(), removal.offset));
                        if let Some(call) = text.and_then(|text| self.calls.get_mut(&text)) {
                            call.removed = Some(now);
                        }
                    }
                }
                Write::Log(write) if write.key.name().as_str() == EVENTS => {
                    let turns = self.turns.entry(write.key.clone()).or_default();
                    turns.extend(write.append.iter().filter_map(number));
                }
                Write::Log(_) => {}
            }
        }
    }

    /// A process was told what is in a queue, so that it is durable.
    pub(super) fn found(&mut self, key: &Key, page: &QueuePage) {
        for entry in &page.entries {
            self.keeps(key, entry.offset, &entry.bytes);
        }
    }

    fn appended(&mut self, key: &Key, append: &Append, appended: Appended) {
        // One that was seen is where it was put before, which is not told.
        let Appended::At(offset) = appended else {
            self.keeps_update(key, &append.bytes);
            return;
        };
        self.keeps(key, offset, &append.bytes);
    }

    fn keeps(&mut self, key: &Key, offset: Offset, bytes: &Bytes) {
        self.keeps_update(key, bytes);
        if *key.name() == OUTBOX
            && let Ok(record) = OutboxRecord::decode(bytes)
        {
            let text = match is_live(&record.call) {
                true => record.call.ticket.to_string(),
                false => text(&record.call.body),
            };
            self.places.entry((key.clone(), offset)).or_insert_with(|| text.clone());
            self.calls.entry(text).or_default();
        }
    }

    fn keeps_update(&mut self, key: &Key, bytes: &Bytes) {
        let body = if *key.name() == INBOX {
            InboxRecord::decode(bytes).ok().map(|record| record.body)
        } else if *key.name() == DEAD {
            DeadRecord::decode(bytes).ok().map(|record| record.body)
        } else {
            None
        };
        self.kept.extend(body.as_ref().and_then(number));
    }
}

/// Whether a call shows a live reply: it is made before its turn's end.
pub(super) fn is_live(call: &Call) -> bool {
    call.ticket.ordinal >= 1 << 31
}

/// An update's number, which is its body.
pub(super) fn number(body: &Bytes) -> Option<usize> {
    std::str::from_utf8(body).ok()?.parse().ok()
}

/// A body as text.
pub(super) fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}
