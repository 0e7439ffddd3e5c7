//! Delivery to a webhook.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tertulia_testkit::bot_api::{Event, Faults, NewUpdate, Options};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::rig::{Rig, in_time};

const HOUR: Duration = Duration::from_secs(3600);

/// A webhook in the test's own process.
struct Hook {
    url: String,
    shared: Arc<Shared>,
}

struct Shared {
    /// The posts so far: the update, and the secret that came with it.
    posts: watch::Sender<Vec<(Value, Option<String>)>>,
    /// How to answer each: the status, and for how long to ask to wait.
    answer: Box<dyn Fn(&Value) -> Answer + Send + Sync>,
}

enum Answer {
    Status(u16),
    Wait(u64),
    Never,
}

impl Hook {
    async fn start(answer: impl Fn(&Value) -> Answer + Send + Sync + 'static) -> Self {
        let shared = Arc::new(Shared { posts: watch::Sender::new(Vec::new()), answer: Box::new(answer) });
        let routes = Router::new().route("/hook", post(take)).with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, shared }
    }

    /// Waits for so many posts; gives the texts of the messages, and the data of queries.
    async fn posts(&self, count: usize) -> Vec<String> {
        let mut posts = self.shared.posts.subscribe();
        let posts = in_time(posts.wait_for(|posts| posts.len() >= count)).await.unwrap();
        posts.iter().map(|(update, _)| text(update)).collect()
    }
}

fn text(update: &Value) -> String {
    let text = [&update["message"]["text"], &update["callback_query"]["data"]];
    text.into_iter().find_map(Value::as_str).unwrap().to_owned()
}

async fn take(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, HeaderMap) {
    let update: Value = serde_json::from_str(&body).unwrap();
    let answer = (shared.answer)(&update);
    let secret =
        headers.get("X-Telegram-Bot-Api-Secret-Token").map(|value| value.to_str().unwrap().to_owned());
    shared.posts.send_modify(|posts| posts.push((update, secret)));
    let mut headers = HeaderMap::new();
    let status = match answer {
        Answer::Status(status) => status,
        Answer::Wait(seconds) => {
            headers.insert("retry-after", seconds.into());
            503
        }
        Answer::Never => std::future::pending().await,
    };
    (StatusCode::from_u16(status).unwrap(), headers)
}

async fn set(rig: &Rig, hook: &Hook, connections: u32) {
    let params = json!({ "url": hook.url, "max_connections": connections, "secret_token": "s3cret_-" });
    assert_eq!(rig.bot.ok("setWebhook", params).await, true);
}

/// Waits until so many posts were answered.
async fn answered(rig: &Rig, count: usize) {
    let answered = |event: &&Event| matches!(event, Event::Answered { .. });
    rig.until(|journal| journal.events().filter(answered).count() >= count).await;
}

#[tokio::test]
async fn updates_are_posted_with_the_secret_and_confirmed_by_2xx() {
    let (rig, hook) = (Rig::start().await, Hook::start(|_| Answer::Status(204)).await);
    rig.push(7, &["waited"]);
    set(&rig, &hook, 1).await;
    rig.push(7, &["came"]);
    assert_eq!(hook.posts(2).await, ["waited", "came"]);
    let posts = hook.shared.posts.borrow().clone();
    assert_eq!((&posts[1].0["update_id"], posts[1].1.as_deref()), (&json!(2), Some("s3cret_-")));
    rig.until(|journal| journal.summary().confirmed == 2).await;
    let info = rig.bot.ok("getWebhookInfo", json!({})).await;
    assert_eq!((&info["url"], &info["pending_update_count"]), (&json!(hook.url), &json!(0)));
    rig.bot.ok("deleteWebhook", json!({})).await;
    assert_eq!(rig.bot.poll(0).await, [0; 0]);
}

#[tokio::test]
async fn what_is_refused_holds_up_its_chat_and_comes_again_ever_later() {
    let refused = |update: &Value| Answer::Status(if text(update) == "poison" { 500 } else { 200 });
    let (rig, hook) = (Rig::start().await, Hook::start(refused).await);
    set(&rig, &hook, 1).await;
    rig.push(7, &["poison", "behind it"]);
    assert_eq!(hook.posts(2).await, ["poison", "poison"], "the first time it comes again at once");
    answered(&rig, 2).await;
    rig.push(8, &["another chat"]);
    assert_eq!(hook.posts(3).await[2..], ["another chat"]);
    answered(&rig, 3).await;
    let info = rig.bot.ok("getWebhookInfo", json!({})).await;
    assert_eq!(info["last_error_message"], "Wrong response from the webhook: 500");
    assert_eq!(info["pending_update_count"], 2);
    for (count, wait) in [(4, 2), (5, 4), (6, 8)] {
        rig.api.advance(Duration::from_secs(wait));
        assert_eq!(hook.posts(count).await[count - 1..], ["poison"]);
        answered(&rig, count).await;
    }
    let at = |journal: &tertulia_testkit::bot_api::Journal| {
        let posts = journal.entries().filter(|entry| matches!(entry.event, Event::Posted { update: 1, .. }));
        posts.map(|entry| entry.at / 1000).collect::<Vec<_>>()
    };
    assert_eq!(rig.api.journal(at), [0, 0, 2, 6, 14]);
}

