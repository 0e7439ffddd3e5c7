//! What a raw update is to the inbox: the same whether it was polled or posted, so that switching between the two
//! loses nothing and doubles nothing.

use bytes::Bytes;
use tertulia::runner::Incoming;
use tertulia::storage::ItemId;
use tertulia::{Conversation, Result};

use crate::envelope::Envelope;
use crate::origin::Origin;
use crate::place::Place;

/// The update in these bytes, and Telegram's id of it if it has one. White space around it is left out.
///
/// # Errors
/// None that happen: a conversation can always be named.
pub(crate) fn incoming(origin: &Origin, raw: &[u8]) -> Result<(Option<i64>, Incoming)> {
    // A copy of its own: what came over the wire may be a small part of a large buffer.
    let body = Bytes::copy_from_slice(raw.trim_ascii());
    match Envelope::open(&body) {
        Ok(envelope) => {
            let id = envelope.id;
            // An id that no conversation can have must not hold up the updates behind it.
            let source = &origin.source;
            let alone = |_| Place::Update(id).conversation(source);
            let conversation = envelope.place().conversation(source).or_else(alone)?;
            let item = ItemId::Number(origin.ids.clone(), id);
            Ok((Some(id), Incoming { conversation, id: item, body, fault: None }))
        }
        Err(error) => {
            // Without an id of Telegram's the bytes themselves tell it from others.
            let hash = xxhash_rust::xxh3::xxh3_128(&body);
            let id = ItemId::Bytes(origin.ids.clone(), hash.to_be_bytes());
            let conversation = Conversation::new(&origin.source, &format!("unreadable:{hash:032x}"))?;
            Ok((None, Incoming { conversation, id, body, fault: Some(error.to_string()) }))
        }
    }
}
