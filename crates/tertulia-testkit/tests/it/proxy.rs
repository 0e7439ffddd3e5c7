//! The proxy does what it is told, when it is told.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails by panicking")]

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use tertulia_testkit::proxy::{Proxy, Then, Way};

/// Longer than anything takes; what waits for longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);

struct Line {
    proxy: Proxy,
    server: TcpListener,
}

impl Line {
    fn new() -> Self {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { proxy: Proxy::start(server.local_addr().unwrap()).unwrap(), server }
    }

    /// A connection as both ends see it.
    fn connect(&self) -> [TcpStream; 2] {
        let client = TcpStream::connect(self.proxy.address()).unwrap();
        let (server, _) = self.server.accept().unwrap();
        let mut ends = [client, server];
        ends.iter().for_each(|end| end.set_read_timeout(Some(PATIENCE)).unwrap());
        // From here on the proxy knows it.
        let [client, server] = &mut ends;
        says(client, server, b"hello");
        says(server, client, b"welcome");
        ends
    }
}

fn says(from: &mut TcpStream, to: &mut TcpStream, words: &[u8]) {
    from.write_all(words).unwrap();
    let mut heard = vec![0; words.len()];
    to.read_exact(&mut heard).unwrap();
    assert_eq!(heard, words);
}

/// All that an end hears until the connection is over, and how it is over: reset or closed.
fn rest(end: &mut TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    let mut heard = Vec::new();
    let mut piece = [0; 1024];
    loop {
        match end.read(&mut piece) {
            Ok(0) => return (heard, None),
            Ok(length) => heard.extend_from_slice(&piece[..length]),
            Err(error) => return (heard, Some(error.kind())),
        }
    }
}

const RESET: Option<ErrorKind> = Some(ErrorKind::ConnectionReset);

/// Nothing is to be heard, and the connection is not over. What could come is on its way: it came to the proxy before
/// what another connection has got through it since.
fn is_silent(line: &Line, end: &mut TcpStream) {
    line.connect();
    end.set_nonblocking(true).unwrap();
    assert_eq!(end.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    end.set_nonblocking(false).unwrap();
}

#[test]
fn what_is_said_passes_both_ways_and_is_counted() {
    let line = Line::new();
    let [mut client, mut server] = line.connect();
    let long = vec![7; 3_000_000];
    std::thread::scope(|scope| {
        scope.spawn(|| client.write_all(&long).unwrap());
        let mut heard = vec![0; long.len()];
        server.read_exact(&mut heard).unwrap();
        assert!(heard == long);
    });
    says(&mut server, &mut client, b"thanks");
    assert_eq!((line.proxy.passed(Way::Up), line.proxy.passed(Way::Down)), (3_000_005, 13));
    assert_eq!(line.proxy.open(), 1);
    drop(client);
    assert_eq!(rest(&mut server), (Vec::new(), None), "an end is passed on");
}

#[test]
fn a_connection_is_reset_or_closed_when_asked_for() {
    for (then, over) in [(Then::Reset, RESET), (Then::Close, None)] {
        let line = Line::new();
        let [mut client, mut server] = line.connect();
        line.proxy.now(then);
        assert_eq!(rest(&mut client), (Vec::new(), over), "{then:?}");
        assert_eq!(rest(&mut server), (Vec::new(), over), "{then:?}");
        let [mut client, mut server] = line.connect();
        says(&mut client, &mut server, b"others are not touched");
    }
}

#[test]
fn a_connection_is_cut_after_as_many_bytes_as_were_said() {
    let line = Line::new();
    let [mut client, mut server] = line.connect();
    line.proxy.after(Way::Up, 6, Then::Reset);
    client.write_all(b"one").unwrap();
    server.read_exact(&mut [0; 3]).unwrap();
    assert_eq!(line.proxy.sprung(), 0);
    client.write_all(b"two three").unwrap();
    assert_eq!(rest(&mut server), (b"two".to_vec(), RESET));
    assert_eq!(rest(&mut client), (Vec::new(), RESET));
    assert_eq!(line.proxy.sprung(), 1);
    let [mut client, mut server] = line.connect();
    says(&mut client, &mut server, b"only once");
}

#[test]
fn a_word_is_seen_in_two_pieces_and_held_back() {
    let line = Line::new();
    let [mut client, mut server] = line.connect();
    line.proxy.at(Way::Down, b"COMMIT", Then::Reset);
    says(&mut server, &mut client, b"before CO");
    server.write_all(b"MMIT after").unwrap();
    assert_eq!(rest(&mut client), (Vec::new(), RESET));
    assert_eq!(line.proxy.sprung(), 1);
}

#[test]
fn an_answer_is_lost_and_what_it_answers_is_not() {
    let line = Line::new();
    let [mut client, mut server] = line.connect();
    line.proxy.at(Way::Up, b"COMMIT", Then::LoseAnswer);
    says(&mut client, &mut server, b"BEGIN");
    says(&mut server, &mut client, b"begun");
    says(&mut client, &mut server, b"COMMIT;");
    server.write_all(b"committed").unwrap();
    assert_eq!(rest(&mut client), (Vec::new(), RESET));
}

#[test]
fn a_program_that_vanishes_is_believed_in_until_everything_heals() {
    let line = Line::new();
    let [mut client, mut server] = line.connect();
    line.proxy.now(Then::Vanish);
    assert_eq!(rest(&mut client), (Vec::new(), RESET));
    is_silent(&line, &mut server);
    line.proxy.heal();
    assert_eq!(rest(&mut server), (Vec::new(), RESET));
}

#[test]
fn a_silent_connection_is_open_and_says_nothing() {
    let line = Line::new();
    let [mut client, mut server] = line.connect();
    line.proxy.now(Then::Silence);
    client.write_all(b"anybody?").unwrap();
    is_silent(&line, &mut server);
    is_silent(&line, &mut client);
    line.proxy.heal();
    assert_eq!(rest(&mut client).1, RESET);
}

#[test]
fn nobody_is_let_in_while_it_refuses_or_its_server_is_gone() {
    let line = Line::new();
    line.proxy.refuse(true);
    let mut refused = TcpStream::connect(line.proxy.address()).unwrap();
    refused.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(rest(&mut refused).1, RESET);
    line.proxy.heal();
    line.connect();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    line.proxy.turn_to(other.local_addr().unwrap());
    let mut client = TcpStream::connect(line.proxy.address()).unwrap();
    says(&mut client, &mut other.accept().unwrap().0, b"elsewhere");
    drop(other);
    let mut refused = TcpStream::connect(line.proxy.address()).unwrap();
    refused.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(rest(&mut refused).1, RESET);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "that a delay is kept is seen by the clock alone")]
fn what_passes_is_delayed() {
    let line = Line::new();
    let [mut client, mut server] = line.connect();
    let delay = Duration::from_millis(30);
    line.proxy.delay(delay);
    let began = std::time::Instant::now();
    says(&mut client, &mut server, b"there");
    says(&mut server, &mut client, b"and back");
    assert!(began.elapsed() >= 2 * delay);
}
