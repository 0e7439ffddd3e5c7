//! Pages made with the Vercel AI SDK: its own client, in Node, against the real binary.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::streams::cutter::Cutter;
use crate::support::{Folder, Server};

/// A folder with the files of `ai-sdk` and what they need installed: tests that use it run if this is set.
const INSTALLED: &str = "TERTULIA_AI_SDK";
/// The longest that a script may take; they take some seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// A script with its arguments, and the server that it speaks to; `None` if nothing is installed.
fn node(url: &str, arguments: &[&str]) -> Option<Command> {
    let Some(folder) = std::env::var_os(INSTALLED).map(PathBuf::from) else {
        println!("skipped: {INSTALLED} is not set, which `cargo xtask test` does");
        return None;
    };
    let mut command = Command::new("node");
    command.current_dir(folder).args(arguments).env("TERTULIA_URL", url);
    command.stdin(Stdio::null()).kill_on_drop(true);
    Some(command)
}

fn serve(folder: &Folder) -> Server {
    folder.serve_with(&["--storage", "sqlite:chats.db"], &[("TERTULIA_AGENT_PACE", "10")])
}

/// Runs a file of tests to its end.
async fn passes(url: &str, file: &str) {
    let Some(mut tests) = node(url, &["--test", file]) else { return };
    let output = timeout(PATIENCE, tests.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
async fn every_chunk_is_one_of_the_sdk_and_makes_the_message_that_is_kept() {
    passes("", "chunks.test.mjs").await;
}

#[tokio::test]
async fn chats_are_whole_however_they_are_cut_and_stop_only_when_asked() {
    let folder = Folder::new();
    let server = serve(&folder);
    passes(&server.url, "chat.test.mjs").await;
}

#[tokio::test]
async fn a_message_is_told_whole_though_the_server_is_killed() {
    told_whole(12, Server::kill).await;
}

#[tokio::test]
async fn a_message_is_told_whole_though_the_server_is_stopped_and_started_again() {
    let stop = |mut server: Server| {
        server.signal("TERM");
        assert!(server.wait().success());
    };
    told_whole(13, stop).await;
}

/// Has a story told while the server is ended in this way three times.
async fn told_whole(seed: u64, end: impl Fn(Server)) {
    let folder = Folder::new();
    let mut server = serve(&folder);
    let cutter = Cutter::letting_through(server.address(), seed, 24.0).await;
    let Some(mut page) = node(&format!("http://{}", cutter.address), &["killed.mjs"]) else { return };
    let mut page = page.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(page.stdout.take().unwrap()).lines();
    let mut ends = 0;
    let told = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line == "whole" {
                continue;
            }
            end(server);
            server = serve(&folder);
            cutter.moves(server.address());
            ends += 1;
        }
        page.wait().await.unwrap()
    };
    assert!(timeout(PATIENCE, told).await.unwrap().success());
    assert_eq!(ends, 3);
}
