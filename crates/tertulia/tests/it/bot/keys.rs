//! Whose session a handler takes.

use serde::{Deserialize, Serialize};
use tertulia::Conversation;
use tertulia::bot::answer::Answer;
use tertulia::bot::{Bot, Context, Running, Session, SessionOptions, UpdateKind};

use super::support::{Desk, Window, refusal, replies, say, update};

#[derive(Default, Serialize, Deserialize)]
struct Count {
    n: u64,
}

#[derive(Default, Serialize, Deserialize)]
struct Other {
    n: u64,
}

/// A bot that counts in its session and says how far, and whose session it is.
async fn counting(options: impl Into<SessionOptions>) -> Running {
    let bot =
        Bot::new(Window).session::<Count>(options).on_any(async |ctx: Context, mut count: Session<Count>| {
            count.n += 1;
            ctx.reply(format!("{} {}", count.conversation(), count.n)).await?;
            Ok(())
        });
    bot.start().await.unwrap()
}

/// As [`counting`], saying `none` where there is no session.
async fn perhaps_counting(options: impl Into<SessionOptions>) -> Running {
    let count = async |ctx: Context, count: Option<Session<Count>>| {
        let Some(mut count) = count else {
            ctx.reply("none").await?;
            return Ok(());
        };
        count.n += 1;
        ctx.reply(count.n.to_string()).await?;
        Ok(())
    };
    Bot::new(Window).session::<Count>(options).on_any(count).start().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_name_alone_means_per_conversation() {
    for bot in [counting("count").await, counting("count".to_owned()).await] {
        assert_eq!(say(&bot, "a", "@ana x").await, replies(&["window:a 1"]));
        assert_eq!(say(&bot, "a", "@eva x").await, replies(&["window:a 2"]));
        assert_eq!(say(&bot, "b", "@ana x").await, replies(&["window:b 1"]));
    }
}

#[tokio::test(start_paused = true)]
async fn per_user_is_the_same_in_every_conversation_and_lies_in_the_private_one() {
    let bot = counting(SessionOptions::new("count").per_user()).await;
    assert_eq!(say(&bot, "a", "@ana x").await, replies(&["window:ana 1"]));
    assert_eq!(say(&bot, "b", "@ana x").await, replies(&["window:ana 2"]));
    assert_eq!(say(&bot, "ana", "@ana x").await, replies(&["window:ana 3"]));
    assert_eq!(say(&bot, "a", "@eva x").await, replies(&["window:eva 1"]));
}

#[tokio::test(start_paused = true)]
async fn users_of_two_platforms_are_two() {
    let desk = Desk::new();
    let count = async |ctx: Context, mut count: Session<Count>| {
        count.n += 1;
        ctx.reply(count.n.to_string()).await?;
        Ok(())
    };
    let options = SessionOptions::new("count").per_user();
    let bot = Bot::new(Window).adapter(desk.clone()).session::<Count>(options).on_message(count);
    let bot = bot.start().await.unwrap();
    assert_eq!(say(&bot, "a", "@ana x").await, replies(&["1"]));
    bot.door().intake.submit(update("desk", "a", "@ana x")).await.unwrap();
    bot.shutdown(std::time::Duration::from_secs(1)).await;
    assert_eq!(desk.sent(), [("a".to_owned(), "1".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn no_two_members_share_a_session() {
    let bot = counting(SessionOptions::new("count").per_member()).await;
    assert_eq!(say(&bot, "a", "@ana x").await, replies(&["window:a%2Fana 1"]));
    assert_eq!(say(&bot, "a", "@ana x").await, replies(&["window:a%2Fana 2"]));
    let members = [
        ("a", "eva"),
        ("b", "ana"),
        ("a/b", "c"),
        ("a", "b/c"),
        ("a%2Fb", "c"),
        ("a%252Fb", "c"),
        ("a", "b%2Fc"),
        ("a/", "b"),
        ("a", "/b"),
    ];
    for (chat, user) in members {
        let Answer::Replies(said) = say(&bot, chat, &format!("@{user} x")).await else { panic!("given up") };
        assert!(said[0].ends_with(" 1"), "{user} in {chat} is not alone: {said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_gives_the_key() {
    let options = SessionOptions::new("count").key(|update, about| match &update.kind {
        UpdateKind::Other(_) => None,
        _ => Conversation::new("length", &about.conversation.id().len().to_string()).ok(),
    });
    let bot = perhaps_counting(options).await;
    assert_eq!(say(&bot, "ab", "x").await, replies(&["1"]));
    assert_eq!(say(&bot, "cd", "x").await, replies(&["2"]));
    assert_eq!(say(&bot, "abc", "x").await, replies(&["1"]));
    assert_eq!(say(&bot, "ab", "!joined").await, replies(&["none"]));
}

#[tokio::test(start_paused = true)]
async fn an_update_without_a_key_is_refused_and_says_which() {
    let bot = counting(SessionOptions::new("who").per_user()).await;
    for (text, kind) in [("x", "a message"), (">yes", "a callback"), ("!poll", "a poll")] {
        let error = refusal(&bot, "a", text).await;
        let expected = format!("the session `who` has no key for {kind} in window:a: it is kept per user");
        assert!(error.starts_with(&expected), "{error}");
    }
    let bot = counting(SessionOptions::new("who").per_member()).await;
    let error = refusal(&bot, "a", "x").await;
    assert!(error.contains("`who`") && error.contains("per conversation and user"), "{error}");
    let bot = counting(SessionOptions::new("who").key(|_, _| None)).await;
    let error = refusal(&bot, "a", "x").await;
    assert!(error.contains("`who`") && error.contains("by a key function"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_update_without_a_key_has_no_optional_session() {
    let bot = perhaps_counting(SessionOptions::new("who").per_user()).await;
    assert_eq!(say(&bot, "a", "x").await, replies(&["none"]));
    assert_eq!(say(&bot, "a", "@ana x").await, replies(&["1"]));
    assert_eq!(say(&bot, "a", "@ana x").await, replies(&["2"]));
    assert_eq!(say(&bot, "a", "x").await, replies(&["none"]));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_is_refused_and_never_shared() {
    let long = "x".repeat(250);
    for options in [|| SessionOptions::new("who").per_user(), || SessionOptions::new("who").per_member()] {
        for bot in [counting(options()).await, perhaps_counting(options()).await] {
            let error = refusal(&bot, "a", "@ x").await;
            let expected = "the session `who` has no key for a message in window:a: the user's id is empty";
            assert_eq!(error, expected);
        }
    }
    let bot = counting(SessionOptions::new("who").per_member()).await;
    let error = refusal(&bot, &long, "@ana-maria x").await;
    assert!(error.contains("`who`") && error.contains("at most 256"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn two_types_in_one_conversation_are_two_sessions() {
    let bot = Bot::new(Window)
        .session::<Count>("chat")
        .session::<Other>(SessionOptions::new("user").per_user())
        .on_message(async |ctx: Context, mut chat: Session<Count>, mut user: Session<Other>| {
            chat.n += 1;
            user.n += 10;
            ctx.reply(format!("{} {} {} {}", chat.conversation(), chat.n, user.conversation(), user.n))
                .await?;
            Ok(())
        });
    let bot = bot.start().await.unwrap();
    assert_eq!(say(&bot, "ana", "@ana x").await, replies(&["window:ana 1 window:ana 10"]));
    assert_eq!(say(&bot, "ana", "@ana x").await, replies(&["window:ana 2 window:ana 20"]));
    assert_eq!(say(&bot, "b", "@ana x").await, replies(&["window:b 1 window:ana 30"]));
}
