//! Sessions of a bot that runs: it sees what is changed over HTTP, and nothing of either is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tertulia::bot::{Bot, Context, Data, Session};
use tertulia::storage::Memory;
use tertulia_http::{Http, Message, Options, exchange};
use tokio::sync::Semaphore;

use super::support::{ANA, Chat, Desk, MERGE};

/// Holds handlers after they have read their session.
#[derive(Clone, Debug)]
struct Hold {
    /// How many runs have begun.
    runs: Arc<AtomicUsize>,
    /// How many may go on.
    go_on: Arc<Semaphore>,
    begun: Arc<Semaphore>,
}

impl Hold {
    fn new(go_on: usize) -> Self {
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self { runs: Arc::default(), go_on: semaphore(go_on), begun: semaphore(0) }
    }
}

async fn count(ctx: Context, hold: Data<Hold>, mut chat: Session<Chat>) -> tertulia::bot::Result {
    hold.runs.fetch_add(1, Ordering::SeqCst);
    let name = chat.name.clone().unwrap_or_default();
    hold.begun.add_permits(1);
    hold.go_on.acquire().await?.forget();
    if ctx.text() == "count" {
        chat.count += 1;
    }
    ctx.reply(format!("{name} {}", chat.count)).await?;
    Ok(())
}

async fn site(hold: &Hold) -> (tertulia::bot::Running, Desk) {
    let storage = Memory::new();
    let bot = Bot::new(Http).storage(storage.clone()).data(hold.clone()).session::<Chat>("chat");
    let running = bot.on_message(count).start().await.unwrap();
    (running, Desk::over(&storage, |_| {}))
}

async fn say(running: &tertulia::bot::Running, text: &str) -> String {
    let ana = tertulia::Conversation::new("http", "ana").unwrap();
    let said = exchange(running.door(), &ana, &Message::new(text), None, &Options::new()).await.unwrap();
    said.replies[0].text.clone()
}

#[tokio::test]
async fn the_next_handler_sees_it_though_the_session_is_in_its_cache() {
    let (running, desk) = site(&Hold::new(100)).await;
    assert_eq!(say(&running, "count").await, " 1");
    for n in 1..10 {
        assert_eq!(desk.patch(MERGE, &json!({ "name": format!("Ana {n}") })).await.status, 200);
        assert_eq!(say(&running, "look").await, format!("Ana {n} {n}"), "by one that only looks");
        assert_eq!(say(&running, "count").await, format!("Ana {n} {}", n + 1));
    }
}

#[tokio::test]
async fn a_handler_under_way_runs_again_and_nothing_is_lost() {
    let hold = Hold::new(0);
    let (running, desk) = site(&hold).await;
    let changes = async {
        hold.begun.acquire().await.unwrap().forget();
        assert_eq!(desk.patch(MERGE, &json!({ "name": "Ana", "count": 10 })).await.status, 201);
        hold.go_on.add_permits(2);
    };
    let (said, ()) = tokio::join!(say(&running, "count"), changes);
    assert_eq!((said.as_str(), hold.runs.load(Ordering::SeqCst)), ("Ana 11", 2));
    assert_eq!(desk.get(ANA).await.json["count"], 11);
}
