//! Stopping while a request is under way.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Folder, Server};

/// A connection whose second request is being read by the server, and what is left to send of it.
async fn under_way(server: &Server) -> (TcpStream, String) {
    let body = r#"{"text":"note late"}"#;
    let request = format!(
        "POST /chat/alice HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (head, rest) = request.split_at(request.len() - 5);
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    // Both at once: when the first is answered, the head of the second has arrived.
    stream.write_all(format!("{request}{head}").as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.contains("Noted, number 1."));
    (stream, rest.to_owned())
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
