//! Who may read, write and cancel.

use std::time::Duration;

use tertulia::{Clock, Conversation};
use tertulia_http::{Access, Capabilities, Mint, Resource, Right, Scope};

use super::support::{Site, TEXT};

const STREAM: &str = "/v1/stream/http:alice/reply";

#[tokio::test]
async fn a_token_does_what_its_scopes_say() {
    let access = Access::local().token("reader", "r", Scope::StreamsRead.into());
    let access = access.token("writer", "w", [Scope::StreamsRead, Scope::StreamsWrite].into_iter().collect());
    let site = Site::with(|options| options.access = access);
    let (reader, writer) = (("authorization", "Bearer r"), ("authorization", "Bearer w"));
    assert_eq!(site.put(STREAM, &[TEXT], "x").await.status, 401);
    assert_eq!(site.put(STREAM, &[TEXT, reader], "x").await.status, 403);
    assert_eq!(site.put(STREAM, &[TEXT, writer], "x").await.status, 201);
    assert_eq!(site.send("GET", STREAM, &[reader], "").await.text(), "x");
    for (method, path) in [("POST", STREAM), ("DELETE", STREAM), ("POST", "/v1/cancel/http:alice/reply")] {
        assert_eq!(site.send(method, path, &[TEXT, reader], "y").await.status, 403, "{method} {path}");
    }
    // What could be asked anybody may know.
    let preflight = site.send("OPTIONS", STREAM, &[("origin", "https://example.com")], "").await;
    assert_eq!((preflight.status.as_u16(), preflight.header("access-control-allow-origin")), (204, None));
    assert!(preflight.header("access-control-allow-headers").unwrap().contains("if-none-match"));
}

#[tokio::test(start_paused = true)]
async fn g16_what_is_anothers_is_not_there() {
    // One for all: two would differ by what passes between their beginnings.
    let clock = Clock::system();
    let capabilities = Capabilities::new(clock.clone(), b"a key of 16 bytes or more").unwrap();
    let access =
        Access::local().token("all", "t", Scope::StreamsWrite.into()).capabilities(capabilities.clone());
    let site = Site::with(|options| (options.access, options.clock) = (access, clock));
    let all = ("authorization", "Bearer t");
    for path in [STREAM, "/v1/stream/http:bob/reply", "/v1/stream/http:alice/other"] {
        assert_eq!(site.put(path, &[TEXT, all], "secret").await.status, 201);
    }
    let alice = Conversation::new("http", "alice").unwrap();
    let mint = Mint::new(Right::Read, Duration::from_secs(60)).in_query();
    let token = capabilities.mint(Resource::Stream(&alice, "reply"), mint).unwrap().token;
    let with = |path: &str| format!("{path}?token={token}");
    let absent = site.get(&with("/v1/stream/http:alice/none")).await;
    assert_eq!(absent.status, 404);
    for path in ["/v1/stream/http:bob/reply", "/v1/stream/http:alice/other", "/v1/events/http:bob/reply"] {
        let answer = site.get(&with(path)).await;
        assert_eq!((answer.status, &answer.body), (absent.status, &absent.body), "{path}");
    }
    let bearer = format!("Bearer {token}");
    let write = site.post(STREAM, &[TEXT, ("authorization", &bearer)], "x").await;
    assert_eq!(write.status, 404);
    assert_eq!(site.get(&with("/v1/conversations/http:alice/streams")).await.status, 404);
    // It may read while its right lasts, and is sent away when that ends.
    let mut reader = site.follow(&with("/v1/events/http:alice/reply"), &[]).await;
    assert_eq!(reader.next().await.unwrap().data, "secret");
    let began = tokio::time::Instant::now();
    assert!(reader.rest().await.iter().all(|event| event.kind == "ping"));
    assert_eq!(began.elapsed(), Duration::from_secs(60));
    let body = site.get(&with(STREAM)).await.body;
    assert_eq!(body, absent.body);
}

#[tokio::test]
async fn a_fork_needs_the_right_to_read_its_source() {
    let capabilities = Capabilities::new(Clock::system(), b"a key of 16 bytes or more").unwrap();
    let access =
        Access::local().token("all", "t", Scope::StreamsWrite.into()).capabilities(capabilities.clone());
    let site = Site::with(|options| options.access = access);
    site.put("/v1/stream/http:bob/reply", &[TEXT, ("authorization", "Bearer t")], "secret").await;
    let alice = Conversation::new("http", "alice").unwrap();
    let mint = Mint::new(Right::Write, Duration::from_secs(60));
    let bearer =
        format!("Bearer {}", capabilities.mint(Resource::Stream(&alice, "reply"), mint).unwrap().token);
    let from = ("stream-forked-from", "/v1/stream/http:bob/reply");
    assert_eq!(site.put(STREAM, &[("authorization", &bearer), from], "").await.status, 404);
    assert_eq!(site.put(STREAM, &[("authorization", &bearer), TEXT], "").await.status, 201);
}
