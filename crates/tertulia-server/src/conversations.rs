//! `tertulia conversations`: which conversations there are, and how much is kept of each.

use std::collections::BTreeMap;

use serde_json::json;
use tertulia::storage::{Head, ListQuery, Storage};
use tertulia::{Conversation, Key};

use crate::config::Config;
use crate::failure::Failure;
use crate::output;

/// What is kept of a conversation.
#[derive(Default)]
struct Kept {
    logs: u64,
    entries: u64,
    /// Of bases, and of entries since the base.
    bytes: u64,
}

pub(crate) async fn run(config: &Config, as_json: bool) -> Result<(), Failure> {
    let storage = config.storage.open_read_only().await?;
    let found = list(&*storage).await?;
    if as_json {
        let rows: Vec<_> = found
            .iter()
            .map(|(conversation, kept)| {
                json!({
                    "conversation": conversation.as_str(),
                    "shard": conversation.shard().0,
                    "logs": kept.logs,
                    "entries": kept.entries,
                    "bytes": kept.bytes,
                })
            })
            .collect();
        output::line(format_args!("{:#}", serde_json::Value::from(rows)));
        return Ok(());
    }
    let widest =
        found.keys().map(|conversation| conversation.as_str().chars().count()).max().unwrap_or(0).max(12);
    output::line(format_args!(
        "{:widest$}  {:>6}  {:>8}  {:>10}",
        "conversation", "logs", "entries", "bytes"
    ));
    for (conversation, Kept { logs, entries, bytes }) in &found {
        output::line(format_args!("{:widest$}  {logs:>6}  {entries:>8}  {bytes:>10}", conversation.as_str()));
    }
    Ok(())
}

async fn list(storage: &dyn Storage) -> tertulia::Result<BTreeMap<Conversation, Kept>> {
    let mut found: BTreeMap<Conversation, Kept> = BTreeMap::new();
    let mut query = ListQuery { not_empty: true, ..ListQuery::default() };
    loop {
        let page = storage.list(&query).await?;
        for listed in page.keys {
            let (Key::Log(conversation, _), Head::Log(head)) = (listed.key, listed.head) else { continue };
            let kept = found.entry(conversation).or_default();
            kept.logs += 1;
            kept.entries += head.end.0.saturating_sub(head.start.0);
            kept.bytes += head.base_len + head.entry_bytes;
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(found),
        }
    }
}
