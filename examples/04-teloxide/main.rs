//! A teloxide bot that asks for name and age, and keeps where it is with each chat in a session.
//!
//! `TELOXIDE_TOKEN=... cargo run --manifest-path bench/Cargo.toml --bin 04-teloxide`

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use teloxide::dispatching::UpdateHandler;
use teloxide::prelude::*;
use tertulia::{Conversation, Sessions};
use tertulia_sqlite::Sqlite;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What is known of a chat.
#[derive(Default, Serialize, Deserialize)]
struct Chat {
    form: Form,
    /// How many were filled in here.
    forms_filled: u32,
}

/// Where the form stands.
#[derive(Clone, Default, Serialize, Deserialize)]
enum Form {
    #[default]
    Start,
    Name,
    Age {
        name: String,
    },
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let chats = Sessions::<Chat>::new(Sqlite::open("form.db").await?, "chat")?;
    Dispatcher::builder(Bot::from_env(), schema())
        .dependencies(dptree::deps![chats])
        .enable_ctrlc_handler()
        .build()
        .dispatch()
        .await;
    Ok(())
}

/// Reads where the chat's form stands, and goes to the handler for that.
fn schema() -> UpdateHandler<Failure> {
    Update::filter_message()
        .filter_map_async(|message: Message, chats: Sessions<Chat>| async move {
            stands(&chats, message.chat.id).await
        })
        .branch(dptree::case![Form::Start].endpoint(start))
        .branch(dptree::case![Form::Name].endpoint(receive_name))
        .branch(dptree::case![Form::Age { name }].endpoint(receive_age))
}

/// A chat whose session cannot be read gets no handler, and what is stored stays as it is.
async fn stands(chats: &Sessions<Chat>, id: ChatId) -> Option<Form> {
    let chat = chats.get(key(id).ok()?).await;
    chat.inspect_err(|error| eprintln!("{error}")).ok().map(|chat| chat.form.clone())
}

/// One line with `update`: the closure is run again if somebody else wrote meanwhile.
async fn start(bot: Bot, chats: Sessions<Chat>, message: Message) -> Result<(), Failure> {
    chats.update(key(message.chat.id)?, |chat| chat.form = Form::Name).await?;
    bot.send_message(message.chat.id, "What is your name?").await?;
    Ok(())
}

async fn receive_name(bot: Bot, chats: Sessions<Chat>, message: Message) -> Result<(), Failure> {
    let Some(name) = message.text().map(str::to_owned) else {
        bot.send_message(message.chat.id, "Send me your name as text.").await?;
        return Ok(());
    };
    chats.update(key(message.chat.id)?, |chat| chat.form = Form::Age { name: name.clone() }).await?;
    bot.send_message(message.chat.id, "How old are you?").await?;
    Ok(())
}

/// A guard, for what spans several calls: it is loaded, changed and saved, and `save` is a conflict if somebody else
/// wrote in between.
async fn receive_age(bot: Bot, chats: Sessions<Chat>, message: Message, name: String) -> Result<(), Failure> {
    let Some(age) = message.text().and_then(|text| text.parse::<u8>().ok()) else {
        bot.send_message(message.chat.id, "Send me a number.").await?;
        return Ok(());
    };
    let mut chat = chats.load(key(message.chat.id)?).await?;
    chat.form = Form::Start;
    chat.forms_filled += 1;
    chat.save().await?;
    let report = format!("{name} is {age}. Forms filled in here: {}.", chat.forms_filled);
    bot.send_message(message.chat.id, report).await?;
    Ok(())
}

/// A chat's session is kept under the platform and the chat: the same storage may serve other platforms.
fn key(id: ChatId) -> tertulia::Result<Conversation> {
    Conversation::new("telegram", &id.to_string())
}
