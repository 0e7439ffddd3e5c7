//! A bot that counts each chat's updates in its dialogue.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use futures_util::stream;
use measure::{Report, Run, Stopwatch};
use teloxide::dispatching::dialogue::{InMemStorage, InMemStorageError, Storage};
use teloxide::error_handlers::LoggingErrorHandler;
use teloxide::net::default_reqwest_settings;
use teloxide::prelude::*;
use teloxide::stop::mk_stop_token;
use teloxide::types::UpdateKind;
use teloxide::update_listeners::StatefulListener;

use crate::get_me;

/// A dialogue's state.
#[derive(Clone, Debug, Default)]
struct Counter {
    n: u64,
}

type Counters = InMemStorage<Counter>;

/// Runs the updates through a dispatcher, from its first look at the stream until its last worker is done.
pub(crate) async fn count(peer: &str, run: &Run) -> anyhow::Result<Report> {
    let updates = (0..run.updates).map(|id| update(run, id)).collect::<anyhow::Result<Vec<Update>>>()?;
    let storage = Counters::new();
    let sleep = run.sleep();
    let handler = Update::filter_message().enter_dialogue::<Message, Counters, Counter>().endpoint(
        move |dialogue: Dialogue<Counter, Counters>, counter: Counter| add_one(dialogue, counter, sleep),
    );
    let client = default_reqwest_settings().no_proxy().build().context("cannot make an HTTP client")?;
    let bot = Bot::with_client("1:bench", client).set_api_url(get_me::serve().await?.parse()?);
    let mut dispatcher =
        Dispatcher::builder(bot, handler).dependencies(dptree::deps![Arc::clone(&storage)]).build();

    let stopwatch = Arc::new(OnceLock::new());
    let started = Arc::clone(&stopwatch);
    let listener = StatefulListener::new(
        updates,
        move |updates: &mut Vec<Update>| {
            started.get_or_init(Stopwatch::start);
            stream::iter(std::mem::take(updates).into_iter().map(Ok::<_, Infallible>))
        },
        |_: &mut Vec<Update>| mk_stop_token().0,
    );
    dispatcher
        .try_dispatch_with_listener(listener, LoggingErrorHandler::new())
        .await
        .context("cannot start the dispatcher")?;
    let taken = stopwatch.get().context("the dispatcher did not take the stream")?.stop();

    let mut sum = 0;
    for chat in 0..run.chats {
        let counter = Arc::clone(&storage).get_dialogue(chat_id(chat)).await?;
        sum += counter.unwrap_or_default().n;
    }
    Ok(Report::new(peer, run, taken, sum))
}

async fn add_one(
    dialogue: Dialogue<Counter, Counters>,
    counter: Counter,
    sleep: Option<Duration>,
) -> Result<(), InMemStorageError> {
    if let Some(sleep) = sleep {
        tokio::time::sleep(sleep).await;
    }
    dialogue.update(Counter { n: counter.n + 1 }).await
}

/// A chat's id as Telegram would give it: never zero.
fn chat_id(chat: u64) -> ChatId {
    ChatId(chat as i64 + 1)
}

/// An update as long polling would have parsed it.
fn update(run: &Run, id: u64) -> anyhow::Result<Update> {
    let chat = chat_id(run.chat(id)).0;
    let json = serde_json::json!({
        "update_id": id,
        "message": {
            "message_id": id % 1_000_000 + 1,
            "date": 1_700_000_000,
            "chat": { "id": chat, "type": "private", "first_name": "Ana" },
            "from": { "id": chat, "is_bot": false, "first_name": "Ana" },
            "text": format!("message {id}"),
        },
    });
    let update: Update = serde_json::from_str(&json.to_string())?;
    // teloxide keeps what it cannot read as a kind of its own.
    anyhow::ensure!(
        matches!(update.kind, UpdateKind::Message(_)),
        "update {id} is not a message: {update:?}"
    );
    Ok(update)
}
