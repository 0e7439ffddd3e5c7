//! What a bot refuses before it runs.

use serde::{Deserialize, Serialize};
use tertulia::bot::{Bot, Data, Session, SessionOptions};
use tertulia::error::Kind;
use tertulia::storage::Memory;

use super::support::Window;
use crate::runner::support::Faulty;

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
async fn a_session_type_that_is_declared_twice_is_refused() {
    let text = refused(Bot::new(Window).session::<One>("chat").session::<One>("user")).await;
    assert!(text.contains("One") && text.contains("`chat`") && text.contains("`user`"), "{text}");
}

#[tokio::test]
async fn sessions_of_others_than_the_conversation_need_batches_over_shards() {
    let options: [fn() -> SessionOptions; 3] = [
        || SessionOptions::new("thing").per_user(),
        || SessionOptions::new("thing").per_member(),
        || SessionOptions::new("thing").key(|_, about| Some(about.conversation.clone())),
    ];
    for options in options {
        let bot = || Bot::new(Window).session::<One>(options());
        let text = refused(bot().storage(Faulty::of_shards(Memory::new()))).await;
        assert!(text.contains("`thing`") && text.contains("one shard"), "{text}");
        bot().storage(Memory::new()).start().await.unwrap();
    }
    let per_conversation = Bot::new(Window).session::<One>("thing");
    per_conversation.storage(Faulty::of_shards(Memory::new())).start().await.unwrap();
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
