//! Streams of the real server, across kills and stops.

use std::time::Duration;

use reqwest::{Method, Response};

use crate::support::{Folder, Server, client};

const PATH: &str = "/v1/stream/http:alice/reply";

async fn send(server: &Server, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
    let mut request = client().request(method, format!("{}{path}", server.url)).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

fn offset(response: &Response) -> String {
    response.headers()["stream-next-offset"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn g12_what_was_acknowledged_is_there_after_a_kill_and_cursors_stay_good() {
    let folder = Folder::new();
    let server = folder.serve();
    let text = ("content-type", "text/plain");
    assert_eq!(send(&server, Method::PUT, PATH, &[text], "0 ").await.status(), 201);
    let mut cursors = Vec::new();
    for n in 1..20 {
        let seq = (n - 1).to_string();
        let producer = [text, ("producer-id", "p"), ("producer-epoch", "0"), ("producer-seq", &seq)];
        let posted = send(&server, Method::POST, PATH, &producer, &format!("{n} ")).await;
        assert_eq!(posted.status(), 200);
        cursors.push(offset(&posted));
    }
    server.kill();

    let server = folder.serve();
    let all: String = (0..20).map(|n| format!("{n} ")).collect();
    assert_eq!(send(&server, Method::GET, PATH, &[], "").await.text().await.unwrap(), all);
    let middle = format!("{PATH}?offset={}", cursors[9]);
    let rest: String = (11..20).map(|n| format!("{n} ")).collect();
    assert_eq!(send(&server, Method::GET, &middle, &[], "").await.text().await.unwrap(), rest);
    // The producer sends its last request again, since it does not know what became of it.
    let again = [text, ("producer-id", "p"), ("producer-epoch", "0"), ("producer-seq", "18")];
    let again = send(&server, Method::POST, PATH, &again, "19 ").await;
    assert_eq!((again.status().as_u16(), offset(&again)), (204, cursors[18].clone()));
    let last = send(&server, Method::POST, PATH, &[text, ("stream-closed", "true")], "last").await;
    assert!(offset(&last) > cursors[18]);
    server.kill();

    let server = folder.serve();
    let events = format!("/v1/events/http:alice/reply?last_event_id={}", cursors[18]);
    let events = send(&server, Method::GET, &events, &[], "").await.text().await.unwrap();
    assert!(events.contains("data:last\n") && events.contains("event:end\ndata:complete\n"), "{events}");
}

#[tokio::test]
async fn g12_in_memory_a_cursor_of_the_last_run_is_refused() {
    let folder = Folder::new();
    let memory = ["--storage", "memory:"];
    let text = [("content-type", "text/plain")];
    let server = folder.serve_with(&memory, &[]);
    let made = offset(&send(&server, Method::PUT, PATH, &text, "one").await);
    server.kill();
    let server = folder.serve_with(&memory, &[]);
    let path = format!("{PATH}?offset={made}");
    assert_eq!(send(&server, Method::GET, &path, &[], "").await.status(), 404);
    send(&server, Method::PUT, PATH, &text, "another").await;
    assert_eq!(send(&server, Method::GET, &path, &[], "").await.status(), 410);
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_its_readers() {
    let folder = Folder::new();
    let mut server = folder.serve_with(&[], &[("TERTULIA_DRAIN_TIMEOUT", "3600")]);
    send(&server, Method::PUT, PATH, &[("content-type", "text/plain")], "one").await;
    let mut reader = send(&server, Method::GET, "/v1/events/http:alice/reply", &[], "").await;
    let mut waiting = send(&server, Method::GET, &format!("{PATH}?offset=now&live=sse"), &[], "").await;
    assert!(reader.chunk().await.unwrap().is_some() && waiting.chunk().await.unwrap().is_some());
    server.signal("TERM");
    assert!(tokio::task::spawn_blocking(move || server.wait()).await.unwrap().success());
    // Ended in order, and not cut off.
    let end = Duration::from_secs(5);
    assert_eq!(tokio::time::timeout(end, reader.chunk()).await.unwrap().unwrap(), None);
    assert_eq!(tokio::time::timeout(end, waiting.chunk()).await.unwrap().unwrap(), None);
}
