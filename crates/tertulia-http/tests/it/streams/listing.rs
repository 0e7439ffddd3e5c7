//! The streams of a conversation as JSON.

use serde_json::json;

use super::support::{CLOSED, JSON, Site, TEXT};

#[tokio::test]
async fn the_streams_of_a_conversation_are_listed_by_name() {
    let site = Site::new();
    site.put("/v1/stream/http:alice/b%2Fc%20d", &[JSON, CLOSED], "[1,2]").await;
    let made = site.put("/v1/stream/http:alice/a", &[TEXT, ("stream-ttl", "60")], "").await;
    site.put("/v1/stream/http:bob/a", &[TEXT], "").await;
    let listed = site.get("/v1/conversations/http:alice/streams").await;
    assert_eq!((listed.status.as_u16(), listed.header("cache-control")), (200, Some("no-store")));
    let listed = listed.json();
    assert_eq!(
        listed["entries"][0],
        json!({
            "name": "a", "path": "http:alice/a", "content_type": "text/plain", "start": made.offset(),
            "end": made.offset(), "cancelled": false, "ttl": 60,
        })
    );
    let second = &listed["entries"][1];
    assert_eq!((&second["name"], &second["closed"]), (&json!("b/c d"), &json!("complete")));
    let path = second["path"].as_str().unwrap();
    assert_eq!(site.get(&format!("/v1/stream/{path}")).await.text(), "[1,2]");
    assert_eq!((listed["entries"].as_array().unwrap().len(), &listed["next"]), (2, &json!(null)));
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let site = Site::new();
    for n in 0..5 {
        site.put(&format!("/v1/stream/http:alice/{n}"), &[TEXT], "").await;
    }
    let (mut names, mut after) = (Vec::new(), String::new());
    loop {
        let page = site.get(&format!("/v1/conversations/http:alice/streams?limit=2{after}")).await.json();
        names.extend(
            page["entries"]
                .as_array()
                .unwrap()
                .iter()
                .map(|entry| entry["name"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(names, ["0", "1", "2", "3", "4"]);
    for wrong in ["http:alice/streams?limit=0", "http:alice/streams?limit=1001", "alice/streams"] {
        assert_eq!(site.get(&format!("/v1/conversations/{wrong}")).await.status, 400, "{wrong}");
    }
}
