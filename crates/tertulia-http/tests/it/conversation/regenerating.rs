//! A message said again in a new conversation that is what the old one was before it.

use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use super::support::{Answer, Site, next};

async fn regenerate(site: &Site, body: &Value) -> Answer {
    let request = Request::post("/v1/chat/ana/regenerate").header("content-type", "application/json");
    site.ask(request, body.to_string()).await
}

#[tokio::test]
async fn the_message_is_said_to_what_the_bot_knew_before_it() {
    let site = Site::new().await;
    for text in ["one", "two", "three"] {
        site.say("ana", text).await;
    }
    let two = site.messages("ana").await[1]["update"].clone();
    let answer = regenerate(&site, &json!({ "update": two, "to": "ana-2" })).await;
    assert_eq!((answer.status, &answer.json["conversation"]), (StatusCode::ACCEPTED, &json!("http:ana-2")));
    let mut feed = site.feed("ana-2", "0.0-0.0-0.0").await;
    let said = next(&mut feed, "turn").await;
    assert_eq!((&said["text"], &said["replies"]), (&json!("two"), &json!(["message 2"])));
    assert_eq!(said["update"], answer.json["update"]);

    let page = site.get("/v1/chat/ana-2").await.json;
    assert_eq!(page["origin"], json!({ "id": "ana", "before": 1 }), "what came before is read there");
    assert_eq!(site.messages("ana?before=1").await[0]["text"], "one");
    assert_eq!(site.messages("ana").await.len(), 3, "the old conversation stays");
}

#[tokio::test]
async fn asked_again_it_happens_once() {
    let site = Site::new().await;
    site.say("ana", "one").await;
    let one = site.messages("ana").await[0]["update"].clone();
    let body = json!({ "update": one, "to": "ana-2" });
    let first = regenerate(&site, &body).await;
    let mut feed = site.feed("ana-2", "0.0-0.0-0.0").await;
    assert_eq!(next(&mut feed, "turn").await["replies"], json!(["message 1"]));
    let again = regenerate(&site, &body).await;
    assert_eq!((again.status, &again.json), (StatusCode::ACCEPTED, &first.json));
    assert_eq!(site.messages("ana-2").await.len(), 1);
}

#[tokio::test]
async fn what_was_given_up_is_said_again_to_what_the_bot_knows() {
    let site = Site::new().await;
    site.say("ana", "one").await;
    let mut feed = site.follow("ana").await;
    let update = site.post("ana", "k", &json!({ "text": "fail" })).await;
    assert_eq!(next(&mut feed, "turn").await["state"], "given_up");
    assert_eq!(regenerate(&site, &json!({ "update": update, "to": "b" })).await.status, StatusCode::ACCEPTED);
    assert_eq!(site.get("/v1/chat/b").await.json["origin"], json!({ "id": "ana" }));
    assert_eq!(site.say("b", "two").await.json["replies"], json!([{ "text": "message 2" }]));
}

#[tokio::test]
async fn a_conversation_that_is_there_is_not_written_over() {
    let site = Site::new().await;
    site.say("ana", "one").await;
    site.say("bob", "mine").await;
    let one = site.messages("ana").await[0]["update"].clone();
    let answer = regenerate(&site, &json!({ "update": one, "to": "bob" })).await;
    assert_eq!((answer.status, &answer.json["error"]["kind"]), (StatusCode::CONFLICT, &json!("conflict")));
    assert_eq!(site.messages("bob").await.len(), 1);
    let answer = regenerate(&site, &json!({ "update": "0".repeat(32), "to": "c" })).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}
