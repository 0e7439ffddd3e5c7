//! A proxy that cuts each connection after a seeded number of the server's bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fastrand::Rng;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The most bytes of the server that a connection lets through, as a power of two.
const MOST: f64 = 14.0;

/// A running proxy; stopped when dropped.
pub(crate) struct Cutter {
    pub(crate) address: SocketAddr,
    server: Arc<Mutex<SocketAddr>>,
    cuts: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Cutter {
    /// Stands before the server at `server`.
    pub(crate) async fn before(server: &str, seed: u64) -> Self {
        Self::letting_through(server, seed, MOST).await
    }

    /// The same with another power of two, for clients that begin anew each time.
    pub(crate) async fn letting_through(server: &str, seed: u64, most: f64) -> Self {
        let server = Arc::new(Mutex::new(server.parse().unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, cuts) = (listener.local_addr().unwrap(), Arc::<AtomicUsize>::default());
        let (counted, stands_before) = (Arc::clone(&cuts), Arc::clone(&server));
        let task = tokio::spawn(async move {
            let mut random = Rng::with_seed(seed);
            loop {
                let (client, _) = listener.accept().await.unwrap();
                // Small numbers, which cut within a header, are as likely as large ones.
                let bytes = 2f64.powf(random.f64() * most) as usize;
                let cut = Cut { bytes, reset: random.bool() };
                let server = *stands_before.lock();
                tokio::spawn(connection(client, server, cut, Arc::clone(&counted)));
            }
        });
        Self { address, server, cuts, task }
    }

    /// Stands before another server from now on.
    pub(crate) fn moves(&self, server: &str) {
        *self.server.lock() = server.parse().unwrap();
    }

    /// How many connections it has cut, not counting those that a side had closed.
    pub(crate) fn cuts(&self) -> usize {
        self.cuts.load(Ordering::Relaxed)
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where and how a connection is cut.
struct Cut {
    /// After how many bytes of the server.
    bytes: usize,
    /// With a reset, or as if the server had closed.
    reset: bool,
}

async fn connection(client: TcpStream, server: SocketAddr, cut: Cut, cuts: Arc<AtomicUsize>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (reset, kept) = (cut.reset, client);
    if reset {
        kept.set_zero_linger().unwrap();
    }
    let (mut from_client, mut to_client) = kept.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async { drop(copy(&mut from_client, &mut to_server).await) };
    let down = async {
        let (mut left, mut buffer) = (cut.bytes, vec![0; 16 << 10]);
        while left > 0 {
            let room = left.min(buffer.len());
            match from_server.read(&mut buffer[..room]).await {
                Ok(read @ 1..) if to_client.write_all(&buffer[..read]).await.is_ok() => left -= read,
                _ => return,
            }
        }
        cuts.fetch_add(1, Ordering::Relaxed);
    };
    tokio::select! { () = up => {}, () = down => {} }
}
