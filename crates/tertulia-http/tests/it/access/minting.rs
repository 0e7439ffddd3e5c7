//! Capability tokens over HTTP.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tertulia::Conversation;
use tertulia::storage::Memory;
use tertulia_http::{Access, Options, Resource, Right};

use super::support::{TOKEN, alice, capabilities, get_with, post_with};
use crate::support::{Answer, Site};

fn access(scopes: &str) -> Access {
    Access::local().token("page", TOKEN, scopes.parse().unwrap()).capabilities(capabilities())
}

async fn site(access: Access) -> Site {
    let mut options = Options::new();
    options.access = access;
    Site::with(Arc::new(Memory::new()), options).await
}

fn ask(token: &str, body: &Value) -> Request<Body> {
    let (mut parts, _) = post_with("/v1/tokens", token).into_parts();
    parts.headers.insert("content-type", "application/json".parse().unwrap());
    Request::from_parts(parts, body.to_string().into())
}

async fn minted(scopes: &str, body: Value) -> Answer {
    site(access(scopes)).await.ask(ask(TOKEN, &body)).await
}

#[tokio::test]
async fn an_api_token_mints_what_it_opens_itself() {
    let of = alice();
    let bob = Conversation::new("http", "bob").unwrap();
    let stream = Resource::Stream(&of, "answer");
    for (scopes, asked, opened, closed) in [
        ("streams:read", json!({"stream": "answer"}), stream, Resource::Stream(&of, "other")),
        ("sessions:read", json!({"session": "chat"}), Resource::Session(&of, "chat"), stream),
        ("streams:read", json!({"only": "streams"}), Resource::Streams(&of), Resource::Session(&of, "a")),
        ("sessions:read", json!({"only": "sessions"}), Resource::Sessions(&of), stream),
        ("streams:read,sessions:read", json!({}), Resource::Conversation(&of), Resource::Streams(&bob)),
    ] {
        let mut body = asked;
        body["conversation"] = "http:alice".into();
        body["rights"] = json!(["read"]);
        let answer = minted(scopes, body).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        let (parts, _) = get_with("/", answer.json["token"].as_str().unwrap()).into_parts();
        let grant = access(scopes).check(&parts).unwrap();
        assert!(grant.allows(opened, Right::Read) && !grant.allows(opened, Right::Write));
        assert!(!grant.allows(closed, Right::Read), "{closed:?}");
        assert_eq!(answer.json["expires_ms"].as_u64(), grant.expires().map(|at| at.0));
    }
}

#[tokio::test]
async fn nobody_mints_more_than_he_has() {
    let body = |rights: Value| json!({"conversation": "http:alice", "stream": "a", "rights": rights});
    for (scopes, body) in [
        ("streams:write,chat,admin", body(json!(["read"]))),
        ("streams:read", body(json!(["read", "write"]))),
        ("streams:read,sessions:write", body(json!(["cancel"]))),
        ("streams:read", json!({"conversation": "http:alice", "rights": ["read"]})),
    ] {
        let answer = minted(scopes, body).await;
        assert_eq!((answer.status().as_u16(), answer.error().0), (403, "forbidden"), "{scopes}");
    }
    let capability =
        capabilities().mint(Resource::Conversation(&alice()), super::support::for_a_minute(Right::Read));
    let capability = capability.unwrap().token;
    let site = site(access("chat")).await;
    let answer = site.ask(ask(&capability, &body(json!(["read"])))).await;
    assert_eq!(answer.status(), 401, "with a capability none are minted: {answer:?}");
    assert_eq!(site.ask(get_with("/health", &capability)).await.status(), 401);
    assert_eq!(site.ask(post_with("/v1/tokens", "no-token-of-anybody")).await.status(), 401);
}

#[tokio::test]
async fn what_cannot_be_minted_is_refused_with_the_reason() {
    let stream = json!({"conversation": "http:alice", "stream": "a", "rights": ["read"]});
    for (change, reason) in [
        (json!({"rights": []}), "at least one right"),
        (json!({"rights": ["reed"]}), "`reed` is not a right; rights: read, write, cancel"),
        (json!({"seconds": 3_601}), "at most 3600 s"),
        (json!({"seconds": 61, "query": true}), "at most 60 s"),
        (json!({"session": "a"}), "only one of stream, session and only"),
        (json!({"conversation": "alice"}), "not of the form source:id"),
        (json!({"stream": ""}), "a name of 0 bytes; allowed: 1 to 256"),
        (json!({"sekonds": 1}), "unknown field `sekonds`"),
    ] {
        let mut body = stream.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = minted("streams:read", body).await;
        assert_eq!(answer.status(), 400, "{answer:?}");
        assert!(answer.error().1.contains(reason), "{answer:?}");
    }
    let without = site(Access::local().token("page", TOKEN, "streams:read".parse().unwrap())).await;
    let answer = without.ask(ask(TOKEN, &stream)).await;
    assert_eq!((answer.status().as_u16(), answer.error().1), (404, "capability tokens are not in use here"));
}
