//! Who may read, follow and stop a conversation.

use std::sync::Arc;

use axum::http::Request;
use serde_json::json;
use tertulia::storage::Memory;
use tertulia_http::{Access, Options};

use super::support::Site;
use crate::access::support::{KEY, TOKEN, capabilities};

const PAGE: &str = "a-token-of-a-page-01234";

async fn site() -> Site {
    let access = Access::local()
        .token("all", TOKEN, "chat, streams:read, streams:write, sessions:read, admin".parse().unwrap())
        .token("reader", PAGE, "streams:read, sessions:read".parse().unwrap())
        .capabilities(capabilities());
    let mut options = Options::new();
    options.access = access;
    Site::with(Arc::new(Memory::new()), None, options).await
}

async fn status(site: &Site, method: &str, path: &str, token: &str) -> u16 {
    let request =
        Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
    site.ask(request.header("content-type", "application/json"), r#"{"text":"x"}"#).await.status.as_u16()
}

#[tokio::test]
async fn an_api_token_needs_the_scope_chat() {
    let site = site().await;
    for (method, path) in [("GET", "/v1/chat/ana"), ("POST", "/v1/chat/ana/stop"), ("POST", "/chat/ana")] {
        assert_eq!(status(&site, method, path, TOKEN).await, 200, "{path}");
        assert_eq!(status(&site, method, path, PAGE).await, 403, "{path}");
        assert_eq!(status(&site, method, path, "nobody-has-this-token").await, 401, "{path}");
    }
    assert_eq!(status(&site, "GET", "/v1/chat/ana/feed", PAGE).await, 403);
    assert_eq!(status(&site, "POST", "/v1/chat/ana/regenerate", PAGE).await, 403);
}

#[tokio::test]
async fn a_capability_of_a_conversation_opens_it_for_reading_and_nothing_else() {
    let site = site().await;
    assert!(!KEY.is_empty());
    let mint = Request::post("/v1/tokens").header("authorization", format!("Bearer {TOKEN}"));
    let body = json!({ "conversation": "http:ana", "rights": ["read"], "seconds": 60 });
    let minted = site.ask(mint.header("content-type", "application/json"), body.to_string()).await;
    let token = minted.json["token"].as_str().unwrap().to_owned();
    assert_eq!(status(&site, "GET", "/v1/chat/ana", &token).await, 200);
    assert_eq!(status(&site, "GET", "/v1/chat/bob", &token).await, 404);
    assert_eq!(status(&site, "POST", "/v1/chat/ana/stop", &token).await, 404);
    assert_eq!(status(&site, "POST", "/chat/ana", &token).await, 401);
}
