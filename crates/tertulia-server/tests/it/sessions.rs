//! The bot's sessions over HTTP, across restarts.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Folder, Server, client};

async fn ask(server: &Server, method: Method, headers: &[(&str, &str)], body: &str) -> (u16, String, Value) {
    let url = format!("{}/v1/sessions/http:alice/demo", server.url);
    let request = client().request(method, url).body(body.to_owned());
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let etag = response.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned());
    (status, etag.unwrap_or_default(), response.json().await.unwrap_or_default())
}

#[tokio::test]
async fn the_bot_sees_what_is_changed_and_tags_hold_after_a_kill() {
    let folder = Folder::new();
    let server = folder.serve();
    assert_eq!(ask(&server, Method::GET, &[], "").await.0, 404);
    server.say("alice", "my name is Ana").await;
    let (status, tag, value) = ask(&server, Method::GET, &[], "").await;
    assert_eq!((status, &value["name"], &value["history"]), (200, &json!("Ana"), &json!(["my name is Ana"])));
    server.kill();

    let server = folder.serve();
    let merge = ("content-type", "application/merge-patch+json");
    let (status, next, _) =
        ask(&server, Method::PATCH, &[merge, ("if-match", &tag)], r#"{"name":"Eva"}"#).await;
    assert_eq!(status, 200);
    assert_eq!(server.say("alice", "what is my name").await, ["Your name is Eva."]);
    let late = ask(&server, Method::PATCH, &[merge, ("if-match", &next)], r#"{"name":"Ida"}"#).await;
    assert_eq!(
        (late.0, late.2["error"]["kind"].as_str()),
        (412, Some("precondition_failed")),
        "the bot wrote"
    );
    let unfit = ask(&server, Method::PATCH, &[merge], r#"{"messages":"many"}"#).await;
    assert_eq!(unfit.0, 422);
    assert!(
        unfit.2["error"]["message"].as_str().unwrap().starts_with("`/messages` does not fit"),
        "{unfit:?}"
    );
    assert_eq!(server.say("alice", "what is my name").await, ["Your name is Eva."]);
}

#[tokio::test]
async fn a_page_follows_what_the_bot_writes_until_the_server_stops() {
    let folder = Folder::new();
    let mut server = folder.serve();
    let tail = client().get(format!("{}/v1/sessions/http:alice/demo/tail", server.url)).send();
    let mut tail = tail.await.unwrap();
    let mut text = String::new();
    let mut until = async |part: &str| {
        while !text.contains(part) {
            text.push_str(std::str::from_utf8(&tail.chunk().await.unwrap().unwrap()).unwrap());
        }
    };
    until("event: snapshot").await;
    server.say("alice", "my name is Ana").await;
    until("\"name\":\"Ana\"").await;
    server.say("alice", "note milk").await;
    until("\"milk\"").await;
    server.signal("TERM");
    while tail.chunk().await.is_ok_and(|read| read.is_some()) {}
    assert!(server.wait().success());
}
