//! What a bot refuses before it runs.

use serde::{Deserialize, Serialize};
use tertulia::bot::{Bot, Data, Session};
use tertulia::error::Kind;

use super::support::Window;

#[derive(Default, Serialize, Deserialize)]
struct One;

#[derive(Default, Serialize, Deserialize)]
struct Two;

async fn refused(bot: Bot) -> String {
    let error = bot.start().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    error.to_string()
}

#[tokio::test]
async fn two_session_types_without_names_are_refused() {
    let bot = || Bot::new(Window).on_message(async |_: Session<One>, _: Session<Two>| Ok(()));
    let text = refused(bot()).await;
    assert!(text.contains("One") && text.contains("Two") && text.contains("no name"), "{text}");
    bot().session::<One>("one").start().await.unwrap();
}

#[tokio::test]
async fn two_session_types_with_one_name_are_refused() {
    let text = refused(Bot::new(Window).session::<One>("chat").session::<Two>("chat")).await;
    assert!(text.contains("`chat`"), "{text}");
}

#[tokio::test]
async fn a_value_that_was_not_given_is_refused() {
    let text = refused(Bot::new(Window).on_message(async |_: Data<String>| Ok(()))).await;
    assert!(text.contains("Data<alloc::string::String>"), "{text}");
}

#[tokio::test]
async fn two_adapters_with_one_name_are_refused() {
    let text = refused(Bot::new(Window).adapter(Window)).await;
    assert!(text.contains("`window`"), "{text}");
}
