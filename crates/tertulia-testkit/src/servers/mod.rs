//! Servers of databases that a test starts for itself: on a free port of this machine alone, their files in a
//! temporary folder, gone with the test however that ends.
//!
//! [`Server`] is one that runs; it can be killed, held and started again, which is what the tests of a storage do to
//! it. The functions that start one block the calling thread until it answers.

mod guard;
mod pgbouncer;
mod postgres;
mod redis;

use std::ffi::OsString;
use std::fmt;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tempfile::TempDir;

pub use guard::{Guard, Signal};
pub use postgres::postgres_program;
pub use redis::RedisCluster;

/// The lowest port that servers of tests are given.
const LOWEST_PORT: u16 = 10_000;

/// How often a server that just began is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// How many times before it is given up: 60 seconds.
const ASKS: u32 = 6_000;

/// Removes the folder once nobody holds the other end of the standard input any more, and nobody works in it.
const TIDY: &str = r#"
read -r _
while ls -l /proc/*/cwd 2>/dev/null | grep -q -- "-> $0"; do sleep 0.1; done
rm -rf -- "$0"
"#;

/// A server of a test's own. Stopped, and its files removed, when dropped and when this process ends.
pub struct Server {
    port: u16,
    command: Vec<OsString>,
    /// What ends it, when the test does not.
    end: Signal,
    ready: Box<dyn Fn(&Server) -> bool + Send + Sync>,
    /// `None` while it was killed.
    guard: Mutex<Option<Guard>>,
    /// After the guard, so that the server is gone when its files go.
    folder: TempDir,
}

impl Server {
    /// Starts what `command` makes of a port and a folder, and waits until `ready` says that it answers.
    ///
    /// # Panics
    /// If it cannot be started or does not get ready within a minute; with what it said.
    pub fn start(
        folder: TempDir,
        end: Signal,
        command: impl Fn(u16, &Path) -> Vec<OsString>,
        ready: impl Fn(&Self) -> bool + Send + Sync + 'static,
    ) -> Self {
        let ready: Box<dyn Fn(&Self) -> bool + Send + Sync> = Box::new(ready);
        tidy_up(folder.path());
        let port = free_port();
        let command = command(port, folder.path());
        let server = Self { port, command, end, ready, guard: Mutex::new(None), folder };
        server.restart();
        server
    }

    /// The port it listens at, of 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder that holds its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The id of its process, the first if it has several; `None` while it was killed.
    pub fn pid(&self) -> Option<u32> {
        self.guard.lock().as_ref().map(Guard::pid)
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Kills it as `kill -9` does; back when it is gone.
    pub fn kill(&self) {
        if let Some(guard) = self.guard.lock().take() {
            guard.end(Signal::KILL);
        }
    }

    /// Holds it: it stays connected and answers nothing until [`cont`](Self::cont).
    pub fn stop(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn cont(&self) {
        self.signal(Signal::CONT);
    }

    /// Sends it a signal; nothing where it was killed.
    pub fn signal(&self, signal: Signal) {
        if let Some(guard) = &*self.guard.lock() {
            guard.signal(signal);
        }
    }

    /// Starts it again on the same port and files, killed before if it runs; back when it answers.
    ///
    /// # Panics
    /// If it does not get ready within a minute; with what it said.
    pub fn restart(&self) {
        self.kill();
        let guard = Guard::start(&self.command, self.folder(), &self.log(), self.end);
        *self.guard.lock() = Some(guard);
        for _ in 0..ASKS {
            if (self.ready)(self) {
                return;
            }
            let runs = self.guard.lock().as_mut().is_some_and(Guard::is_running);
            assert!(runs, "{:?} ended at once: {}", self.command, self.said());
            std::thread::sleep(ASK_EVERY);
        }
        panic!("{:?} does not get ready: {}", self.command, self.said());
    }

    fn log(&self) -> std::path::PathBuf {
        self.folder().join("log")
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("port", &self.port)
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

/// A folder for a server's files.
///
/// # Panics
/// If none can be made.
pub fn folder() -> TempDir {
    tempfile::Builder::new().prefix("tertulia-server-").tempdir().expect("a temporary folder can be made")
}

/// A folder that a static holds is not removed when the process ends; this removes it.
fn tidy_up(folder: &Path) {
    let child = Command::new("/bin/sh").arg("-c").arg(TIDY).arg(folder).stdin(Stdio::piped()).spawn();
    // Its input is open as long as this process lives.
    std::mem::forget(child.expect("a shell can be started"));
}

/// A port of 127.0.0.1 that nobody listens at now, and that this process is given once. It is not one of those that the
/// system gives to connections which go out: such a connection could have the port when a server is to listen at it.
///
/// # Panics
/// If there is none.
pub fn free_port() -> u16 {
    static GIVEN: AtomicUsize = AtomicUsize::new(0);
    static FIRST: OnceLock<usize> = OnceLock::new();
    let ports = LOWEST_PORT..lowest_outgoing_port();
    let count = ports.len();
    // Other processes begin elsewhere.
    let first = *FIRST.get_or_init(|| fastrand::usize(..count));
    let port = (0..count).find_map(|_| {
        let nth = first + GIVEN.fetch_add(1, Ordering::Relaxed);
        let port = ports.start + u16::try_from(nth % count).ok()?;
        TcpListener::bind(("127.0.0.1", port)).is_ok().then_some(port)
    });
    port.expect("there is a free port")
}

/// The lowest port that the system gives to connections which go out. Linux says so in the
/// [file](https://docs.kernel.org/networking/ip-sysctl.html) that is read here; elsewhere it is higher than what Linux has
/// by itself.
fn lowest_outgoing_port() -> u16 {
    let said = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
    let lowest = said.and_then(|said| said.split_whitespace().next()?.parse().ok());
    lowest.filter(|lowest| *lowest > LOWEST_PORT).unwrap_or(32_768)
}
