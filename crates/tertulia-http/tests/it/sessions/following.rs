//! Sessions that are followed.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::Method;
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};
use tertulia::{Clock, Conversation};
use tertulia_http::{Access, Capabilities, Gate, Mint, Resource, Right};
use tower::ServiceExt;

use super::support::{ANA, Desk, request};

struct Events(BodyDataStream);

/// An event: its name, its id, its data.
type Event = (String, String, Value);

impl Events {
    async fn of(desk: &Desk, headers: &[(&str, &str)]) -> Self {
        let request = request(Method::GET, &format!("{ANA}/tail"), headers, Body::empty());
        let response = desk.routes.clone().oneshot(request).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        Self(response.into_body().into_data_stream())
    }

    /// The next event; nothing at the end.
    async fn next(&mut self) -> Option<Event> {
        let waiting = tokio::time::timeout(Duration::from_hours(2), self.0.next());
        let bytes = waiting.await.expect("an event was missed")?.unwrap();
        let text = std::str::from_utf8(&bytes).unwrap().strip_suffix("\n\n").unwrap();
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.unwrap_or_default().to_owned()
        };
        let data = serde_json::from_str(&field("data")).unwrap_or_default();
        Some((field("event"), field("id"), data))
    }

    async fn named(&mut self, name: &str) -> Event {
        let event = self.next().await.unwrap();
        assert_eq!(event.0, name, "{event:?}");
        event
    }
}

/// The tag that names the value that there is.
async fn tag(desk: &Desk) -> String {
    desk.get(ANA).await.etag().trim_matches('"').to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_follower_has_the_value_that_there_is() {
    let desk = Desk::new();
    desk.put(r#"{"name":"Ana"}"#).await;
    let mut events = Events::of(&desk, &[]).await;
    let (_, id, mut value) = events.named("snapshot").await;
    assert_eq!((value.clone(), id), (desk.get(ANA).await.json, tag(&desk).await));
    for n in 0..6 {
        desk.chats.update("http:ana", |chat| chat.history.push(format!("\r\n\ndata: {n}"))).await.unwrap();
        let (_, id, operations) = events.named("patch").await;
        json_patch::patch(&mut value, &serde_json::from_value::<json_patch::Patch>(operations).unwrap())
            .unwrap();
        assert_eq!((value.clone(), id), (desk.get(ANA).await.json, tag(&desk).await));
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_stored_yet_is_followed_too() {
    let desk = Desk::new();
    let mut events = Events::of(&desk, &[]).await;
    assert_eq!(events.named("snapshot").await.2, json!(null));
    desk.put(r#"{"name":"Ana"}"#).await;
    let (_, id, operations) = events.named("patch").await;
    assert_eq!((operations[0]["value"]["name"].as_str(), id), (Some("Ana"), tag(&desk).await));
    desk.ask(request(Method::DELETE, ANA, &[], "")).await;
    assert_eq!(events.named("patch").await.2, json!([{ "op": "replace", "path": "", "value": null }]));
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_goes_on_or_begins_anew() {
    let desk = Desk::new();
    desk.put(r#"{"count":1}"#).await;
    let id = Events::of(&desk, &[]).await.named("snapshot").await.1;
    let mut same = Events::of(&desk, &[("last-event-id", &id)]).await;
    assert_eq!(
        same.next().await.unwrap(),
        (String::new(), String::new(), Value::Null),
        "only when to come back"
    );
    assert!(same.next().now_or_never().is_none());
    desk.put(r#"{"count":2}"#).await;
    assert_eq!(same.named("patch").await.2, json!([{ "op": "replace", "path": "/count", "value": 2 }]));
    let mut later = Events::of(&desk, &[("last-event-id", &id)]).await;
    assert_eq!(later.named("snapshot").await.2["count"], 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_gets_nothing_is_told_that_somebody_is_there() {
    let desk = Desk::new();
    let mut events = Events::of(&desk, &[]).await;
    events.named("snapshot").await;
    let began = tokio::time::Instant::now();
    events.named("ping").await;
    events.named("ping").await;
    assert_eq!(began.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_the_server_stops_and_after_an_hour() {
    let gate = Gate::new();
    let desk = Desk::with(|options| options.gate = Some(gate.clone()));
    let mut events = Events::of(&desk, &[]).await;
    events.named("snapshot").await;
    let began = tokio::time::Instant::now();
    while let Some((name, ..)) = events.next().await {
        assert_eq!(name, "ping");
    }
    assert_eq!(began.elapsed().as_secs(), 3_600);
    let mut events = Events::of(&desk, &[]).await;
    events.named("snapshot").await;
    gate.close();
    assert!(events.next().now_or_never().unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_the_capability_that_lets_it_in() {
    let capabilities = Capabilities::new(Clock::system(), b"a key of capabilities").unwrap();
    let access = Access::local().capabilities(capabilities.clone());
    let desk = Desk::with(|options| options.access = access);
    let ana = Conversation::new("http", "ana").unwrap();
    let mint = Mint::new(Right::Read, Duration::from_secs(40));
    let token = capabilities.mint(Resource::Session(&ana, "chat"), mint).unwrap().token;
    let mut events = Events::of(&desk, &[("authorization", &format!("Bearer {token}"))]).await;
    events.named("snapshot").await;
    let began = tokio::time::Instant::now();
    events.named("ping").await;
    events.named("ping").await;
    assert!(events.next().await.is_none());
    assert_eq!(began.elapsed().as_secs(), 40);
}
