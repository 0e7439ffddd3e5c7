//! A whole bot on a Bot API server, over a storage in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;
use tertulia::bot::{Bot, Context};
use tertulia::error::Kind;
use tertulia::runner::Options;
use tertulia::storage::Memory;
use tertulia_telegram::frankenstein::updates::UpdateContent;
use tertulia_telegram::{AnswerCallbackQuery, Call, TelegramUpdate};

use crate::fake::{Fake, PATIENCE, Scripted, message, refusal, too_many};

fn options() -> Options {
    Options { backoff: Duration::from_millis(5), ..Options::default() }
}

#[tokio::test]
async fn every_chat_gets_its_replies_in_order() {
    let fake = Fake::start().await;
    let bot = Bot::new(fake.telegram())
        .options(options())
        .on_command("twice", async |ctx: Context| {
            ctx.reply(ctx.arguments()).await?;
            ctx.reply(ctx.arguments()).await?;
            Ok(())
        })
        .on_message(async |ctx: Context| {
            ctx.reply(format!("you said {}", ctx.text())).await?;
            Ok(())
        });
    let running = bot.start().await.unwrap();
    fake.script("sendMessage", [refusal(500, "Internal Server Error"), too_many(0)]);
    let updates = (0..40).map(|n| message(100 + n, 1 + n % 2, &format!("{}", n / 2)));
    fake.push(updates.chain([message(140, 1, "/twice@some_bot again")]));
    fake.until("43 requests that are not refused", |known| known.params("sendMessage").len() == 44).await;
    let said = |n: u32| format!("you said {n}");
    for chat in [1, 2] {
        let mut sent = fake.look(|known| known.sent(chat));
        // A refused reply was sent again before any later one.
        sent.dedup_by(|next, last| next == last && next.starts_with("you"));
        let mut expected: Vec<String> = (0..20).map(said).collect();
        if chat == 1 {
            expected.extend(["again".to_owned(), "again".to_owned()]);
        }
        assert_eq!(sent, expected);
    }
    assert_eq!(running.shutdown(PATIENCE).await, []);
}

