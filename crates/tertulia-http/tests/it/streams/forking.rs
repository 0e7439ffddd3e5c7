//! A stream begins as a copy of another one and goes its own way.

use super::support::{CLOSED, JSON, Site, TEXT};

#[tokio::test]
async fn a_fork_has_what_came_before_and_goes_its_own_way() {
    let site = Site::new();
    let begin = site.put("/v1/stream/a", &[TEXT], "one ").await;
    site.post("/v1/stream/a", &[TEXT, CLOSED], "two").await;
    let from = ("stream-forked-from", "/v1/stream/a");
    let made = site.put("/v1/stream/b", &[from, ("stream-fork-offset", begin.offset())], "other").await;
    assert_eq!((made.status.as_u16(), made.header("content-type")), (201, Some("text/plain")));
    assert_eq!(site.get("/v1/stream/b").await.text(), "one other");
    assert_eq!(site.get(&format!("/v1/stream/b?offset={}", begin.offset())).await.text(), "other");
    let again = [from, ("stream-fork-offset", begin.offset())];
    assert_eq!(site.put("/v1/stream/b", &again, "").await.status, 200);
    assert_eq!(site.put("/v1/stream/b", &[from], "").await.status, 200);
    for other in [&[TEXT][..], &[from, ("stream-fork-offset", "-1")], &[from, TEXT, ("stream-ttl", "9")]] {
        assert_eq!(site.put("/v1/stream/b", other, "").await.status, 409, "{other:?}");
    }
    assert_eq!(site.get("/v1/stream/a").await.text(), "one two");
}

#[tokio::test]
async fn a_fork_may_begin_within_what_was_appended_at_once() {
    let site = Site::new();
    site.put("/v1/stream/a", &[JSON], "[1,2,3]").await;
    let from = ("stream-forked-from", "/v1/stream/a");
    for (name, sub, expected) in [("b", "2", "[1,2]"), ("c", "3", "[1,2,3]")] {
        let headers = [from, ("stream-fork-offset", "-1"), ("stream-fork-sub-offset", sub)];
        assert_eq!(site.put(&format!("/v1/stream/{name}"), &headers, "").await.status, 201);
        assert_eq!(site.get(&format!("/v1/stream/{name}")).await.text(), expected);
    }
    for sub in ["4", "-1", "x"] {
        let headers = [from, ("stream-fork-offset", "-1"), ("stream-fork-sub-offset", sub)];
        assert_eq!(site.put("/v1/stream/d", &headers, "").await.status, 400, "{sub}");
    }
}

#[tokio::test]
async fn what_cannot_be_forked_is_told() {
    let site = Site::new();
    let from = ("stream-forked-from", "/v1/stream/a");
    assert_eq!(site.put("/v1/stream/b", &[from], "").await.status, 404);
    site.put("/v1/stream/a", &[TEXT], "one").await;
    let other = site.put("/v1/stream/other", &[TEXT], "one").await;
    let wrong = site.put("/v1/stream/b", &[from, JSON], "").await;
    assert_eq!((wrong.status.as_u16(), &*wrong.kind()), (409, "type_mismatch"));
    for offset in [other.offset(), "9999999999999999_9999999999999999", "x"] {
        assert_eq!(site.put("/v1/stream/b", &[from, ("stream-fork-offset", offset)], "").await.status, 400);
    }
    assert_eq!(site.put("/v1/stream/b", &[("stream-forked-from", "a")], "").await.status, 400);
}

#[tokio::test]
async fn a_deleted_source_keeps_its_name_until_its_forks_are_gone() {
    let site = Site::new();
    site.put("/v1/stream/a", &[TEXT], "one").await;
    let from = ("stream-forked-from", "/v1/stream/a");
    site.put("/v1/stream/b", &[from], "").await;
    assert_eq!(site.send("DELETE", "/v1/stream/a", &[], "").await.status, 204);
    for method in ["GET", "HEAD", "POST", "DELETE"] {
        assert_eq!(site.send(method, "/v1/stream/a", &[TEXT], "x").await.status, 410, "{method}");
    }
    assert_eq!(site.put("/v1/stream/a", &[TEXT], "").await.status, 409);
    assert_eq!(site.put("/v1/stream/c", &[from], "").await.status, 409);
    assert_eq!(site.get("/v1/stream/b").await.text(), "one");
    site.send("DELETE", "/v1/stream/b", &[], "").await;
    assert_eq!(site.get("/v1/stream/a").await.status, 404);
}
