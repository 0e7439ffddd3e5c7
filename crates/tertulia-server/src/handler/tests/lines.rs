//! Answers that come line by line.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::json;
use tertulia::runner;

use super::{Desk, Posted, patience, typed};

fn lines(text: &str) -> Response<Body> {
    typed("application/x-ndjson", text.to_owned())
}

/// An answer that breaks off behind `text`.
fn cut(text: &'static str) -> Response<Body> {
    let begun = stream::once(async { Ok(Bytes::from_static(text.as_bytes())) });
    let breaks = stream::once(async {
        // What was said so far goes out first.
        tokio::task::yield_now().await;
        Err(io::Error::other("cut"))
    });
    typed("application/x-ndjson", Body::from_stream(begun.chain(breaks)))
}

#[tokio::test]
async fn each_line_adds_to_what_the_lines_before_it_did() {
    let desk = Desk::new(|_| {
        lines(
            "{\"session\":{\"a\":1}}\n{\"reply\":{\"text\":\"one\"}}\r\n\n\
             {\"session_patch\":[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"}]}\n\
             {\"session\":{\"a\":null}}\n{\"reply\":{\"text\":\"two\"}}\n{\"done\":false}\n{\"done\":true}",
        )
    })
    .await;
    assert_eq!(desk.say("hello").await.unwrap(), ["one", "two"]);
    assert_eq!(desk.session().await, json!({ "b": 1 }));
}

#[tokio::test]
async fn lines_may_be_cut_anywhere_on_their_way() {
    let text = "{\"reply\":{\"text\":\"é\"}}\n{\"done\":true}\n";
    let desk = Desk::new(move |_| {
        let parts = text.bytes().map(|byte| Ok::<_, io::Error>(Bytes::copy_from_slice(&[byte])));
        typed("application/x-ndjson", Body::from_stream(stream::iter(parts)))
    })
    .await;
    assert_eq!(desk.say("hello").await.unwrap(), ["é"]);
}

#[tokio::test]
async fn nothing_counts_of_an_answer_that_is_not_done() {
    let begun = "{\"session\":{\"a\":1}}\n{\"reply\":{\"text\":\"lost\"}}\n";
    for (answer, says) in [
        (cut(begun), "was cut"),
        (cut("{\"done\":tr"), "was cut"),
        (lines(begun), "ended without `done`"),
        (lines(""), "ended without `done`"),
    ] {
        let answer = std::sync::Arc::new(parking_lot::Mutex::new(Some(answer)));
        let desk = Desk::with(patience(0), None, move |_| {
            let answer = answer.lock().take().unwrap();
            async { answer }
        })
        .await;
        desk.say("hello").await.unwrap_err();
        assert_eq!(desk.session().await, json!({}));
        let errors = desk.errors().await;
        assert!(errors[0].contains(says), "{errors:?}");
    }
}

#[tokio::test]
async fn an_update_whose_answer_was_cut_is_tried_again_with_the_session_as_it_was() {
    let answer = async |posted: Posted| match posted.json["attempt"].as_u64() {
        Some(1) => cut("{\"session\":{\"count\":1}}\n{\"reply\":{\"text\":\"lost\"}}\n"),
        _ => lines(&format!(
            "{{\"reply\":{{\"text\":\"{}\"}}}}\n{{\"done\":true}}\n",
            posted.json["session"]["count"]
        )),
    };
    let desk = Desk::with(patience(1), None, answer).await;
    assert_eq!(desk.say("hello").await.unwrap(), ["null"]);
}

#[tokio::test]
async fn an_answer_that_is_done_counts_though_its_connection_stays_open() {
    let desk = Desk::new(|_| {
        let done =
            Ok::<_, io::Error>(Bytes::from_static(b"{\"reply\":{\"text\":\"yes\"}}\n{\"done\":true}\n"));
        let open = stream::once(async { done });
        let open = open.chain(stream::pending());
        typed("application/x-ndjson", Body::from_stream(open))
    })
    .await;
    assert_eq!(desk.say("hello").await.unwrap(), ["yes"]);
}

#[tokio::test]
async fn each_line_lets_the_handler_run_on() {
    let limit = Duration::from_secs(3);
    let desk = Desk::with(runner::Options { time_limit: Some(limit), ..patience(0) }, None, move |_| {
        // Time has to pass here, as with a model that goes on speaking; each wait is far from the limit.
        let paced = stream::unfold(tokio::time::interval(limit / 12), async |mut interval| {
            interval.tick().await;
            Some((Ok::<_, io::Error>(Bytes::from_static(b"{\"reply\":{\"text\":\"and\"}}\n")), interval))
        });
        let done = stream::once(async { Ok(Bytes::from_static(b"{\"done\":true}\n")) });
        let body = Body::from_stream(paced.take(15).chain(done));
        async { typed("application/x-ndjson", body) }
    })
    .await;
    assert_eq!(desk.say("hello").await.unwrap().len(), 15);
}
