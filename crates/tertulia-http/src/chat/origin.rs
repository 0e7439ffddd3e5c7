//! What a conversation was forked from: a log of its own, which is nothing but a base.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tertulia::storage::{Batch, CommitId, Expect, Expire, LogWrite, Read, Storage, Write};
use tertulia::{Clock, Conversation, Error, Key, Name, Result};

use super::journal::log;

/// The version this program writes.
const VERSION: u8 = 1;
/// How long it is kept: as long as the journal that it points into.
const KEPT: Duration = Duration::from_hours(24 * 14);

/// Where a conversation was before it was forked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// The id of the conversation, as in `/v1/chat/{id}`.
    pub(super) id: String,
    /// The turn it was forked before; absent if it was forked as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<u64>,
}

fn key(conversation: &Conversation) -> Key {
    Key::Log(conversation.clone(), Name::from_static("origin"))
}

/// What the conversation was forked from, if it was.
///
/// # Errors
/// `Corrupt` if that cannot be read; what the storage gives.
pub(super) async fn read(storage: &dyn Storage, conversation: &Conversation) -> Result<Option<Origin>> {
    let page = log(storage, Read::new(key(conversation))).await?;
    page.and_then(|page| page.base).map(|base| decode(&base)).transpose()
}

/// Notes what a new conversation is forked from.
///
/// # Errors
/// `Conflict` if something is noted; what the storage gives.
pub(super) async fn write(
    storage: &dyn Storage,
    clock: &Clock,
    conversation: &Conversation,
    origin: &Origin,
) -> Result<()> {
    let write = LogWrite::new(key(conversation)).expect(Expect::Absent);
    let write = write.base(encode(origin)).expire(Expire::After(KEPT));
    storage.commit(Batch::new(CommitId(clock.random()), vec![Write::Log(write)])).await.map(drop)
}

fn encode(origin: &Origin) -> Bytes {
    let mut out = vec![VERSION];
    serde_json::to_writer(&mut out, origin).expect("texts and numbers can be written");
    out.into()
}

fn decode(base: &[u8]) -> Result<Origin> {
    let wrong = || Error::corrupt("not the origin of a conversation, of a version this program reads");
    let body = base.strip_prefix(&[VERSION]).ok_or_else(wrong)?;
    serde_json::from_slice(body).map_err(|cause| wrong().with_source(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_earlier_versions_wrote() {
        let base = b"\x01{\"id\":\"alice\",\"before\":3}";
        let origin = Origin { id: "alice".into(), before: Some(3) };
        assert_eq!(decode(base).unwrap(), origin);
        assert_eq!(encode(&origin)[..], base[..]);
        assert_eq!(decode(b"\x02{}").unwrap_err().kind(), tertulia::error::Kind::Corrupt);
    }
}
