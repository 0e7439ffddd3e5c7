//! A conversation of another platform, over HTTP: what is said there is seen here, and what is said here is answered there.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use tertulia::bot::{Bot, Context, Running};
use tertulia::runner::Journal;
use tertulia::storage::Memory;
use tertulia_http::{Http, Options, router};
use tertulia_telegram::Telegram;
use tertulia_testkit::Desk;
use tertulia_testkit::bot_api::{BotApi, NewUpdate, Options as ApiOptions};
use tower::ServiceExt;

struct Site {
    api: BotApi,
    running: Running,
    routes: Router,
}

impl Site {
    /// A bot on HTTP, on Telegram, and at a desk, that repeats what it is told: `live ..` in a live reply.
    async fn new() -> Self {
        let api = BotApi::start(ApiOptions::default()).await.unwrap();
        let telegram = Telegram::new("1:x").unwrap().api_url(&api.url()).unwrap();
        let bot = Bot::new(Http).adapter(telegram).adapter(Desk::new()).storage(Arc::new(Memory::new()));
        let bot = bot.journal(Journal::default()).on_any(async |ctx: Context| {
            let text = ctx.text().to_owned();
            if text.starts_with("live") {
                ctx.reply_live().await?.push(text).await?;
            } else {
                ctx.reply(text).await?;
            }
            Ok(())
        });
        let running = bot.start().await.unwrap();
        let routes = router(running.door().clone(), Options::new());
        Self { api, running, routes }
    }

    async fn ask(&self, request: Request<Body>) -> (StatusCode, Value) {
        let answer = self.routes.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn post(&self, id: &str, message: Value) -> (StatusCode, Value) {
        let request = Request::post(format!("/chat/{id}"));
        self.ask(request.body(message.to_string().into()).unwrap()).await
    }

    async fn read(&self, id: &str) -> Vec<Value> {
        let (status, page) =
            self.ask(Request::get(format!("/v1/chat/{id}")).body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        page["messages"].as_array().unwrap().clone()
    }

    /// Waits until so many messages were sent to the chat `5`.
    async fn until(&self, sent: usize) -> Vec<String> {
        self.api.until(|journal| journal.sent(5).len() == sent).await;
        self.api.sent(5)
    }
}

#[tokio::test]
async fn one_conversation_is_held_by_telegram_and_over_http_at_once() {
    let site = Site::new().await;
    site.api.push(NewUpdate::message(5, "from a phone"));
    site.until(1).await;
    let (status, accepted) =
        site.post("telegram:5", json!({ "text": "live from a page", "from": "Ana" })).await;
    assert_eq!((status, &accepted["conversation"]), (StatusCode::ACCEPTED, &json!("telegram:5")));
    site.until(2).await;
    site.post("telegram:5", json!({ "callback": "approve:c1" })).await;
    assert_eq!(site.until(3).await, ["from a phone", "live from a page", "approve:c1"]);
    assert_eq!(site.running.shutdown(std::time::Duration::from_secs(10)).await, []);

    let messages = site.read("telegram:5").await;
    let [phone, page, pressed] = &*messages else { panic!("{messages:?}") };
    assert_eq!((&phone["text"], &phone["replies"]), (&json!("from a phone"), &json!(["from a phone"])));
    assert_eq!((&page["text"], &page["from"]), (&json!("live from a page"), &json!("Ana")));
    assert_eq!(page["lives"].as_array().unwrap().len(), 1);
    assert_eq!((&pressed["callback"], &pressed["replies"]), (&json!("approve:c1"), &json!(["approve:c1"])));
}

#[tokio::test]
async fn where_nothing_can_be_said_from_elsewhere_it_is_refused_and_other_ids_are_of_http() {
    let site = Site::new().await;
    let (status, refused) = site.post("desk:5", json!({ "text": "hi" })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(refused["error"]["message"], "nothing can be said in desk:5 from here");
    let (status, refused) = site.post("telegram:update:5", json!({ "text": "hi" })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{refused}");
    let (status, answer) = site.post("other:5", json!({ "text": "hi" })).await;
    assert_eq!((status, &answer["conversation"]), (StatusCode::OK, &json!("http:other:5")));
}

#[tokio::test]
async fn what_was_said_on_another_platform_is_said_again_over_http_with_where_it_comes_from() {
    let site = Site::new().await;
    site.api.push(NewUpdate::message(5, "first"));
    site.until(1).await;
    site.api.push(NewUpdate::message(5, "second"));
    site.until(2).await;
    let messages = loop {
        let messages = site.read("telegram:5").await;
        if messages.iter().filter(|said| said["number"].is_number()).count() == 2 {
            break messages;
        }
        tokio::task::yield_now().await;
    };
    let request = Request::post("/v1/chat/telegram:5/regenerate").header("content-type", "application/json");
    let body = json!({ "update": messages[1]["update"], "to": "again" });
    let (status, accepted) = site.ask(request.body(body.to_string().into()).unwrap()).await;
    assert_eq!((status, &accepted["conversation"]), (StatusCode::ACCEPTED, &json!("http:again")));
    let (_, page) = site.ask(Request::get("/v1/chat/again").body(Body::empty()).unwrap()).await;
    assert_eq!(
        (&page["messages"][0]["text"], &page["origin"]["id"]),
        (&json!("second"), &json!("telegram:5"))
    );
    assert_eq!(site.read("telegram:5?before=1").await[0]["text"], "first");
}
