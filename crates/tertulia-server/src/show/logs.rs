//! The logs of a conversation.

use std::sync::Arc;

use serde_json::{Value, json};
use tertulia::bot::answer::{self, Answer};
use tertulia::runner::SentRecord;
use tertulia::storage::{From, ItemId, ListQuery, LogPage, Page, Read, Storage};
use tertulia::stream::{self, Cursor, Limit, StreamId, Streams};
use tertulia::{Conversation, Error, Key, Name, Result, Sessions};
use tertulia_http::view::{readable, readable_record};

use super::readable::Readable;

/// Reads every log, with the last `entries` entries of each.
pub(super) async fn read(
    storage: &Arc<dyn Storage>,
    conversation: &Conversation,
    entries: usize,
) -> Result<Vec<Value>> {
    let mut names = Vec::new();
    let mut query = ListQuery {
        shard: Some(conversation.shard()),
        source: Some(conversation.source().into_owned()),
        not_empty: true,
        ..ListQuery::default()
    };
    loop {
        let page = storage.list(&query).await?;
        names.extend(page.keys.into_iter().filter_map(|listed| match listed.key {
            Key::Log(of, name) if of == *conversation => Some(name),
            _ => None,
        }));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    names.sort_unstable();
    let mut logs = Vec::with_capacity(names.len());
    for name in names {
        let key = Key::Log(conversation.clone(), name.clone());
        let read = Read::new(key).from(From::Last(entries)).limit(entries, 64 << 20);
        let page =
            storage.read(&[read]).await?.pop().ok_or_else(|| Error::internal("a read gave no page"))??;
        // It may have expired since it was listed.
        if let Some(page) = page.and_then(Page::into_log) {
            logs.push(show(storage, conversation, &name, &page, entries).await?);
        }
    }
    Ok(logs)
}

async fn show(
    storage: &Arc<dyn Storage>,
    conversation: &Conversation,
    name: &Name,
    page: &LogPage,
    entries: usize,
) -> Result<Value> {
    let head = page.head;
    let mut shown = json!({
        "name": name.as_str(),
        "version": head.etag.version,
        "incarnation": head.incarnation.to_string(),
        "start": head.start.0,
        "end": head.end.0,
        "expires_in_ms": head.expires_in.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
    });
    if let Some(base) = &page.base {
        shown["base"] = readable_record(base);
    }
    let listed = page.entries.iter().zip(page.first.0..);
    let listed = listed.map(|(entry, offset)| json!({ "offset": offset, "value": entry_value(name, entry) }));
    shown["entries"] = listed.collect();
    if let Some((what, value)) = meaning(storage, conversation, name, entries).await {
        // What the base says is shown, so its bytes need not be; nor need a stream's records.
        if page.base.is_some() {
            shown["base"] = json!({ "bytes": head.base_len });
        }
        if what == "stream" {
            shown["entries"] = json!({ "bytes": head.entry_bytes });
        }
        shown[what] = value;
    }
    Ok(shown)
}

fn entry_value(name: &Name, entry: &bytes::Bytes) -> Value {
    match SentRecord::decode(entry) {
        Ok(sent) if *name == tertulia::runner::SENT => {
            json!({ "ticket": super::queues::ticket(&sent.ticket), "message": sent.message })
        }
        _ => readable_record(entry),
    }
}

/// What a log of a known kind says as a whole; what cannot be read is shown as bytes only.
async fn meaning(
    storage: &Arc<dyn Storage>,
    conversation: &Conversation,
    name: &Name,
    entries: usize,
) -> Option<(&'static str, Value)> {
    let (kind, rest) = name.as_str().split_once('/')?;
    // The name of a session has no slash, the space of an id may have several.
    match (kind, rest.rsplit_once('/')) {
        ("session", None) => {
            let sessions = Sessions::<Readable>::new(Arc::clone(storage), rest).ok()?;
            let state = sessions.get(conversation.clone()).await.ok()?;
            Some(("state", state.into_inner().0))
        }
        ("stream", _) => {
            let stream = said(storage, conversation, rest, entries).await.ok()??;
            Some(("stream", stream))
        }
        ("answer", Some((space, id))) => {
            let answer = answer::read(&**storage, conversation, &item_id(space, id)?).await.ok()??;
            Some(match answer {
                Answer::Replies(replies) => ("replies", replies.into()),
                Answer::Cancelled => ("cancelled", true.into()),
                Answer::GivenUp => ("given_up", true.into()),
            })
        }
        _ => None,
    }
}

/// What a stream is, and the last things said in it.
async fn said(
    storage: &Arc<dyn Storage>,
    conversation: &Conversation,
    name: &str,
    entries: usize,
) -> Result<Option<Value>> {
    let id = StreamId::new(conversation.clone(), name)?;
    let Some(stream) = Streams::over(Arc::clone(storage)).get(&id).await? else { return Ok(None) };
    let info = stream.info().await?;
    let first = info.end.offset.saturating_sub(entries as u64).max(info.start.offset);
    let from = stream::From::At(Cursor { offset: first, ..info.end });
    let page = stream.peek(from, Limit { entries, bytes: 64 << 20 }).await?;
    let said =
        page.iter().map(|(cursor, entry)| json!({ "cursor": cursor.to_string(), "value": readable(&entry) }));
    Ok(Some(json!({
        "type": info.content_type,
        "closed": info.closed.map(|how| how.to_string()),
        "cancelled": info.cancelled,
        "attempt": info.attempt,
        "start": info.start.to_string(),
        "end": info.end.to_string(),
        "said": said.collect::<Vec<_>>(),
    })))
}

/// The id of an update, as the name of its answer writes it.
fn item_id(space: &str, id: &str) -> Option<ItemId> {
    let space = Name::new(space.to_owned()).ok()?;
    match u128::from_str_radix(id, 16) {
        Ok(bytes) if id.len() == 32 => Some(ItemId::Bytes(space, bytes.to_be_bytes())),
        _ => id.parse().ok().map(|number| ItemId::Number(space, number)),
    }
}