#[tokio::test]
async fn an_update_that_is_given_twice_runs_once() {
    let fake = Fake::start().await;
    let runs = Arc::new(AtomicU32::new(0));
    let storage: Arc<dyn tertulia::storage::Storage> = Arc::new(Memory::new());
    let start = || {
        let runs = Arc::clone(&runs);
        let bot = Bot::new(fake.telegram()).storage(Arc::clone(&storage));
        bot.on_message(move |ctx: Context| {
            let runs = Arc::clone(&runs);
            async move {
                runs.fetch_add(1, Ordering::Relaxed);
                ctx.reply(ctx.text()).await?;
                Ok(())
            }
        })
        .start()
    };
    let running = start().await.unwrap();
    fake.push([message(10, 1, "a"), message(10, 1, "a")]);
    fake.until("the first reply", |known| known.sent(1) == ["a"]).await;
    running.shutdown(PATIENCE).await;
    // As after a crash between the inbox and the confirmation: the server gives it to the next process too.
    let running = start().await.unwrap();
    fake.push([message(10, 1, "a"), message(11, 1, "b")]);
    fake.until("the second reply", |known| known.sent(1) == ["a", "b"]).await;
    running.shutdown(PATIENCE).await;
    assert_eq!(runs.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_shutdown_confirms_what_is_in_the_inbox() {
    let fake = Fake::start().await;
    let running = Bot::new(fake.telegram())
        .on_message(async |ctx: Context| {
            ctx.reply("hi").await?;
            Ok(())
        })
        .start()
        .await
        .unwrap();
    fake.until("a poll", |known| known.requests.len() == 1).await;
    // The next poll never gets through, so that nothing but the shutdown can confirm.
    fake.script("getUpdates", [Scripted::Hang]);
    fake.push([message(10, 1, "a")]);
    fake.until("the reply", |known| known.sent(1) == ["hi"]).await;
    fake.until("the poll that hangs", |known| known.params("getUpdates").len() == 2).await;
    assert_eq!(fake.look(|known| known.updates.len()), 1);
    running.shutdown(PATIENCE).await;
    assert_eq!(fake.look(|known| known.updates.len()), 0);
    let polls = fake.look(|known| known.params("getUpdates"));
    assert_eq!(polls.last().unwrap(), &json!({ "offset": 11, "limit": 1, "timeout": 0 }));
}

#[tokio::test]
async fn a_revoked_token_stops_the_bot_and_says_why() {
    let fake = Fake::start().await;
    fake.script("getUpdates", [refusal(500, "Internal Server Error"), refusal(401, "Unauthorized")]);
    let running = Bot::new(fake.telegram()).start().await.unwrap();
    let error = tokio::time::timeout(PATIENCE, running.failed()).await.unwrap();
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!(
        error.to_string(),
        "Telegram refuses the bot token (401: Unauthorized): it was revoked or mistyped, @BotFather gives the current one"
    );
    assert!(!running.is_running());
    assert_eq!(fake.look(|known| known.params("getUpdates").len()), 2, "a 500 is tried again, a 401 is not");
}

#[tokio::test]
async fn a_second_poller_stops_the_bot_and_says_why() {
    let fake = Fake::start().await;
    let conflict =
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
    fake.script("getUpdates", [refusal(409, conflict)]);
    let run = tokio::time::timeout(PATIENCE, Bot::new(fake.telegram()).run());
    let error = run.await.expect("the bot stops").unwrap_err();
    assert!(error.to_string().starts_with("another program polls this bot (409: Conflict"), "{error}");
}

#[tokio::test]
async fn a_handler_takes_typed_updates_and_makes_calls_of_telegram_in_order_with_replies() {
    let fake = Fake::start().await;
    let running = Bot::new(fake.telegram())
        .options(options())
        .on_callback(async |ctx: Context, update: TelegramUpdate| {
            let UpdateContent::CallbackQuery(query) = &update.content else { return Ok(()) };
            ctx.call(AnswerCallbackQuery::of(&ctx)?.text("saved")).await?;
            ctx.reply(format!("{} pressed {}", query.from.first_name, ctx.text())).await?;
            ctx.call(Call::new("sendDice", json!({ "chat_id": query.from.id }))).await?;
            Ok(())
        })
        .start()
        .await
        .unwrap();
    let from = json!({ "id": 5, "is_bot": false, "first_name": "Ana" });
    fake.push([
        json!({ "update_id": 1, "telepathy": { "from": from } }),
        json!({ "update_id": 2, "callback_query": { "id": "99", "from": from, "chat_instance": "1", "data": "yes" } }),
    ]);
    fake.until("three calls", |known| {
        known.requests.iter().filter(|request| request.method != "getUpdates").count() == 3
    })
    .await;
    let calls: Vec<_> = fake.look(|known| {
        let calls = known.requests.iter().filter(|request| request.method != "getUpdates");
        calls.map(|request| (request.method.clone(), request.params.clone())).collect()
    });
    assert_eq!(
        calls,
        [
            ("answerCallbackQuery".into(), json!({ "callback_query_id": "99", "text": "saved" })),
            ("sendMessage".into(), json!({ "chat_id": 5, "text": "Ana pressed yes" })),
            ("sendDice".into(), json!({ "chat_id": 5 })),
        ]
    );
    assert_eq!(running.shutdown(PATIENCE).await, []);
}

#[tokio::test]
async fn an_update_without_a_typed_form_goes_to_dead_and_holds_up_nothing() {
    let fake = Fake::start().await;
    let running = Bot::new(fake.telegram())
        .options(Options { retries: 0, ..options() })
        .on_any(async |ctx: Context, _update: TelegramUpdate| {
            let none = AnswerCallbackQuery::of(&ctx).unwrap_err();
            assert_eq!(none.to_string(), "the update in telegram:5 is no callback query");
            ctx.reply("known").await?;
            Ok(())
        })
        .start()
        .await
        .unwrap();
    fake.push([json!({ "update_id": 1, "telepathy": { "from": { "id": 5 } } }), message(2, 5, "hi")]);
    fake.until("the reply to the second", |known| known.sent(5) == ["known"]).await;
    assert_eq!(running.shutdown(PATIENCE).await, []);
}

#[tokio::test]
async fn two_bots_in_one_process_keep_the_same_chat_apart() {
    let (support, sales) = (Fake::start().await, Fake::start().await);
    let bot = Bot::new(support.telegram().named("support").unwrap())
        .adapter(sales.telegram().named("sales").unwrap())
        .options(options())
        .on_command("form", async |ctx: Context| {
            let name = ctx.ask("name?").await?.text;
            ctx.reply(format!("{name} in {}", ctx.conversation())).await?;
            Ok(())
        })
        .on_message(async |ctx: Context| {
            ctx.call(Call::new("sendMessage", json!({ "chat_id": 7, "text": ctx.text() }))).await?;
            Ok(())
        });
    let running = bot.start().await.unwrap();
    support.push([message(1, 7, "/form"), message(2, 7, "Ana")]);
    sales.push([message(1, 7, "hello")]);
    support.until("both replies", |known| known.sent(7).len() == 2).await;
    sales.until("its reply", |known| known.sent(7).len() == 1).await;
    assert_eq!(support.look(|known| known.sent(7)), ["name?", "Ana in telegram-support:7"]);
    assert_eq!(sales.look(|known| known.sent(7)), ["hello"]);
    assert_eq!(running.shutdown(PATIENCE).await, []);
}

#[tokio::test]
async fn what_belongs_to_no_chat_cannot_be_asked() {
    let fake = Fake::start().await;
    let refused = Arc::new(parking_lot::Mutex::new(String::new()));
    let note = Arc::clone(&refused);
    let options = Options { retries: 0, ..options() };
    let bot = Bot::new(fake.telegram()).options(options).on_any(move |ctx: Context| {
        let note = Arc::clone(&note);
        async move {
            let refusal = ctx.next_update().await.unwrap_err();
            *note.lock() = refusal.to_string();
            Ok(())
        }
    });
    let running = bot.start().await.unwrap();
    fake.push([json!({ "update_id": 5, "poll": { "id": "1" } })]);
    fake.until("the poll is confirmed", |known| {
        known.params("getUpdates").iter().any(|params| params["offset"] == 6)
    })
    .await;
    assert_eq!(running.shutdown(PATIENCE).await, []);
    assert_eq!(*refused.lock(), "no other update ever comes from telegram:update:5, so it cannot be asked");
}

#[tokio::test]
async fn a_name_that_none_can_have_is_refused() {
    for name in ["", "Support", "a:b", &"x".repeat(33)] {
        let fake = Fake::start().await;
        assert_eq!(fake.telegram().named(name).unwrap_err().kind(), Kind::Invalid, "{name:?}");
    }
}
