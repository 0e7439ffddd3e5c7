use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A client, its connection, and the requests of it; 4 bytes fit between them.
fn connect() -> (DuplexStream, Patient<DuplexStream>, Requests) {
    let options = ServerOptions {
        header_within: 10 * SECOND,
        idle_within: 60 * SECOND,
        write_within: 10 * SECOND,
        ..ServerOptions::default()
    };
    let (client, server) = duplex(4);
    let requests = Requests::new();
    (client, Patient::new(server, &options, requests.clone()), requests)
}

async fn given_up<T: std::fmt::Debug>(
    after: Duration,
    attempt: impl Future<Output = io::Result<T>>,
) -> String {
    let began = Instant::now();
    let error = attempt.await.unwrap_err();
    assert_eq!((error.kind(), began.elapsed().as_secs()), (io::ErrorKind::TimedOut, after.as_secs()));
    error.to_string()
}

#[tokio::test(start_paused = true)]
async fn headers_have_10_s_from_their_first_byte_on() {
    let (mut client, mut server, _) = connect();
    tokio::time::advance(50 * SECOND).await;
    client.write_all(b"G").await.unwrap();
    assert_eq!(server.read_u8().await.unwrap(), b'G');
    tokio::time::advance(5 * SECOND).await;
    client.write_all(b"E").await.unwrap();
    assert_eq!(server.read_u8().await.unwrap(), b'E');
    let why = given_up(5 * SECOND, server.read_u8()).await;
    assert_eq!(why, "the headers did not arrive in time");
}

#[tokio::test(start_paused = true)]
async fn the_headers_of_each_request_have_their_own_time() {
    let (mut client, mut server, requests) = connect();
    for _ in 0..5 {
        client.write_all(b"G").await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), b'G');
        drop(requests.begin());
        tokio::time::advance(9 * SECOND).await;
    }
    let why = given_up(51 * SECOND, server.read_u8()).await;
    assert_eq!(why, "there was no request for too long");
}

#[tokio::test(start_paused = true)]
async fn a_connection_may_idle_for_60_s_after_each_request() {
    let (mut client, mut server, requests) = connect();
    for _ in 0..2 {
        tokio::time::advance(59 * SECOND).await;
        client.write_all(b"G").await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), b'G');
        let under_way = requests.begin();
        // It takes as long as it takes.
        let nothing = tokio::time::timeout(100 * SECOND, server.read_u8()).await;
        assert!(nothing.is_err());
        drop(under_way);
        assert!(tokio::time::timeout(SECOND, server.read_u8()).await.is_err(), "it idles");
    }
    let why = given_up(59 * SECOND, server.read_u8()).await;
    assert_eq!(why, "there was no request for too long");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_for_10_s_is_cut_off_and_a_slow_one_is_not() {
    let (mut client, mut server, requests) = connect();
    let _under_way = requests.begin();
    let slowly = async {
        for _ in 0..5 {
            tokio::time::sleep(9 * SECOND).await;
            client.read_u8().await.unwrap();
        }
    };
    let (written, ()) = tokio::join!(server.write_all(b"123456789"), slowly);
    written.unwrap();
    let why = given_up(10 * SECOND, server.write_all(b"0")).await;
    assert_eq!(why, "the client took nothing for too long");
}
