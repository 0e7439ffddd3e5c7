//! The journal of a conversation: what is kept of its turns, and what can be done with it.

mod forks;
mod kept;
mod replays;
mod timelines;
mod trimmed;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tertulia::bot::{Bot, Running};
use tertulia::runner::Journal;
use tertulia::runner::journal::{self, JournalRecord};
use tertulia::storage::{Memory, Storage};
use tertulia::{Conversation, Log};
use tertulia_testkit::Desk;

/// What a bot knows of a chat.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Chat {
    count: u64,
    said: Log<String>,
}

/// What it knows of a user.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Person {
    seen: u64,
}

fn memory() -> Arc<dyn Storage> {
    Arc::new(Memory::new())
}

fn seven() -> Conversation {
    Conversation::new("desk", "7").unwrap()
}

/// Starts a bot with a journal over a storage.
async fn started(storage: &Arc<dyn Storage>, journal: Journal, bot: Bot) -> Running {
    bot.storage(Arc::clone(storage)).journal(journal).start().await.unwrap()
}

/// Submits what somebody says in a chat and waits until it is done.
async fn tell(bot: &Running, chat: &str, text: &str) {
    let update = Desk::update(Conversation::new("desk", chat).unwrap(), text).unwrap();
    bot.door().intake.submit(update).await.unwrap();
    pass().await;
}

/// Waits a while: all that can go on by then does.
async fn pass() {
    tokio::time::sleep(Duration::from_secs(10)).await;
}

async fn turns_of(storage: &Arc<dyn Storage>, conversation: &Conversation) -> Vec<(u64, JournalRecord)> {
    journal::read(&**storage, conversation).all().await.unwrap()
}

/// The turns of the chat `7`.
async fn turns(storage: &Arc<dyn Storage>) -> Vec<JournalRecord> {
    turns_of(storage, &seven()).await.into_iter().map(|(_, record)| record).collect()
}

/// The texts of bodies.
fn texts<'a>(bodies: impl IntoIterator<Item = &'a bytes::Bytes>) -> Vec<String> {
    bodies.into_iter().map(|body| String::from_utf8(body.to_vec()).unwrap()).collect()
}
