//! A whole Telegram bot: chats run side by side, each chat in order, and nothing that Telegram was told is lost.
//!
//! `TELEGRAM_BOT_TOKEN=... cargo run --release --bin 01-bot`

use serde::{Deserialize, Serialize};
use tertulia::bot::{Bot, Bypass, Context, Session, command};
use tertulia_sqlite::Sqlite;
use tertulia_telegram::Telegram;

#[derive(Default, Serialize, Deserialize)]
struct Chat {
    name: Option<String>,
    messages: u64,
}

#[tokio::main]
async fn main() -> tertulia::Result<()> {
    Bot::new(Telegram::from_env()?)
        .storage(Sqlite::open("bot.db").await?)
        .session::<Chat>("chat")
        .bypass(command("stop"), async |turn: Bypass| {
            turn.cancel_turn().await?;
            Ok(())
        })
        .on_command("name", async |ctx: Context, mut chat: Session<Chat>| {
            chat.name = Some(ctx.ask("Your name?").await?.text);
            ctx.reply("Nice to meet you").await?;
            Ok(())
        })
        .on_message(async |ctx: Context, mut chat: Session<Chat>| {
            chat.messages += 1;
            let name = chat.name.as_deref().unwrap_or("stranger");
            ctx.reply(format!("Message {} from {name}", chat.messages)).await?;
            Ok(())
        })
        .run()
        .await
}
