//! The page in Chromium, as a person uses it: what `browser` at the root of the project tries, against the real server.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// A folder with the files of `browser` and what they need installed: these tests run if this is set.
const INSTALLED: &str = "TERTULIA_BROWSER";
/// The longest that the tests of a file may take; they take half a minute.
const PATIENCE: Duration = Duration::from_mins(5);

#[tokio::test]
async fn a_person_talks_stops_allows_and_asks_again() {
    try_out("talking.test.mjs").await;
}

#[tokio::test]
async fn a_conversation_goes_on_where_it_was_whatever_is_lost() {
    try_out("surviving.test.mjs").await;
}

#[tokio::test]
async fn everybody_can_use_the_page() {
    try_out("reaching.test.mjs").await;
}

async fn try_out(file: &str) {
    let Some(folder) = std::env::var_os(INSTALLED).map(PathBuf::from) else {
        println!("skipped: {INSTALLED} is not set, as `cargo xtask test` does");
        return;
    };
    let status = timeout(PATIENCE, tests(&folder, file).status()).await;
    let status = status.unwrap_or_else(|_| panic!("{file} has taken longer than {PATIENCE:?}")).unwrap();
    assert!(status.success(), "{file}: {status}");
}

fn tests(folder: &Path, file: &str) -> Command {
    let mut node = Command::new("node");
    node.args(["--test", "--test-timeout=240000", file]).current_dir(folder);
    node.env("TERTULIA_BINARY", env!("CARGO_BIN_EXE_tertulia")).stdin(Stdio::null()).kill_on_drop(true);
    node
}
