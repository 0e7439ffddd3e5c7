//! What the tests share: a time limit, keys, and processes of their own to be killed.

use std::future::Future;
use std::io::{BufRead, BufReader, Read};
use std::panic::resume_unwind;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::storage::{Batch, CommitId, Committed, LogPage, QueuePage, Read as Reading, Storage, Write};
use tertulia::{Conversation, Error, Key, Name, Result, Shard};
use tertulia_sqlite::Sqlite;

/// Longer than any test takes; one that hangs fails instead.
const LIMIT: Duration = Duration::from_secs(60);
/// Names the database to a test that is run as a process of its own.
const DATABASE: &str = "TERTULIA_SQLITE_TEST_DATABASE";

/// Runs a test on several threads, within the limit by the real clock.
pub(crate) fn run<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    on(tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all(), test);
}

/// Runs a test whose clock stands still until everything waits, within the limit by the real clock.
pub(crate) fn run_paused<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    on(tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true), test);
}

fn on<F: Future<Output = ()>>(
    runtime: &mut tokio::runtime::Builder,
    test: impl FnOnce() -> F + Send + 'static,
) {
    let runtime = runtime.build().unwrap();
    let (ended, end) = channel();
    // Not within the runtime: a thread that hangs there would keep it from ending.
    let thread = thread::spawn(move || {
        let _ended = ended;
        runtime.block_on(async { test().await });
    });
    match end.recv_timeout(LIMIT) {
        Err(RecvTimeoutError::Timeout) => panic!("the test did not end within {LIMIT:?}"),
        Ok(()) | Err(RecvTimeoutError::Disconnected) => {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    }
}

/// A store that was closed is nobody's. A process that another test is just starting may hold its lock for a moment longer: it
/// has copies of all that is open until it becomes another program.
pub(crate) async fn assert_nobodys(path: &Path) {
    for _ in 0..1_000 {
        if Sqlite::owner(path).unwrap().is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(Sqlite::owner(path).unwrap(), None);
}

pub(crate) fn log(id: &str) -> Key {
    Key::Log(Conversation::new("test", id).unwrap(), Name::from_static("log"))
}

pub(crate) fn queue() -> Key {
    Key::Queue(Shard(3), Name::from_static("inbox"))
}

pub(crate) async fn commit(storage: &Sqlite, id: u64, writes: Vec<Write>) -> Result<Committed> {
    storage.commit(Batch::new(CommitId(id), writes)).await
}

/// Everything of a log.
pub(crate) async fn read_log(storage: &Sqlite, key: &Key) -> Result<Option<LogPage>> {
    let read = Reading::new(key.clone()).limit(usize::MAX, usize::MAX);
    let page = storage.read(&[read]).await?.remove(0)?;
    Ok(page.map(|page| page.into_log().unwrap()))
}

/// Everything of a queue.
pub(crate) async fn read_queue(storage: &Sqlite, key: &Key) -> Result<Option<QueuePage>> {
    let read = Reading::new(key.clone()).limit(usize::MAX, usize::MAX);
    let page = storage.read(&[read]).await?.remove(0)?;
    Ok(page.map(|page| page.into_queue().unwrap()))
}

/// Holds an error to its kind and to what its text names.
#[track_caller]
pub(crate) fn expect_error<T>(result: Result<T>, kind: Kind, names: &[&str]) -> Error {
    let Err(error) = result else { panic!("it went well, {kind:?} was expected") };
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    for name in names {
        assert!(text.contains(name), "`{text}` does not name `{name}`");
    }
    error
}

/// A test that runs as a process of its own, so that it can be killed. It ends when this is dropped.
pub(crate) struct Process {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Process {
    /// Starts the test of this full name, which is marked as ignored.
    pub(crate) fn start(test: &str, database: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--ignored", "--nocapture"])
            .env(DATABASE, database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line it said with [`say`].
    pub(crate) fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            let length = self.lines.read_line(&mut line).unwrap();
            assert!(length > 0, "the process ended by itself");
            if let Some(said) = heard(&line) {
                return said;
            }
        }
    }

    /// Kills it as `kill -9` does, and gives the whole lines that it had said by then.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        rest.split_inclusive('\n').filter_map(heard).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It fails if the process is gone, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The database of this process, if it was started by [`Process::start`]. From then on it ends with its parent.
pub(crate) fn database() -> Option<String> {
    let database = std::env::var(DATABASE).ok()?;
    thread::spawn(|| {
        // The parent writes nothing, so this returns when the parent is gone.
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(1);
    });
    Some(database)
}

/// Says a line to the parent. The test harness prints to the same stream, so the line is marked.
pub(crate) fn say(line: &str) {
    println!("\n> {line}");
}

fn heard(line: &str) -> Option<String> {
    Some(line.strip_prefix("> ")?.strip_suffix('\n')?.to_owned())
}
