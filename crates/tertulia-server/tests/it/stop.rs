//! Stopping: nothing new comes in, what is under way ends, and what is left is named.

use std::collections::HashSet;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stored::{Fate, note, stored};
use crate::support::{Folder, Server, client};
use crate::telegram::{self, api, message, sent};

/// Far more than any of this takes: a test that waits for what does not come is to fail.
const ENOUGH: Duration = Duration::from_secs(60);

/// A connection whose second request is being read by the server, and what is left to send of it.
async fn under_way(server: &Server) -> (TcpStream, String) {
    let body = r#"{"text":"note late"}"#;
    let head = format!("POST /chat/alice HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n", body.len());
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.contains("Noted, number 1."));
    // The server says that it goes on when it begins to read the body, so the request has been let in by then.
    stream.write_all(format!("{head}expect: 100-continue\r\n\r\n").as_bytes()).await.unwrap();
    let goes_on = "HTTP/1.1 100 Continue\r\n\r\n";
    let mut said = vec![0; goes_on.len()];
    stream.read_exact(&mut said).await.unwrap();
    assert_eq!(std::str::from_utf8(&said).unwrap(), goes_on);
    (stream, body.to_owned())
}

async fn answer(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    while !text.ends_with("]}") {
        let mut part = [0; 1024];
        let read = stream.read(&mut part).await.unwrap();
        assert_ne!(read, 0, "the connection was closed after {text:?}");
        text.push_str(std::str::from_utf8(&part[..read]).unwrap());
    }
    text
}

#[tokio::test]
async fn sigterm_and_ctrl_c_let_a_request_under_way_end() {
    for signal in ["TERM", "INT"] {
        let folder = Folder::new();
        let mut server = folder.serve();
        let (mut stream, rest) = under_way(&server).await;
        server.signal(signal);
        assert_eq!(server.line(), "stopping");
        stream.write_all(rest.as_bytes()).await.unwrap();
        assert!(answer(&mut stream).await.contains("Noted, number 2."));
        assert_eq!(server.line(), "stopped");
        assert_eq!(server.wait().code(), Some(0));
        let server = folder.serve();
        assert_eq!(server.say("alice", "notes").await, ["1. late\n2. late"]);
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let folder = Folder::new();
    let mut server = folder.serve_with(&[], &[("TERTULIA_DRAIN_TIMEOUT", "3600")]);
    let (_stream, _) = under_way(&server).await;
    server.signal("TERM");
    assert_eq!(server.line(), "stopping");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(130));
    assert_eq!(server.line(), "", "it did not get to the end");
    assert_eq!(folder.serve().say("alice", "notes").await, ["1. late"]);
}

// On several threads, since the Bot API server must answer while the test waits for the binary.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn telegram_is_asked_for_nothing_more_and_new_messages_are_refused_while_what_runs_ends() {
    let folder = Folder::new();
    let (url, known) = api().await;
    let mut server = telegram::serve(&folder, &url);
    known.send_modify(|known| known.updates.push(message(1, 42, "count")));
    sent(&known, 42, "1 message, this one.").await;
    let polls = |known: &telegram::Known| known.asked.last().is_some_and(|last| last["offset"] == 2);
    known.subscribe().wait_for(polls).await.unwrap();
    let (mut stream, rest) = under_way(&server).await;
    server.signal("TERM");
    assert_eq!(server.line(), "stopping");

    // Its last poll is given up, and what it gave is confirmed by one that does not wait.
    let confirmed = |known: &telegram::Known| known.asked.last().is_some_and(|last| last["timeout"] == 0);
    let mut confirms = known.subscribe();
    tokio::time::timeout(ENOUGH, confirms.wait_for(confirmed)).await.unwrap().unwrap();
    known.send_modify(|known| known.updates.push(message(2, 43, "too late")));
    let new =
        client().post(format!("{}/chat/bob", server.url)).body("{\"text\":\"new\"}").send().await.unwrap();
    assert_eq!((new.status().as_u16(), &new.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    let health = server.health().await;
    assert_eq!((health["status"].as_str(), health["running"].as_bool()), (Some("stopping"), Some(false)));

    stream.write_all(rest.as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.contains("Noted, number 2."));
    assert_eq!(server.line(), "stopped");
    assert_eq!(server.wait().code(), Some(0));
    let known = known.borrow().clone();
    assert!(confirmed(&known), "nothing was asked after it: {:?}", known.asked);
    assert_eq!(known.updates.len(), 1, "the second is still Telegram's");
    folder.run(&["show", "telegram:43"]).failed(1, &["nothing is kept of telegram:43"]);
}

#[tokio::test]
async fn what_is_left_is_named_by_conversation_and_update_and_many_are_counted() {
    // Nobody who could decode these is there: they wait.
    let updates = (0..25).map(|n| note(&format!("telegram:{}", n % 3), n)).collect();
    let folder = stored(Fate::Hangs, updates).await;
    let mut server = folder.serve();
    server.signal("TERM");
    assert_eq!(server.line(), "stopping");
    // They came together, so that no order is told.
    let all: HashSet<_> = (0..25).map(|n| format!("left      telegram:{}, update test/{n}", n % 3)).collect();
    let named: HashSet<_> = (0..20).map(|_| server.line()).collect();
    assert!(named.len() == 20 && named.is_subset(&all), "{named:?}");
    assert_eq!(server.line(), "          and 5 more");
    assert_eq!(server.line(), "stopped");
    assert_eq!(server.wait().code(), Some(0));

    let folder = stored(Fate::Hangs, vec![note("telegram:1", 7)]).await;
    let mut server = folder.serve();
    server.signal("INT");
    let printed = [server.line(), server.line(), server.line()];
    assert_eq!(printed, ["stopping", "left      telegram:1, update test/7", "stopped"]);
}

#[tokio::test]
async fn a_request_whose_rest_never_comes_is_cut_off_at_the_deadline() {
    let folder = Folder::new();
    let mut server = folder.serve_with(&[], &[("TERTULIA_DRAIN_TIMEOUT", "1")]);
    let (mut stream, _rest) = under_way(&server).await;
    server.signal("TERM");
    assert_eq!((server.line(), server.line()), ("stopping".into(), "stopped".into()));
    assert_eq!(server.wait().code(), Some(0));
    let mut said = Vec::new();
    // Closed or reset, both are an end.
    let _ = stream.read_to_end(&mut said).await;
    assert!(said.is_empty(), "{said:?}");
}
