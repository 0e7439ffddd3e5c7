//! What is read again, and what is not sent again.

use super::support::{CLOSED, JSON, Site, TEXT};

#[tokio::test]
async fn a_page_that_is_known_is_not_sent_again() {
    let site = Site::new();
    site.put("/v1/stream/a", &[TEXT], "one").await;
    let first = site.get("/v1/stream/a").await;
    let tag = first.header("etag").unwrap().to_owned();
    assert_eq!(first.header("cache-control"), Some("private, max-age=60, stale-while-revalidate=300"));
    let ask = async || site.send("GET", "/v1/stream/a", &[("if-none-match", &tag)], "").await;
    let known = ask().await;
    assert_eq!((known.status.as_u16(), known.text(), known.header("etag")), (304, "", Some(&*tag)));
    site.post("/v1/stream/a", &[TEXT], " two").await;
    assert_eq!(ask().await.text(), "one two");
}

#[tokio::test]
async fn a_tag_changes_when_the_stream_is_closed() {
    let site = Site::new();
    site.put("/v1/stream/a", &[JSON], "[1]").await;
    let tag = site.get("/v1/stream/a").await.header("etag").unwrap().to_owned();
    site.post("/v1/stream/a", &[CLOSED], "").await;
    let again = site.send("GET", "/v1/stream/a", &[("if-none-match", &tag)], "").await;
    assert_eq!((again.status.as_u16(), again.header("stream-closed")), (200, Some("true")));
}

#[tokio::test]
async fn where_the_end_is_now_nobody_keeps() {
    let site = Site::new();
    site.put("/v1/stream/a", &[JSON], "[1]").await;
    let now = site.get("/v1/stream/a?offset=now").await;
    assert_eq!((now.text(), now.header("cache-control"), now.header("etag")), ("[]", Some("no-store"), None));
    assert_eq!(now.header("stream-up-to-date"), Some("true"));
}

#[tokio::test]
async fn g1_a_reader_goes_on_exactly_where_it_was() {
    let site = Site::with(|options| options.page_bytes = 1_000);
    let messages = (0..500).map(|n| n.to_string()).collect::<Vec<_>>();
    site.put("/v1/stream/a", &[JSON], &format!("[{}]", messages.join(","))).await;
    let (mut read, mut offset, mut pages) = (Vec::new(), "-1".to_owned(), 0);
    loop {
        let page = site.get(&format!("/v1/stream/a?offset={offset}")).await;
        read.extend(page.json().as_array().unwrap().iter().map(|n| n.as_u64().unwrap()));
        assert_eq!(page.header("stream-closed"), None);
        pages += 1;
        offset = page.offset().to_owned();
        if page.header("stream-up-to-date").is_some() {
            break;
        }
    }
    assert_eq!(read, (0..500).collect::<Vec<_>>());
    assert!(pages > 1, "{pages}");
    let end = site.get(&format!("/v1/stream/a?offset={offset}")).await;
    assert_eq!((end.text(), end.offset()), ("[]", &*offset));
}

#[tokio::test]
async fn nothing_that_was_written_runs_in_a_browser() {
    let site = Site::new();
    site.put("/v1/stream/a", &[("content-type", "text/html")], "<script>alert(1)</script>").await;
    let page = site.get("/v1/stream/a").await;
    assert_eq!(page.header("content-security-policy"), Some("sandbox; default-src 'none'"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(site.get("/v1/stream/none").await.header("x-content-type-options"), Some("nosniff"));
}
