//! The server's limits, over real connections.

use std::time::Duration;

use tertulia_http::{Server, ServerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::Site;

struct Served {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<usize>,
    site: Site,
}

async fn serve(change: impl FnOnce(&mut ServerOptions)) -> Served {
    let mut options = ServerOptions::default();
    change(&mut options);
    let server = Server::new(TcpListener::bind("127.0.0.1:0").await.unwrap(), options);
    let address = server.local_addr().unwrap();
    let site = Site::new().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let router = site.router.clone();
    let task = tokio::spawn(server.serve(router, async { stopped.await.unwrap_or(()) }));
    Served { address, stop, task, site }
}

fn request(text: &str) -> String {
    let body = format!(r#"{{"text":"{text}"}}"#);
    format!("POST /chat/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Reads one response, which ends with the JSON's last brace.
async fn response(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    while !text.ends_with("]}") && !text.ends_with("}}") {
        let mut part = [0; 1024];
        let read = stream.read(&mut part).await.unwrap();
        assert_ne!(read, 0, "the connection was closed after {text:?}");
        text.push_str(std::str::from_utf8(&part[..read]).unwrap());
    }
    text
}

async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // Reset or closed, both are an end.
    let _ = stream.read_to_end(&mut rest).await;
}

#[tokio::test]
async fn a_client_that_sends_its_headers_slowly_is_cut_off() {
    let served = serve(|options| options.header_within = Duration::from_millis(50)).await;
    let mut slow = TcpStream::connect(served.address).await.unwrap();
    slow.write_all(b"POST /chat/a HTTP/1.1\r\nhost: local").await.unwrap();
    let mut silent = TcpStream::connect(served.address).await.unwrap();
    closed(&mut slow).await;
    closed(&mut silent).await;
    assert_eq!(served.site.runs.count(), 0);
}

#[tokio::test]
async fn one_connection_carries_several_requests() {
    let served = serve(|_| {}).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    for text in ["one", "two"] {
        stream.write_all(request(text).as_bytes()).await.unwrap();
        assert!(response(&mut stream).await.contains(&format!("{text} again")));
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_free_one() {
    let served = serve(|options| options.connections = 1).await;
    let mut first = TcpStream::connect(served.address).await.unwrap();
    first.write_all(request("one").as_bytes()).await.unwrap();
    response(&mut first).await;
    let mut second = TcpStream::connect(served.address).await.unwrap();
    second.write_all(request("two").as_bytes()).await.unwrap();
    // The first connection is still there and is served; the second is not yet.
    first.write_all(request("three").as_bytes()).await.unwrap();
    response(&mut first).await;
    assert_eq!(served.site.runs.count(), 2);
    drop(first);
    assert!(response(&mut second).await.contains("two again"));
}

#[tokio::test]
async fn stopping_lets_requests_under_way_end() {
    let served = serve(|_| {}).await;
    let mut idle = TcpStream::connect(served.address).await.unwrap();
    idle.write_all(request("one").as_bytes()).await.unwrap();
    response(&mut idle).await;
    let mut busy = TcpStream::connect(served.address).await.unwrap();
    let text = request("late");
    let (head, tail) = text.split_at(text.len() - 3);
    busy.write_all(format!("{}{head}", request("early")).as_bytes()).await.unwrap();
    assert!(response(&mut busy).await.contains("early"), "so its second request is being read");
    served.stop.send(()).unwrap();
    closed(&mut idle).await;
    busy.write_all(tail.as_bytes()).await.unwrap();
    assert!(response(&mut busy).await.contains("late again"));
    assert_eq!(served.task.await.unwrap(), 0);
    TcpStream::connect(served.address).await.unwrap_err();
}

#[tokio::test]
async fn stopping_cuts_off_what_takes_too_long() {
    let served = serve(|options| options.drain = Duration::from_millis(50)).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(request("hang").as_bytes()).await.unwrap();
    while served.site.runs.count() == 0 {
        tokio::task::yield_now().await;
    }
    served.stop.send(()).unwrap();
    closed(&mut stream).await;
    assert_eq!(served.task.await.unwrap(), 1);
}
