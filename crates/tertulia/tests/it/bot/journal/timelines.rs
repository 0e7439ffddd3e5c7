//! The timeline of a conversation.

use std::sync::Arc;

use serde_json::json;
use tertulia::Sessions;
use tertulia::bot::journal::timeline;
use tertulia::bot::{Bot, Context, Session, SessionOptions};
use tertulia::runner::Journal;
use tertulia::storage::Storage;
use tertulia_testkit::Desk;

use super::{Chat, Person, memory, seven, started, tell};
use crate::bot::support::{Window, say};

fn counting() -> Bot {
    Bot::new(Desk::new())
        .adapter(Window)
        .session::<Chat>("chat")
        .session::<Person>(SessionOptions::new("person").per_user())
        .on_message(async |ctx: Context, mut chat: Session<Chat>, person: Option<Session<Person>>| {
            if let Some(mut person) = person {
                person.seen += 1;
            }
            if ctx.text() != "nothing" {
                chat.count += 1;
                chat.said.push(ctx.text().to_owned());
            }
            ctx.reply(ctx.text()).await?;
            ctx.reply("there").await?;
            Ok(())
        })
}

#[tokio::test(start_paused = true)]
async fn a_timeline_tells_what_each_turn_changed() {
    let storage = memory();
    let bot = started(&storage, Journal::default(), counting()).await;
    tell(&bot, "7", "one").await;
    tell(&bot, "7", "nothing").await;
    tell(&bot, "7", "two").await;
    let told = timeline(&*storage, &seven()).await.unwrap();
    let changes: Vec<_> = told.iter().map(|turn| turn.changes.as_ref().unwrap().as_slice()).collect();
    assert_eq!(changes[0][0].session.to_string(), "desk:7/chat");
    assert_eq!(
        json!(changes[0][0].operations),
        json!([{ "op": "replace", "path": "", "value": { "count": 1, "said": ["one"] } }])
    );
    assert_eq!(changes[1], []);
    assert_eq!(
        json!(changes[2][0].operations),
        json!([
            { "op": "replace", "path": "/count", "value": 2 },
            { "op": "add", "path": "/said/-", "value": "two" },
        ])
    );
}

#[tokio::test(start_paused = true)]
async fn a_session_that_other_conversations_change_is_told_as_each_turn_found_it() {
    let storage = memory();
    let bot = started(&storage, Journal::default(), counting()).await;
    for chat in ["7", "8", "8", "7"] {
        tell(&bot, chat, "@ana hello").await;
    }
    let seen = async |chat: &str| -> Vec<u64> {
        let told = timeline(&*storage, &chat.try_into().unwrap()).await.unwrap();
        let of = |turn: &tertulia::bot::journal::TimelineTurn| {
            let changes = turn.changes.as_ref().unwrap();
            let person = changes.iter().find(|change| change.session.name == "person").unwrap();
            person.value["seen"].as_u64().unwrap()
        };
        told.iter().map(of).collect()
    };
    assert_eq!((seen("desk:7").await, seen("desk:8").await), (vec![1, 4], vec![2, 3]));
    let people = Sessions::<Person>::new(Arc::clone(&storage), "person").unwrap();
    assert_eq!(people.get("desk:ana").await.unwrap().seen, 4);
}

#[tokio::test(start_paused = true)]
async fn what_is_read_rather_than_called_is_told_too() {
    let storage: Arc<dyn Storage> = memory();
    let bot = started(&storage, Journal::default(), counting()).await;
    say(&bot, "9", "hello").await;
    let told = timeline(&*storage, &"window:9".try_into().unwrap()).await.unwrap();
    assert_eq!(told[0].answers[0].1, ["hello", "there"]);
    assert!(told[0].record.calls.is_empty());
}
