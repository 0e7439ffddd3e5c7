//! Streams of others, and streams on pages.

use axum::http::HeaderMap;
use tertulia::Conversation;
use tertulia_http::{Access, Resource, Right, Scopes};

use super::support::{TOKEN, alice, capabilities, for_a_minute};
use crate::streams::support::{Site, TEXT};

/// An answer as its client sees it, apart from the date.
fn seen(answer: &crate::streams::support::Answer) -> (u16, HeaderMap, String) {
    (answer.status.as_u16(), answer.headers.clone(), String::from_utf8_lossy(&answer.body).into_owned())
}

#[tokio::test]
async fn g16_a_cursor_is_good_for_its_stream_and_its_tenant_only() {
    let access = Access::local().token("all", TOKEN, Scopes::all()).capabilities(capabilities());
    let site = Site::with(|options| options.access = access);
    let all = format!("Bearer {TOKEN}");
    let all = ("authorization", all.as_str());
    let (of_alice, of_bob) = ("http:alice/reply", "http:bob/reply");
    for path in [of_alice, of_bob] {
        assert_eq!(site.put(&format!("/v1/stream/{path}"), &[TEXT, all], "secret").await.status, 201);
    }
    let read = site.send("GET", &format!("/v1/stream/{of_alice}"), &[all], "").await;
    let cursor = read.header("stream-next-offset").unwrap().to_owned();
    let (stream, events) = (
        |path: &str| format!("/v1/stream/{path}?offset={cursor}"),
        |path: &str| format!("/v1/events/{path}"),
    );
    let last = ("last-event-id", cursor.as_str());
    // On another stream it is refused, with where that begins; never answered with nothing.
    let other = site.send("GET", &stream(of_bob), &[all], "").await;
    assert_eq!(
        (other.status.as_u16(), other.text().contains("resync_required")),
        (410, true),
        "{}",
        other.text()
    );
    assert_eq!(site.send("GET", &events(of_bob), &[all, last], "").await.status, 410);
    // To another tenant there is neither of the streams, whatever the cursor.
    let bob = Conversation::new("http", "bob").unwrap();
    for right in [Resource::Conversation(&bob), Resource::Stream(&alice(), "other")] {
        let token = capabilities().mint(right, for_a_minute(Right::Read)).unwrap().token;
        let bearer = format!("Bearer {token}");
        let bearer = ("authorization", bearer.as_str());
        let unknown = seen(&site.send("GET", &stream("http:alice/none"), &[all], "").await);
        assert_eq!(unknown.0, 404);
        for path in [of_alice, "http:alice/none", "http:carol/none", "a/b"] {
            assert_eq!(seen(&site.send("GET", &stream(path), &[bearer], "").await), unknown, "{path}");
        }
        let unknown = seen(&site.send("GET", &events("http:alice/none"), &[all, last], "").await);
        assert_eq!(unknown.0, 404);
        for path in [of_alice, "http:alice/none"] {
            assert_eq!(seen(&site.send("GET", &events(path), &[bearer, last], "").await), unknown, "{path}");
        }
    }
}

#[tokio::test]
async fn a_page_of_a_named_origin_reads_streams() {
    const PAGE: (&str, &str) = ("origin", "https://app.example.org");
    let access = Access::local().token("all", TOKEN, Scopes::all()).origins(PAGE.1.parse().unwrap());
    let site = Site::with(|options| options.access = access);
    let asks = [
        PAGE,
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "stream-ttl,authorization"),
    ];
    let path = "/v1/stream/http:alice/reply";
    let preflight = site.send("OPTIONS", path, &asks, "").await;
    assert_eq!(
        (preflight.status.as_u16(), preflight.header("access-control-allow-origin")),
        (204, Some(PAGE.1))
    );
    assert_eq!(preflight.header("access-control-allow-headers"), Some("authorization, stream-ttl"));
    let bearer = format!("Bearer {TOKEN}");
    let put = site.put(path, &[TEXT, PAGE, ("authorization", &bearer)], "x").await;
    assert_eq!((put.status.as_u16(), put.header("access-control-allow-origin")), (201, Some(PAGE.1)));
    assert!(put.header("access-control-expose-headers").unwrap().contains("stream-next-offset"));
    let other = [("origin", "https://evil.example"), asks[1], asks[2]];
    let preflight = site.send("OPTIONS", path, &other, "").await;
    assert_eq!(preflight.header("access-control-allow-origin"), None);
}
