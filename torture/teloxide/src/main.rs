//! teloxide's bot for the torture: counts each chat's messages in a dialogue and echoes them.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool};
use teloxide::dispatching::dialogue::SqliteStorage;
use teloxide::dispatching::dialogue::serializer::Json;
use teloxide::prelude::*;

/// A dialogue's state.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Chat {
    messages: u64,
}

type Chats = SqliteStorage<Json>;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    pretty_env_logger::formatted_builder().filter_level(log::LevelFilter::Info).init();
    let bot = Bot::new(std::env::var("TELEGRAM_BOT_TOKEN")?)
        .set_api_url(std::env::var("TELEGRAM_API_URL")?.parse()?);
    let file = Path::new(&std::env::var("TORTURE_DIR")?).join("bot.db");
    // The storage takes the journal as it finds it; by itself it would be a slower one.
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    SqlitePool::connect_with(options.journal_mode(SqliteJournalMode::Wal)).await?.close().await;
    let chats = SqliteStorage::open(&file.display().to_string(), Json).await?;
    let handler = Update::filter_message().enter_dialogue::<Message, Chats, Chat>().endpoint(echo);
    Dispatcher::builder(bot, handler)
        .dependencies(dptree::deps![chats])
        .enable_ctrlc_handler()
        .build()
        .dispatch()
        .await;
    Ok(())
}

/// Answers and then keeps, as teloxide's examples do.
async fn echo(bot: Bot, dialogue: Dialogue<Chat, Chats>, chat: Chat, message: Message) -> anyhow::Result<()> {
    let messages = chat.messages + 1;
    let text = message.text().unwrap_or_default();
    bot.send_message(message.chat.id, format!("{messages} {text}")).await?;
    dialogue.update(Chat { messages }).await?;
    Ok(())
}
