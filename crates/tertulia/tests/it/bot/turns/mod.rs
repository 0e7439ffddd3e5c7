//! What a handler can do in the middle of its turn: ask, be steered, be cancelled, have results once, and run for several
//! updates.

mod ask;
mod bursts;
mod cancel;
mod crashes;
mod graphs;
mod live;
mod live_broken;
mod lost;
mod once;
mod refused;
mod steer;
mod streams;
mod torn;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tertulia::bot::{Bot, Running};
use tertulia::storage::{Batch, Memory, Storage};
use tertulia::{Conversation, Sessions};
use tertulia_testkit::Desk;

use crate::runner::support::{Fate, Faulty};

/// What a conversation was told, in order.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Chat {
    heard: Vec<String>,
}

fn memory() -> Arc<dyn Storage> {
    Arc::new(Memory::new())
}

/// Starts a bot at a desk over a storage.
async fn at_desk(storage: &Arc<dyn Storage>, bot: impl FnOnce(Bot) -> Bot) -> (Desk, Running) {
    let desk = Desk::new();
    let bot = bot(Bot::new(desk.clone()).storage(Arc::clone(storage)));
    (desk, bot.start().await.unwrap())
}

/// Submits what somebody says in the chat `7`.
async fn tell(bot: &Running, text: &str) {
    bot.door().intake.submit(Desk::update("desk:7", text).unwrap()).await.unwrap();
}

/// Waits a while: all that can go on by then does.
async fn pass() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

/// What was sent to the chat `7`.
fn sent(desk: &Desk) -> Vec<String> {
    desk.sent().into_iter().filter(|(chat, _)| chat == "7").map(|(_, text)| text).collect()
}

/// What the chat `7` has heard, as it is stored.
async fn heard(storage: &Arc<dyn Storage>) -> Vec<String> {
    let chats = Sessions::<Chat>::new(Arc::clone(storage), "chat").unwrap();
    let chat = chats.get(Conversation::new("desk", "7").unwrap()).await.unwrap();
    chat.into_inner().heard
}

/// A storage with this fate for the first batch that is picked.
fn at_first(fate: Fate, picked: fn(&Batch) -> bool) -> Arc<dyn Storage> {
    let met = AtomicUsize::new(0);
    Faulty::new(Memory::new(), move |batch| {
        if picked(batch) && met.fetch_add(1, Ordering::SeqCst) == 0 { fate } else { Fate::default() }
    })
}
