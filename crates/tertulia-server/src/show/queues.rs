//! The entries of a conversation in the queues of its shard.

use serde_json::{Map, Value, json};
use tertulia::runner::{
    CallState, DEAD, DeadKind, DeadRecord, Delivery, INBOX, InboxRecord, Mark, OUTBOX, OutboxRecord, Ticket,
};
use tertulia::storage::{From, Offset, Page, QueueEntry, Read, Storage};
use tertulia::{Conversation, Error, Key, Result};
use tertulia_http::view::readable;

/// Reads the inbox, the outbox and the dead letters.
pub(super) async fn read(storage: &dyn Storage, conversation: &Conversation) -> Result<Map<String, Value>> {
    let mut shown = Map::new();
    for name in [INBOX, OUTBOX, DEAD] {
        let key = Key::Queue(conversation.shard(), name.clone());
        let mut found = Vec::new();
        let mut from = From::Start;
        loop {
            let read = Read::new(key.clone()).from(from);
            let page = storage.read(&[read]).await?.pop();
            let page = page.ok_or_else(|| Error::internal("a read gave no page"))??;
            let Some(page) = page.and_then(Page::into_queue) else { break };
            let Some(last) = page.entries.last().map(|entry| entry.offset) else { break };
            found.extend(page.entries.iter().filter_map(|entry| show(name.as_str(), conversation, entry)));
            from = From::At(page.head.incarnation, Offset(last.0 + 1));
        }
        shown.insert(name.as_str().to_owned(), found.into());
    }
    Ok(shown)
}

/// An entry, if it is of the conversation.
fn show(queue: &str, conversation: &Conversation, entry: &QueueEntry) -> Option<Value> {
    let (of, mut shown) = match queue {
        "inbox" => {
            let record = InboxRecord::decode(&entry.bytes).ok()?;
            let shown = json!({
                "arrived_ms": record.arrived.0,
                "attempts": record.attempts,
                "not_before_ms": record.not_before.0,
                "parked": match &record.mark {
                    Mark::Parked(why) => Some(why),
                    Mark::None | Mark::Begun(_) => None,
                },
                "body": readable(&record.body),
            });
            (record.conversation, shown)
        }
        "outbox" => {
            let OutboxRecord { made, call, deadline, delivery, state, .. } =
                OutboxRecord::decode(&entry.bytes).ok()?;
            let shown = json!({
                "made_ms": made.0,
                "deadline_ms": deadline.0,
                "at_most_once": delivery == Delivery::AtMostOnce,
                "perhaps_made": matches!(state, CallState::Sending(_)),
                "ticket": ticket(&call.ticket),
                "body": readable(&call.body),
            });
            (call.conversation, shown)
        }
        _ => {
            let record = DeadRecord::decode(&entry.bytes).ok()?;
            let shown = json!({
                "died_ms": record.died.0,
                "attempts": record.attempts,
                "what": match record.what {
                    DeadKind::Update => "update",
                    DeadKind::Call(_) => "call",
                },
                "error": record.error,
                "body": readable(&record.body),
            });
            (record.conversation, shown)
        }
    };
    shown["offset"] = entry.offset.0.into();
    shown["id"] = entry.id.as_ref().map(ToString::to_string).into();
    (of == *conversation).then_some(shown)
}

/// What made a call.
pub(super) fn ticket(ticket: &Ticket) -> Value {
    json!({ "update": ticket.update.to_string(), "ordinal": ticket.ordinal })
}
