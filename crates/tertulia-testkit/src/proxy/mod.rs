//! A TCP proxy that fails as networks do: slow, cut, silent, half open, at a byte or at a word of the protocol.
//!
//! It stands between a program and its server on this machine:
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::{TcpListener, TcpStream};
//!
//! use tertulia_testkit::proxy::{Proxy, Then, Way};
//!
//! # fn main() -> std::io::Result<()> {
//! let server = TcpListener::bind("127.0.0.1:0")?;
//! let proxy = Proxy::start(server.local_addr()?)?;
//! // The server gets its command, and nobody hears what it says to it.
//! proxy.at(Way::Up, b"COMMIT", Then::LoseAnswer);
//!
//! let mut client = TcpStream::connect(proxy.address())?;
//! let (mut accepted, _) = server.accept()?;
//! client.write_all(b"COMMIT")?;
//! let mut command = [0; 6];
//! accepted.read_exact(&mut command)?;
//! accepted.write_all(b"done")?;
//! assert!(!matches!(client.read(&mut [0; 4]), Ok(1..)), "the answer is lost");
//! assert_eq!(proxy.sprung(), 1);
//! # Ok(())
//! # }
//! ```

mod link;
mod plan;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::watch;

use self::link::serve;
use self::plan::Plan;

pub use self::plan::{Then, Way};

/// A running proxy, on a free port of 127.0.0.1 and on a thread of its own, so that it keeps real time whatever clock its
/// user has. It ends, with all its connections, when dropped.
#[must_use = "the proxy ends when this is dropped"]
pub struct Proxy {
    address: SocketAddr,
    plan: Arc<Plan>,
    ends: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts one in front of the server at this address, which it passes everything on to.
    ///
    /// # Errors
    /// What the system gives when no port or no thread is to be had.
    pub fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let plan = Arc::new(Plan::new(upstream));
        let (ends, end) = watch::channel(false);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let served = Arc::clone(&plan);
        let thread = std::thread::Builder::new()
            .name("tertulia-proxy".into())
            .spawn(move || runtime.block_on(serve(listener, served, end)))?;
        Ok(Self { address, plan, ends, thread: Some(thread) })
    }

    /// Where the program connects to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on passes on to another server. Connections that are open stay where they are.
    pub fn turn_to(&self, upstream: SocketAddr) {
        self.plan.turn_to(upstream);
    }

    /// From now on every piece that passes, either way, waits for this long first.
    pub fn delay(&self, latency: Duration) {
        self.plan.delay(latency);
    }

    /// From now on whoever connects is reset at once, or, with `false`, let in again.
    pub fn refuse(&self, refuse: bool) {
        self.plan.refuse(refuse);
    }

    /// Does this to every connection that is open.
    pub fn now(&self, then: Then) {
        self.plan.now(then);
    }

    /// Does this once, to the first connection on which these bytes have come this way in one piece or in several.
    /// What came before them has passed. Replaces what was to be done before.
    pub fn at(&self, way: Way, bytes: &[u8], then: Then) {
        self.plan.set_trap(way, plan::When::Seen(bytes.to_vec()), then);
    }

    /// Does this once, to the connection on which the byte comes this way that is one more than `bytes`, over all
    /// connections from now on. `bytes` have passed by then. Replaces what was to be done before.
    pub fn after(&self, way: Way, bytes: u64, then: Then) {
        self.plan.set_trap(way, plan::When::After(bytes), then);
    }

    /// Everything passes again, at once; connections that were made silent or half open are reset.
    pub fn heal(&self) {
        self.plan.heal();
    }

    /// How often what [`at`](Self::at) and [`after`](Self::after) asked for was done.
    pub fn sprung(&self) -> u64 {
        self.plan.sprung()
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.plan.open()
    }

    /// How many bytes have passed this way.
    pub fn passed(&self, way: Way) -> u64 {
        self.plan.passed(way)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ends.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // It panics only if the test that uses it has reason to know.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("address", &self.address)
            .field("open", &self.open())
            .finish_non_exhaustive()
    }
}
