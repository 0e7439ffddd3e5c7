//! What the bugs that are built in do to a batch on its way to the storage.

use bytes::Bytes;
use fastrand::Rng;
use parking_lot::Mutex;
use tertulia::Name;
use tertulia::runner::{INBOX, InboxRecord, OUTBOX, OutboxRecord};
use tertulia::storage::{Batch, Expect, ItemId, Revision, Which, Write};

use super::sabotage::Sabotage;

/// Does to a batch what this bug does, if it is one that spoils batches.
pub(super) fn spoil(sabotage: Sabotage, rng: &Mutex<Rng>, batch: &mut Batch) {
    for write in &mut batch.writes {
        match (sabotage, write) {
            (Sabotage::DedupeOff, Write::Queue(write)) if *write.key.name() == INBOX => {
                for append in &mut write.append {
                    let number = rng.lock().i64(..);
                    append.id = Some(ItemId::Number(Name::from_static("spoilt"), number));
                }
            }
            (Sabotage::StepsForgotten, Write::Queue(write)) if *write.key.name() == OUTBOX => {
                write.replace.iter_mut().for_each(|(.., record)| *record = without_steps(record));
            }
            (Sabotage::EarlyForgotten, Write::Queue(write)) if *write.key.name() == INBOX => {
                write.replace.iter_mut().for_each(|(.., record)| *record = without_early(record));
            }
            (Sabotage::CasOff, Write::Log(write)) => write.expect = Expect::Any,
            (Sabotage::FenceOff, Write::Queue(write)) => {
                for removal in &mut write.remove {
                    if let Which::Expected(Revision(by)) = removal.which {
                        removal.which = Which::Born(by);
                    }
                }
            }
            _ => {}
        }
    }
}

/// A call's record that names none of the messages that show it: there are only the commas between them.
fn without_steps(record: &Bytes) -> Bytes {
    let steps = OutboxRecord::decode(record).ok().and_then(|record| record.steps).unwrap_or_default();
    let at = record.windows(steps.len().max(1)).position(|bytes| bytes == steps.as_bytes());
    let mut spoilt = record.to_vec();
    if let Some(at) = at {
        spoilt[at..at + steps.len()].fill(b',');
    }
    spoilt.into()
}

/// An update's record that names other calls than were made early: the numbers stand before the conversation.
fn without_early(record: &Bytes) -> Bytes {
    let mut spoilt = record.to_vec();
    if let Ok(InboxRecord { conversation, released, body, .. }) = InboxRecord::decode(record) {
        let end = record.len() - body.len() - conversation.as_str().len() - 2;
        spoilt[end - 2 * released.early.len()..end].fill(0xFF);
    }
    spoilt.into()
}
