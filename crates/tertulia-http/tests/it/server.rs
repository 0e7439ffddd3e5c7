//! The server's limits, over real connections.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use tertulia_http::{Server, ServerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::Site;

struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<usize>,
    site: Site,
}

async fn serve(change: impl FnOnce(&mut ServerOptions)) -> Served {
    let site = Site::new().await;
    let (address, stop, task) = serve_routes(site.router.clone(), change).await;
    Served { address, stop, task, site }
}

async fn serve_routes(
    routes: Router,
    change: impl FnOnce(&mut ServerOptions),
) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<usize>) {
    let mut options = ServerOptions::default();
    change(&mut options);
    let server = Server::new(TcpListener::bind("127.0.0.1:0").await.unwrap(), options);
    let address = server.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(server.serve(routes, async { stopped.await.unwrap_or(()) }));
    (address, stop, task)
}

impl Served {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
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

/// Reads until the connection is closed.
async fn closed(stream: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    // Reset or closed, both are an end.
    let _ = stream.read_to_end(&mut rest).await;
    String::from_utf8_lossy(&rest).into_owned()
}

const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_client_that_sends_its_headers_slowly_is_cut_off_and_a_silent_one_is_not() {
    let served = serve(|options| options.header_within = SHORT).await;
    let mut silent = served.connect().await;
    let mut slow = served.connect().await;
    slow.write_all(b"POST /chat/a HTTP/1.1\r\nhost: local").await.unwrap();
    assert_eq!(closed(&mut slow).await, "");
    assert_eq!(served.site.runs.count(), 0);
    for text in ["one", "two"] {
        silent.write_all(request(text).as_bytes()).await.unwrap();
        assert!(response(&mut silent).await.contains(text));
        let mut slow = served.connect().await;
        slow.write_all(b"P").await.unwrap();
        closed(&mut slow).await;
    }
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed_after_a_while() {
    let served = serve(|options| options.idle_within = SHORT).await;
    let mut silent = served.connect().await;
    closed(&mut silent).await;
    let mut idle = served.connect().await;
    idle.write_all(request("one").as_bytes()).await.unwrap();
    assert!(closed(&mut idle).await.contains("one again"));
}

#[tokio::test]
async fn headers_that_are_too_long_or_too_many_are_refused() {
    let served = serve(|options| options.header_bytes = 10_000).await;
    let get = |headers: String| format!("GET /health HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
    for (headers, status) in [
        (format!("x: {}\r\n", "x".repeat(10_000)), "431"),
        (format!("x: {}\r\n", "x".repeat(9_000)), "200"),
        ("x: 1\r\n".repeat(100), "431"),
        ("x: 1\r\n".repeat(98), "200"),
    ] {
        let mut stream = served.connect().await;
        stream.write_all(get(headers).as_bytes()).await.unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&head), format!("HTTP/1.1 {status}"));
    }
}

/// Routes that read any body.
fn reading() -> Router {
    let read = |_: bytes::Bytes| async { r#"{"read":{}}"# };
    Router::new().route("/", get(read)).layer(DefaultBodyLimit::disable())
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_by_its_length_and_when_it_is_read() {
    let (address, _stop, _) = serve_routes(reading(), |options| options.body_bytes = 10).await;
    let chunk = "b\r\n0123456789a\r\n0\r\n\r\n";
    for (body, expected) in [
        ("content-length: 11\r\n\r\n".to_owned(), "413"),
        (format!("transfer-encoding: chunked\r\n\r\n{chunk}"), "413"),
        ("content-length: 10\r\n\r\n0123456789".to_owned(), "200"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{body}").as_bytes())
            .await
            .unwrap();
        let text = closed(&mut stream).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {expected}")), "{body}: {text}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_answered_and_cut_off() {
    let (address, _stop, _) = serve_routes(reading(), |options| options.body_within = SHORT).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n0").await.unwrap();
    let text = closed(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 408") && text.contains("within 0.05 s"), "{text}");
}

/// Says so when it is dropped.
struct Told(Option<oneshot::Sender<()>>);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.take().unwrap().send(());
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off() {
    let (told, dropped) = oneshot::channel();
    let told = std::sync::Arc::new(parking_lot::Mutex::new(Some(Told(Some(told)))));
    let endless = move || {
        let told = told.lock().take();
        let chunks = futures_util::stream::repeat_with(move || {
            let _held = &told;
            Ok::<_, std::io::Error>(bytes::Bytes::from_static(&[b'x'; 65_536]))
        });
        async { Body::from_stream(chunks) }
    };
    let routes = Router::new().route("/", get(endless));
    let (address, _stop, _) = serve_routes(routes, |options| options.write_within = SHORT).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    dropped.await.unwrap();
    let taken = closed(&mut stream).await;
    assert!(taken.starts_with("HTTP/1.1 200") && !taken.ends_with("0\r\n\r\n"), "it sees that it is cut off");
}

#[tokio::test]
async fn an_address_has_so_many_connections() {
    let served = serve(|options| {
        options.connections_per_address = 2;
        options.uncounted = |_| false;
    })
    .await;
    let ask = async |stream: &mut TcpStream| {
        stream.write_all(request("one").as_bytes()).await?;
        stream.read_u8().await
    };
    let (mut first, mut second) = (served.connect().await, served.connect().await);
    ask(&mut first).await.unwrap();
    ask(&mut second).await.unwrap();
    let mut third = served.connect().await;
    ask(&mut third).await.unwrap_err();
    drop(first);
    // As soon as the server has seen the end of it.
    while ask(&mut served.connect().await).await.is_err() {}
}

#[tokio::test]
async fn connections_of_this_machine_are_not_counted_by_address() {
    let served = serve(|options| options.connections_per_address = 0).await;
    let mut stream = served.connect().await;
    stream.write_all(request("one").as_bytes()).await.unwrap();
    assert!(response(&mut stream).await.contains("one again"));
}

#[tokio::test]
async fn one_connection_carries_several_requests() {
    let served = serve(|_| {}).await;
    let mut stream = served.connect().await;
    for text in ["one", "two"] {
        stream.write_all(request(text).as_bytes()).await.unwrap();
        assert!(response(&mut stream).await.contains(&format!("{text} again")));
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_free_one() {
    let served = serve(|options| options.connections = 1).await;
    let mut first = served.connect().await;
    first.write_all(request("one").as_bytes()).await.unwrap();
    response(&mut first).await;
    let mut second = served.connect().await;
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
    let mut idle = served.connect().await;
    idle.write_all(request("one").as_bytes()).await.unwrap();
    response(&mut idle).await;
    let mut busy = served.connect().await;
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
    let mut stream = served.connect().await;
    stream.write_all(request("hang").as_bytes()).await.unwrap();
    while served.site.runs.count() == 0 {
        tokio::task::yield_now().await;
    }
    served.stop.send(()).unwrap();
    closed(&mut stream).await;
    assert_eq!(served.task.await.unwrap(), 1);
}
