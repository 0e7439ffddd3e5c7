//! What a raw update is to the inbox: the same whether it was polled or posted, so that switching between the two
//! loses nothing and doubles nothing.

use bytes::Bytes;
use tertulia::runner::Incoming;
use tertulia::storage::ItemId;
use tertulia::{Conversation, Name, Result};

use crate::NAME;
use crate::client::Client;
use crate::envelope::Envelope;
use crate::place::Place;

/// The space of a bot's update ids: one for each bot, since each counts by itself.
pub(crate) fn space(client: &Client) -> Name {
    let of_bot = client.bot().and_then(|bot| Name::new(format!("{NAME}/{bot}")).ok());
    of_bot.unwrap_or(const { Name::from_static(NAME) })
}

/// The update in these bytes, and Telegram's id of it if it has one. White space around it is left out.
///
/// # Errors
/// None that happen: a conversation can always be named.
pub(crate) fn incoming(space: &Name, raw: &[u8]) -> Result<(Option<i64>, Incoming)> {
    // A copy of its own: what came over the wire may be a small part of a large buffer.
    let body = Bytes::copy_from_slice(raw.trim_ascii());
    match Envelope::open(&body) {
        Ok(envelope) => {
            let id = envelope.id;
            // An id that no conversation can have must not hold up the updates behind it.
            let alone = |_| Place::Update(id).conversation();
            let conversation = envelope.place().conversation().or_else(alone)?;
            let item = ItemId::Number(space.clone(), id);
            Ok((Some(id), Incoming { conversation, id: item, body, fault: None }))
        }
        Err(error) => {
            // Without an id of Telegram's the bytes themselves tell it from others.
            let hash = xxhash_rust::xxh3::xxh3_128(&body);
            let id = ItemId::Bytes(space.clone(), hash.to_be_bytes());
            let conversation = Conversation::new(NAME, &format!("unreadable:{hash:032x}"))?;
            Ok((None, Incoming { conversation, id, body, fault: Some(error.to_string()) }))
        }
    }
}
