//! Several sessions in one update of a bot, of different types and different keys: all of them or none.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tertulia::Sessions;
use tertulia::bot::{Bot, Context, Session, SessionOptions};
use tertulia::runner;
use tertulia::session::Options;
use tertulia::storage::{ListQuery, Names};

use super::Setting;
use crate::{Counting, Desk};

/// Per conversation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Chat {
    text: String,
}

/// Per user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Person {
    text: String,
}

/// A bot that tries an update once, and what of it is counted.
fn bot(setting: &Setting<'_>) -> (Counting, Bot) {
    let counting = Counting::new(setting.subject().storage());
    let people = setting.options(Options { max_bytes: 1_000, ..Options::default() });
    let bot = Bot::new(Desk::new())
        .storage(counting.clone())
        .options(runner::Options { retries: 0, ..runner::Options::default() })
        .session::<Chat>(SessionOptions::new("chat").options(setting.options(Options::default())))
        .session::<Person>(SessionOptions::new("person").per_user().options(people));
    (counting, bot)
}

/// The sessions as another process has them.
fn others(setting: &Setting<'_>) -> (Sessions<Chat>, Sessions<Person>) {
    let storage = setting.subject().storage();
    let chats = setting.named(storage.clone(), "chat", Options::default());
    (chats, setting.named(storage, "person", Options::default()))
}

/// Runs one update by Ana to its end.
async fn run(bot: Bot, text: &str) {
    let bot = bot.start().await.expect("the bot can be started");
    let update = Desk::update("desk:group", &format!("@ana {text}")).expect("a conversation");
    bot.door().intake.submit(update).await.expect("the update is taken");
    assert_eq!(bot.shutdown(Duration::from_secs(30)).await, []);
}

/// What is stored of the group and of Ana.
async fn stored(setting: &Setting<'_>) -> (String, String) {
    let (chats, people) = others(setting);
    let chat = chats.get("desk:group").await.expect("it can be read").into_inner();
    (chat.text, people.get("desk:ana").await.expect("it can be read").into_inner().text)
}

/// Both are replaced by new values: one batch holds both, besides the one that took the update in, and the two notes
/// that a process runs and that it stopped.
pub async fn whole_values_of_two_types_are_written_in_one_batch(setting: &Setting<'_>) {
    if !setting.subject().spans_shards() {
        return;
    }
    let (counting, bot) = bot(setting);
    let bot = bot.on_message(async |ctx: Context, mut chat: Session<Chat>, mut person: Session<Person>| {
        *chat = Chat { text: format!("{} chat", ctx.text()) };
        person.set(Person { text: format!("{} person", ctx.text()) });
        Ok(())
    });
    run(bot, "new").await;
    let (sessions, counts) = (counting.written("session/"), counting.counts());
    assert_eq!((sessions.writes, counts.batches, counts.refused), (2, 4, 0));
    assert_eq!(stored(setting).await, ("new chat".to_owned(), "new person".to_owned()));
}

/// One is over its limit: the update fails, and the other is not written either.
pub async fn where_one_cannot_be_written_neither_is(setting: &Setting<'_>) {
    if !setting.subject().spans_shards() {
        return;
    }
    let long = "too long ".repeat(200);
    for text in ["fits", &long] {
        let (_, bot) = bot(setting);
        let handler = async |ctx: Context, mut chat: Session<Chat>, mut person: Session<Person>| {
            chat.text = ctx.text().to_owned();
            person.text = ctx.text().to_owned();
            Ok(())
        };
        run(bot.on_message(handler), text).await;
        assert_eq!(stored(setting).await, ("fits".to_owned(), "fits".to_owned()), "after `{text}`");
    }
    let query = ListQuery { names: Names::Exactly(runner::DEAD), ..ListQuery::default() };
    let dead = setting.subject().storage().list(&query).await.expect("the storage can be listed").keys;
    assert_eq!(dead.len(), 1, "what failed is not forgotten");
}

/// Somebody else writes one of them while the handler runs: it runs again, and nothing of its first run is stored.
pub async fn where_one_was_written_by_others_both_are_written_again(setting: &Setting<'_>) {
    if !setting.subject().spans_shards() {
        return;
    }
    let (_, bot) = bot(setting);
    let (_, people) = others(setting);
    let runs = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&runs);
    let bot = bot.on_message(move |mut chat: Session<Chat>, mut person: Session<Person>| {
        let (people, seen) = (people.clone(), Arc::clone(&seen));
        async move {
            let is_first = seen.lock().is_empty();
            seen.lock().push((chat.text.clone(), person.text.clone()));
            chat.text.push('c');
            person.text.push('p');
            if is_first {
                people.update("desk:ana", |person| person.text.push('x')).await?;
                people.flush().await?;
            }
            Ok(())
        }
    });
    run(bot, "go").await;
    assert_eq!(*runs.lock(), [(String::new(), String::new()), (String::new(), "x".to_owned())]);
    assert_eq!(stored(setting).await, ("c".to_owned(), "xp".to_owned()));
}