#[tokio::test]
async fn a_waiting_update_is_not_posted_early_and_retry_after_is_honoured() {
    let first = std::sync::atomic::AtomicBool::new(true);
    let refuse = move |_: &Value| match first.swap(false, std::sync::atomic::Ordering::SeqCst) {
        true => Answer::Wait(10),
        false => Answer::Status(200),
    };
    let (rig, hook) = (Rig::start().await, Hook::start(refuse).await);
    set(&rig, &hook, 1).await;
    rig.push(7, &["slow"]);
    answered(&rig, 1).await;
    rig.api.advance(Duration::from_secs(9));
    // The one worker would take what is due longer first.
    rig.push(8, &["other"]);
    assert_eq!(hook.posts(2).await, ["slow", "other"]);
    answered(&rig, 2).await;
    rig.api.advance(Duration::from_secs(1));
    assert_eq!(hook.posts(3).await, ["slow", "other", "slow"]);
}

#[tokio::test]
async fn chats_and_the_kinds_of_one_chat_do_not_wait_for_each_other() {
    let stuck = |update: &Value| if text(update) == "stuck" { Answer::Never } else { Answer::Status(200) };
    let (rig, hook) = (Rig::start().await, Hook::start(stuck).await);
    set(&rig, &hook, 4).await;
    rig.push(7, &["stuck"]);
    hook.posts(1).await;
    rig.push(7, &["behind it"]);
    rig.api.push(NewUpdate::callback(7, 7, "pressed in the same chat"));
    hook.posts(2).await;
    rig.push(8, &["another chat"]);
    assert_eq!(hook.posts(3).await, ["stuck", "pressed in the same chat", "another chat"]);
    answered(&rig, 2).await;
    assert_eq!(rig.count(|event| matches!(event, Event::Posted { update: 2, .. })), 0);
}

#[tokio::test]
async fn no_more_are_under_way_than_connections_are_allowed() {
    let (rig, hook) = (Rig::start().await, Hook::start(|_| Answer::Never).await);
    set(&rig, &hook, 2).await;
    for chat in 1..=3 {
        rig.push(chat, &["stuck"]);
    }
    hook.posts(2).await;
    // A minute later the first two have failed for want of an answer.
    rig.api.advance(Duration::from_secs(60));
    hook.posts(3).await;
    let (mut now, mut most) = (0, 0);
    rig.api.journal(|journal| {
        for event in journal.events() {
            match event {
                Event::Posted { .. } => now += 1,
                Event::Answered { .. } => now -= 1,
                _ => {}
            }
            most = most.max(now);
        }
    });
    assert_eq!(most, 2);
}

#[tokio::test]
async fn a_webhook_that_is_gone_for_23_hours_is_deleted() {
    let (rig, hook) = (Rig::start().await, Hook::start(|_| Answer::Status(410)).await);
    set(&rig, &hook, 1).await;
    rig.push(7, &["a"]);
    answered(&rig, 2).await;
    rig.api.advance(23 * HOUR - Duration::from_secs(1));
    answered(&rig, 3).await;
    assert_eq!(rig.bot.ok("getWebhookInfo", json!({})).await["url"], hook.url);
    rig.api.advance(Duration::from_secs(4));
    rig.until(|journal| journal.events().any(|event| *event == Event::Webhook { set: false })).await;
    assert_eq!(rig.bot.poll(0).await, [1], "what was not taken waits");
}

#[tokio::test]
async fn what_is_never_taken_is_dropped_after_its_time() {
    let (rig, hook) = (Rig::start().await, Hook::start(|_| Answer::Status(500)).await);
    set(&rig, &hook, 1).await;
    rig.push(7, &["a"]);
    answered(&rig, 2).await;
    rig.api.advance(24 * HOUR);
    rig.until(|journal| journal.summary().dropped == 1).await;
    assert_eq!(rig.bot.ok("getWebhookInfo", json!({})).await["pending_update_count"], 0);
}

#[tokio::test]
async fn a_confirmed_update_is_posted_again_if_it_shall() {
    let (rig, hook) = (Rig::start().await, Hook::start(|_| Answer::Status(200)).await);
    rig.api.faults(Faults::default().duplicate(1.0));
    set(&rig, &hook, 1).await;
    rig.push(7, &["a"]);
    assert_eq!(hook.posts(2).await, ["a", "a"]);
}

#[tokio::test]
async fn the_waits_of_retries_can_be_made_shorter() {
    let mut options = Options::default();
    options.retry_scale = 0.0;
    let (rig, hook) = (Rig::with(options).await, Hook::start(|_| Answer::Status(500)).await);
    set(&rig, &hook, 1).await;
    rig.push(7, &["a"]);
    assert_eq!(hook.posts(5).await[..5], ["a"; 5]);
}

#[tokio::test]
async fn a_webhook_that_cannot_be_right_is_refused() {
    let rig = Rig::start().await;
    let set = async |url: &str, secret: &str| {
        rig.bot.call("setWebhook", json!({ "url": url, "secret_token": secret })).await
    };
    set("nonsense", "").await.refuses(400, "Bad Request: invalid webhook URL specified");
    let url = "http://127.0.0.1:9/";
    set(url, "no spaces").await.refuses(400, "Bad Request: secret token contains unallowed characters");
    set(url, &"x".repeat(257)).await.refuses(400, "Bad Request: secret token is too long");
    set(url, &"x".repeat(256)).await.result();
    assert_eq!(set(url, "again").await.status, 429, "one a second");
    rig.api.advance(Duration::from_secs(1));
    set(url, "again").await.result();
}

#[tokio::test]
async fn what_waits_can_be_thrown_away() {
    let rig = Rig::start().await;
    rig.push(7, &["a", "b"]);
    rig.bot.ok("deleteWebhook", json!({ "drop_pending_updates": true })).await;
    assert_eq!(rig.bot.poll(0).await, [0; 0]);
    assert_eq!(rig.api.summary().dropped, 2);
}
