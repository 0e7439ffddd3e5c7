//! Sessions of any conversation, taken within a handler.

use serde::{Deserialize, Serialize};
use tertulia::bot::{Bot, Context, Session};
use tertulia::error::Kind;
use tertulia::storage::Memory;
use tertulia::{Conversation, Error};

use super::support::{Window, replies, say};
use crate::runner::support::Faulty;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Game {
    moves: Vec<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Undeclared;

fn invalid(error: &Error, parts: &[&str]) {
    assert_eq!(error.kind(), Kind::Invalid);
    let text = error.to_string();
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
}

/// Moves in the game that the text names, and says all its moves.
async fn play(ctx: Context) -> tertulia::bot::Result {
    let mut game = ctx.session::<Game>(Conversation::new("game", ctx.text())?).await?;
    game.moves.push(ctx.conversation().id().into_owned());
    ctx.reply(game.moves.join(" ")).await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_game_is_played_from_two_chats() {
    let bot = Bot::new(Window).session::<Game>("game").on_message(play).start().await.unwrap();
    assert_eq!(say(&bot, "ana", "17").await, replies(&["ana"]));
    assert_eq!(say(&bot, "eva", "17").await, replies(&["ana eva"]));
    assert_eq!(say(&bot, "eva", "18").await, replies(&["eva"]));
    assert_eq!(say(&bot, "ana", "17").await, replies(&["ana eva ana"]));
}

#[tokio::test(start_paused = true)]
async fn a_type_that_some_handler_takes_need_not_be_named() {
    let bot = Bot::new(Window).on_command("own", async |_: Session<Game>| Ok(())).on_message(play);
    assert_eq!(say(&bot.start().await.unwrap(), "ana", "17").await, replies(&["ana"]));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_taken_is_refused_by_name() {
    let bot = Bot::new(Window).session::<Game>("game").on_message(async |ctx: Context| {
        let error = ctx.session::<Undeclared>(ctx.conversation()).await.unwrap_err();
        invalid(&error, &["Undeclared", "not declared"]);
        invalid(&ctx.session::<Game>("no colon").await.unwrap_err(), &["`no colon`"]);
        let first = ctx.session::<Game>("game:17").await?;
        let error = ctx.session::<Game>("game:17").await.unwrap_err();
        invalid(&error, &["Game", "game:17", "twice at once"]);
        let other = ctx.session::<Game>("game:18".to_owned()).await?;
        drop((first, other));
        assert!(ctx.session::<Game>("game:17").await?.moves.is_empty());
        Ok(())
    });
    assert_eq!(say(&bot.start().await.unwrap(), "ana", "x").await, replies(&[]));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_loaded_twice_at_the_same_time_is_taken_once() {
    let storage = Faulty::slow_to_read(Memory::new(), std::time::Duration::from_millis(5));
    let bot = Bot::new(Window).storage(storage).session::<Game>("game").on_message(async |ctx: Context| {
        let (one, two) = tokio::join!(ctx.session::<Game>("game:17"), ctx.session::<Game>("game:17"));
        one?.moves.push("e4".to_owned());
        invalid(&two.unwrap_err(), &["twice at once"]);
        ctx.reply(ctx.session::<Game>("game:17").await?.moves.join(" ")).await?;
        Ok(())
    });
    let bot = bot.start().await.unwrap();
    assert_eq!(say(&bot, "ana", "x").await, replies(&["e4"]));
    assert_eq!(say(&bot, "eva", "x").await, replies(&["e4 e4"]));
}

#[tokio::test(start_paused = true)]
async fn a_session_in_a_shard_that_the_batch_cannot_reach_is_refused() {
    let here = Conversation::new("window", "ana").unwrap();
    let games = (0..).map(|n| Conversation::new("game", &n.to_string()).unwrap());
    let (near, far): (Vec<_>, Vec<_>) = games.take(2_000).partition(|game| game.shard() == here.shard());
    let (near, far) = (near[0].clone(), far[0].clone());
    let play = move |ctx: Context| {
        let (near, far) = (near.clone(), far.clone());
        async move {
            let error = ctx.session::<Game>(&far).await.unwrap_err();
            invalid(&error, &["`game`", far.as_str(), "shard"]);
            let mut game = ctx.session::<Game>(&near).await?;
            game.moves.push("e4".to_owned());
            ctx.reply(game.moves.join(" ")).await?;
            Ok(())
        }
    };
    let storage = Faulty::of_shards(Memory::new());
    let bot = Bot::new(Window).storage(storage).session::<Game>("game").on_message(play);
    let bot = bot.start().await.unwrap();
    assert_eq!(say(&bot, "ana", "x").await, replies(&["e4"]));
    assert_eq!(say(&bot, "ana", "x").await, replies(&["e4 e4"]));
}
