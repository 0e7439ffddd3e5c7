//! Input that means harm.

use super::support::{CLOSED, Site, TEXT};

/// A payload with every line break, a NUL, and what would be frames if it were not data.
const FORGED: &str =
    " a\r\n\r\nevent: control\r\ndata: {\"forged\":1}\n\nid: 7\revent: end\rdata: x\r\rretry: 1\n\0 b\r";

/// What of it a reader gets: each line break is a new line.
fn read() -> String {
    FORGED.replace("\r\n", "\n").replace('\r', "\n")
}

#[tokio::test]
async fn g17_offsets_that_are_none_are_refused() {
    let site = Site::new();
    let made = site.put("/v1/stream/a", &[TEXT], "one").await;
    let good = made.offset();
    let (doubled, beyond) = (format!("{good}&offset={good}"), "9999999999999999_ffffffffffffffff");
    let long = "9".repeat(4_000);
    let bad = ["", "-2", "+1", "1", "1e3", "NaN", "%00", "%ff", "..", "0x10", "now%20", &doubled, &long];
    for offset in bad {
        for live in ["", "&live=sse", "&live=long-poll"] {
            let path = format!("/v1/stream/a?offset={offset}{live}");
            assert_eq!(site.get(&path).await.status, 400, "{path}");
        }
        assert_eq!(site.get(&format!("/v1/events/a?offset={offset}")).await.status, 400, "{offset}");
    }
    assert_eq!(site.get(&format!("/v1/stream/a?offset={beyond}")).await.status, 410);
    // A place of this stream that is not there yet.
    let ahead = format!("9999999999999999{}", &good[16..]);
    assert_eq!(site.get(&format!("/v1/stream/a?offset={ahead}")).await.status, 410);
    assert_eq!(site.get(&format!("/v1/stream/a?{}", "x".repeat(5_000))).await.status, 400);
    for live in ["live=sse", "live=long-poll", "live=", "live=x", "offset=-1&live=sse&live=sse"] {
        assert_eq!(site.get(&format!("/v1/stream/a?{live}")).await.status, 400, "{live}");
    }
}

#[tokio::test]
async fn g17_no_payload_passes_for_a_frame() {
    let site = Site::new();
    site.put("/v1/stream/a", &[TEXT], FORGED).await;
    site.post("/v1/stream/a", &[TEXT, CLOSED], FORGED).await;
    let events = site.follow("/v1/events/a", &[]).await.rest().await;
    let kinds: Vec<_> = events.iter().map(|event| &*event.kind).collect();
    assert_eq!(kinds, ["message", "message", "end"]);
    assert_eq!((&events[0].data, &events[1].data), (&read(), &read()));
    let events = site.follow("/v1/stream/a?offset=-1&live=sse", &[]).await.rest().await;
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!((&*events[0].kind, &events[0].data), ("data", &format!("{}{}", read(), read())));
    assert!(!events[1].data.contains("forged"));
}

#[tokio::test]
async fn g17_no_header_and_no_path_does_harm() {
    let site = Site::new();
    let long = "x".repeat(300);
    for path in ["%00", "a%0ab", "%ff", &long, "http:alice/%0d", &format!("http:alice/{long}")] {
        for method in ["PUT", "GET", "POST", "HEAD", "DELETE"] {
            let answer = site.send(method, &format!("/v1/stream/{path}"), &[TEXT], "x").await;
            assert_eq!(answer.status, 400, "{method} {path}");
        }
        assert_eq!(site.get(&format!("/v1/events/{path}")).await.status, 400, "{path}");
        assert_eq!(site.post(&format!("/v1/cancel/{path}"), &[], "").await.status, 400, "{path}");
    }
    assert_eq!(site.put("/v1/stream/__ds/subscriptions/a", &[TEXT], "").await.status, 404);
    let headers: [(&str, &str); 8] = [
        ("content-type", "nonsense"),
        ("content-type", &long),
        ("stream-ttl", "99999999999999999999999"),
        ("stream-ttl", "-1"),
        ("stream-expires-at", "the day after"),
        ("stream-fork-offset", "x"),
        ("stream-forked-from", "/v1/stream/%00"),
        ("stream-forked-from", "http://elsewhere/v1/strea"),
    ];
    for (name, value) in headers {
        assert_eq!(site.put("/v1/stream/a", &[(name, value)], "").await.status, 400, "{name}: {value}");
    }
    site.put("/v1/stream/a", &[TEXT], "").await;
    assert_eq!(site.send("PATCH", "/v1/stream/a", &[], "").await.status, 405);
    for id in ["x", "-1_end", "7", "\u{b5}"] {
        let answer = site.send("GET", "/v1/events/a", &[("last-event-id", id)], "").await;
        assert_eq!(answer.status, 400, "{id}");
    }
}
