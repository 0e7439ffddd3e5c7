//! `tertulia show <conversation>`: everything that is kept of a conversation, as JSON.

mod logs;
mod queues;
mod readable;
pub(crate) mod timeline;
mod words;

use serde_json::json;
use tertulia::Conversation;

use crate::config::Config;
use crate::failure::Failure;
use crate::output;

pub(crate) async fn run(config: &Config, conversation: &str, entries: usize) -> Result<(), Failure> {
    let conversation =
        Conversation::parse(conversation).map_err(|error| Failure::Usage(error.to_string()))?;
    let storage = config.storage.open_read_only().await?;
    let logs = logs::read(&storage, &conversation, entries).await?;
    let queues = queues::read(&*storage, &conversation).await?;
    if logs.is_empty() && queues.values().all(|entries| entries.as_array().is_some_and(Vec::is_empty)) {
        return Err(Failure::Run(format!("nothing is kept of {conversation}")));
    }
    let mut shown = json!({
        "conversation": conversation.as_str(),
        "shard": conversation.shard().0,
        "storage": storage.properties().name,
        "logs": logs,
    });
    if let Some(shown) = shown.as_object_mut() {
        shown.extend(queues);
    }
    output::line(format_args!("{shown:#}"));
    Ok(())
}
