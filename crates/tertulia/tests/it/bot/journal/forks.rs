//! Going on with a conversation elsewhere.

use std::sync::Arc;

use tertulia::bot::journal::{Forked, fork, fork_before};
use tertulia::bot::{Bot, Context, Session};
use tertulia::error::Kind;
use tertulia::runner::Journal;
use tertulia::storage::Storage;
use tertulia::{Clock, Result, Sessions};
use tertulia_testkit::Desk;

use super::{Chat, memory, seven, started, tell};

fn counting() -> Bot {
    Bot::new(Desk::new()).session::<Chat>("chat").on_message(async |ctx: Context, mut chat: Session<Chat>| {
        chat.count += 1;
        chat.said.push(ctx.text().to_owned());
        Ok(())
    })
}

async fn copied(storage: &Arc<dyn Storage>, at: Option<u64>, to: &str) -> Result<Forked> {
    fork(&**storage, &Clock::system(), &seven(), at, &to.try_into().unwrap()).await
}

async fn said(storage: &Arc<dyn Storage>, conversation: &str) -> (u64, Vec<String>) {
    let chats = Sessions::<Chat>::new(Arc::clone(storage), "chat").unwrap();
    let chat = chats.get(conversation).await.unwrap().into_inner();
    (chat.count, chat.said.tail().to_vec())
}

#[tokio::test(start_paused = true)]
async fn a_fork_goes_on_from_now_or_from_a_turn_and_leaves_the_other_as_it_is() {
    let storage = memory();
    let bot = started(&storage, Journal::default(), counting()).await;
    for text in ["a", "b", "c"] {
        tell(&bot, "7", text).await;
    }
    assert_eq!(copied(&storage, None, "desk:8").await.unwrap().sessions, ["chat"]);
    assert_eq!(copied(&storage, Some(1), "desk:9").await.unwrap().sessions, ["chat"]);
    tell(&bot, "8", "d").await;
    tell(&bot, "9", "e").await;
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(said(&storage, "desk:7").await, (3, texts(&["a", "b", "c"])));
    assert_eq!(said(&storage, "desk:8").await, (4, texts(&["a", "b", "c", "d"])));
    assert_eq!(said(&storage, "desk:9").await, (3, texts(&["a", "b", "e"])));
}

#[tokio::test(start_paused = true)]
async fn a_fork_before_a_turn_is_what_the_turn_found_and_nothing_where_it_found_nothing() {
    let storage = memory();
    let bot = started(&storage, Journal::default(), counting()).await;
    for text in ["a", "b", "c"] {
        tell(&bot, "7", text).await;
    }
    let before = async |turn, to: &str| {
        fork_before(&*storage, &Clock::system(), &seven(), turn, &to.try_into().unwrap()).await
    };
    assert_eq!(before(2, "desk:8").await.unwrap().sessions, ["chat"]);
    assert_eq!(said(&storage, "desk:8").await, (2, vec!["a".to_owned(), "b".to_owned()]));
    assert!(before(0, "desk:9").await.unwrap().sessions.is_empty());
    assert_eq!(said(&storage, "desk:9").await, (0, Vec::new()));
    assert_eq!(before(3, "desk:10").await.unwrap_err().kind(), Kind::Gone);
    assert_eq!(before(1, "desk:8").await.unwrap_err().kind(), Kind::Conflict);
    assert_eq!(before(1, "desk:7").await.unwrap_err().kind(), Kind::Invalid);
}

#[tokio::test(start_paused = true)]
async fn a_fork_overwrites_nothing_and_copies_only_what_there_is() {
    let storage = memory();
    let bot = started(&storage, Journal::default(), counting()).await;
    let kind = async |at, to| copied(&storage, at, to).await.unwrap_err().kind();
    assert_eq!(kind(None, "desk:8").await, Kind::Gone);
    tell(&bot, "7", "a").await;
    tell(&bot, "8", "b").await;
    assert_eq!(kind(None, "desk:8").await, Kind::Conflict);
    assert_eq!(kind(Some(1), "desk:9").await, Kind::Gone);
    assert_eq!(kind(None, "desk:7").await, Kind::Invalid);
    assert_eq!(said(&storage, "desk:8").await.0, 1);
}
