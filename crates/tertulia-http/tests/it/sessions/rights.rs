//! Who may read and change which session.

use std::time::Duration;

use axum::http::{Method, Request};
use serde_json::json;
use tertulia::{Clock, Conversation};
use tertulia_http::{Access, Capabilities, Mint, Resource, Right, Rights};

use super::support::{ANA, Answer, Desk, MERGE, PATCH, request};

const READER: &str = "a-token-that-reads-0123";
const WRITER: &str = "a-token-that-writes-012";

fn capabilities() -> Capabilities {
    Capabilities::new(Clock::system(), b"a key of capabilities").unwrap()
}

fn desk() -> Desk {
    let access = Access::local()
        .token("reader", READER, "sessions:read".parse().unwrap())
        .token("writer", WRITER, "sessions:read,sessions:write".parse().unwrap())
        .token("chat", "a-token-that-chats-0123", "chat,streams:read,streams:write".parse().unwrap())
        .capabilities(capabilities());
    Desk::with(|options| options.access = access)
}

fn minted(resource: Resource<'_>, rights: impl Into<Rights>) -> String {
    capabilities().mint(resource, Mint::new(rights, Duration::from_secs(60))).unwrap().token
}

async fn ask(desk: &Desk, method: Method, path: &str, token: &str) -> Answer {
    let (of, body) = match method {
        Method::PATCH => (MERGE, r#"{"count":1}"#),
        Method::PUT => ("application/json", r#"{"count":1}"#),
        _ => ("application/json", ""),
    };
    let bearer = format!("Bearer {token}");
    desk.ask(request(method, path, &[("authorization", &bearer), ("content-type", of)], body)).await
}

#[tokio::test]
async fn each_request_needs_its_scope() {
    let desk = desk();
    assert_eq!(ask(&desk, Method::PUT, ANA, WRITER).await.status, 201);
    for (method, path) in [
        (Method::GET, ANA.to_owned()),
        (Method::GET, "/v1/sessions/http:ana".to_owned()),
        (Method::GET, format!("{ANA}/tail")),
    ] {
        let refused = ask(&desk, method, &path, "a-token-that-chats-0123").await;
        assert_eq!(refused.error(), (403, "forbidden", "the token lacks the scope sessions:read"), "{path}");
    }
    assert_eq!(ask(&desk, Method::GET, ANA, READER).await.status, 200);
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let refused = ask(&desk, method, ANA, READER).await;
        assert_eq!(refused.error(), (403, "forbidden", "the token lacks the scope sessions:write"));
    }
    assert_eq!(desk.get(ANA).await.status, 401);
}

#[tokio::test]
async fn a_foreign_session_is_answered_like_one_that_is_not_there() {
    let desk = desk();
    ask(&desk, Method::PUT, ANA, WRITER).await;
    let (ana, bob) = (Conversation::new("http", "ana").unwrap(), Conversation::new("http", "bob").unwrap());
    let all: Rights = Right::ALL.into_iter().collect();
    let absent = ask(&desk, Method::GET, "/v1/sessions/http:nobody/chat", WRITER).await;
    assert_eq!(absent.error(), (404, "not_found", "there is no such session"));
    let foreign = [
        minted(Resource::Session(&bob, "chat"), all),
        minted(Resource::Session(&ana, "other"), all),
        minted(Resource::Stream(&ana, "chat"), all),
        minted(Resource::Conversation(&bob), all),
        "tc1_nothing".to_owned(),
    ];
    for token in &foreign {
        for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
            assert_eq!(ask(&desk, method, ANA, token).await, absent);
        }
        for path in [format!("{ANA}/tail"), "/v1/sessions/http:ana/no-such".to_owned()] {
            assert_eq!(ask(&desk, Method::GET, &path, token).await, absent, "{path}");
        }
    }
    assert_eq!(ask(&desk, Method::GET, "/v1/sessions/http:ana/no-such", WRITER).await, absent);
    let own = minted(Resource::Sessions(&ana), all);
    assert_eq!(ask(&desk, Method::GET, ANA, &own).await.json["count"], 1);
    assert_eq!(ask(&desk, Method::DELETE, ANA, &own).await.status, 204);
}

#[tokio::test]
async fn who_may_only_write_learns_nothing() {
    let desk = desk();
    let ana = Conversation::new("http", "ana").unwrap();
    let token = minted(Resource::Session(&ana, "chat"), Right::Write);
    let put = ask(&desk, Method::PUT, ANA, &token).await;
    assert_eq!((put.status.as_u16(), put.json), (204, json!(null)));
    assert_eq!(ask(&desk, Method::GET, ANA, &token).await.status, 404);
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", PATCH)];
    let test = r#"[{"op":"test","path":"/count","value":1}]"#;
    assert_eq!(desk.ask(request(Method::PATCH, ANA, &headers, test)).await.status, 404);
    assert_eq!(ask(&desk, Method::PATCH, ANA, &token).await.status, 204);
}

#[tokio::test]
async fn an_event_source_brings_its_capability_in_the_query() {
    let desk = desk();
    let ana = Conversation::new("http", "ana").unwrap();
    let mint = Mint::new(Right::Read, Duration::from_secs(60)).in_query();
    let token = capabilities().mint(Resource::Session(&ana, "chat"), mint).unwrap().token;
    let path = format!("{ANA}/tail?token={token}");
    let request =
        Request::get(path).header("host", "bot.example.org").body(axum::body::Body::empty()).unwrap();
    let response = tower::ServiceExt::oneshot(desk.routes.clone(), request).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["referrer-policy"]),
        (200, &"no-referrer".parse().unwrap())
    );
}
