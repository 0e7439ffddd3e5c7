//! Requests that are wrong, too large, or nobody's to make.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use tertulia::storage::Memory;
use tertulia_http::Options;

use crate::support::{Answer, Site, post};

async fn refused(request: axum::http::request::Builder, body: impl Into<Body>) -> Answer {
    let site = Site::new().await;
    let answer = site.ask(request.body(body.into()).unwrap()).await;
    assert_eq!(site.runs.count(), 0, "nothing ran");
    answer
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_with_the_place() {
    let answer = refused(post("alice"), "{\"text\": \"a\",\n  oops}").await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert!(
        answer.error().1.contains("not JSON") && answer.error().1.contains("line 2 column 3"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_body_that_is_no_message_is_refused_with_what_is_missing() {
    let answer = refused(post("alice"), "{}").await;
    assert!(answer.error().1.contains("missing field `text`"), "{answer:?}");
    let answer = refused(post("alice"), r#"{"text": 5}"#).await;
    assert!(answer.error().1.contains("integer `5`") && answer.error().1.contains("column 10"), "{answer:?}");
    let nested = format!(r#"{{"text": "a", "x": {}"#, "[".repeat(60_000));
    assert_eq!(refused(post("alice"), nested).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_body_of_more_than_64_kib_is_refused_and_one_of_64_kib_is_not() {
    let body = |length: usize| format!(r#"{{"text":"{}"}}"#, "x".repeat(length - 11));
    let answer = refused(post("alice"), body(65_537)).await;
    assert_eq!((answer.status(), answer.error().0), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    let site = Site::new().await;
    let answer = site.ask(post("alice").body(body(65_536).into()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn other_types_and_encodings_are_refused() {
    for (name, value) in [("content-type", "text/plain"), ("content-encoding", "gzip")] {
        let answer = refused(post("alice").header(name, value), r#"{"text":"a"}"#).await;
        assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{name}: {value}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let never = futures_util::stream::pending::<std::io::Result<bytes::Bytes>>();
    let answer = refused(post("alice"), Body::from_stream(never)).await;
    assert_eq!((answer.status(), answer.error().0), (StatusCode::REQUEST_TIMEOUT, "slow_body"));
}

#[tokio::test]
async fn conversations_and_keys_that_cannot_be_are_refused() {
    let long = "x".repeat(257);
    let answer = refused(post(&long), r#"{"text":"a"}"#).await;
    assert!(answer.error().1.contains("at most 256"), "{answer:?}");
    assert_eq!(refused(post("%00"), r#"{"text":"a"}"#).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(refused(post("%ff"), r#"{"text":"a"}"#).await.status(), StatusCode::BAD_REQUEST);
    for key in ["", &"k".repeat(256)] {
        let answer = refused(post("alice").header("idempotency-key", key), r#"{"text":"a"}"#).await;
        assert!(answer.error().1.contains("1 to 255"), "{answer:?}");
    }
    let twice = post("alice").header("idempotency-key", "a").header("idempotency-key", "b");
    assert!(refused(twice, r#"{"text":"a"}"#).await.error().1.contains("more than one"));
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused_in_the_same_shape() {
    let get = |path| Request::get(path).header("host", "localhost");
    assert_eq!(refused(get("/"), "").await.error().0, "not_found");
    let answer = refused(get("/chat/alice"), "").await;
    assert_eq!((answer.status(), answer.error().0), (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"));
    assert_eq!(answer.head.headers()["allow"], "POST");
}

#[tokio::test]
async fn with_a_token_only_its_holders_are_answered() {
    let site = Site::with(Arc::new(Memory::new()), Options::new().token("a-very-secret-token")).await;
    let ask = |values: &[&str]| {
        let request = Request::post("/chat/alice").header("host", "bot.example.org");
        let request = values.iter().fold(request, |request, value| request.header("authorization", *value));
        site.ask(request.body(r#"{"text":"a"}"#.into()).unwrap())
    };
    assert_eq!(ask(&["Bearer a-very-secret-token"]).await.status(), StatusCode::OK);
    for wrong in [
        &[][..],
        &["Bearer a-very-secret-toke"],
        &["Bearer a-very-secret-token-"],
        &["Basic a-very-secret-token"],
        &["a-very-secret-token"],
        &["Bearer a-very-secret-token", "Bearer a-very-secret-token"],
    ] {
        let answer = ask(wrong).await;
        assert_eq!(
            (answer.status(), answer.error().0),
            (StatusCode::UNAUTHORIZED, "unauthorized"),
            "{wrong:?}"
        );
        assert_eq!(answer.head.headers()["www-authenticate"], "Bearer");
    }
    assert_eq!(site.runs.count(), 1);
    assert!(!format!("{:?}", Options::new().token("a-very-secret-token")).contains("secret"));
}

#[tokio::test]
async fn without_a_token_no_web_page_is_answered() {
    let from =
        |host: &str, origin: &str| Request::post("/chat/alice").header("host", host).header("origin", origin);
    let body = r#"{"text":"a"}"#;
    let other = refused(from("127.0.0.1:7700", "https://evil.example"), body).await;
    assert_eq!((other.status(), other.error().0), (StatusCode::FORBIDDEN, "forbidden"));
    let rebound = refused(from("evil.example:7700", "http://evil.example:7700"), body).await;
    assert_eq!(rebound.status(), StatusCode::FORBIDDEN);
    assert_eq!(refused(from("127.0.0.1:7700", "null"), body).await.status(), StatusCode::FORBIDDEN);
    let site = Site::new().await;
    for host in ["localhost:7700", "[::1]:7700", "127.0.0.1"] {
        let own = from(host, &format!("http://{host}")).body(body.into()).unwrap();
        assert_eq!(site.ask(own).await.status(), StatusCode::OK, "{host}");
    }
}
