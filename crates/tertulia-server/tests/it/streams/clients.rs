//! Programs of others that read and write the server's streams while their connections are cut again and again: what
//! they get is the log, with nothing missing and nothing twice.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use super::cutter::Cutter;
use super::log::{Kind, Log};
use super::{installed, serve};
use crate::support::{Folder, client};

/// The longest that a program may take; they take a few seconds.
const PATIENCE: Duration = Duration::from_secs(100);
/// At least so many connections are cut, or the test has shown little.
const CUTS: usize = 10;

#[tokio::test]
async fn the_javascript_client_reads_json_over_sse() {
    reads("stream", &["node", "client.mjs"], &["sse", "json"], Kind::Json, 1).await;
}

#[tokio::test]
async fn the_javascript_client_reads_json_over_long_polls() {
    reads("stream", &["node", "client.mjs"], &["long-poll", "json"], Kind::Json, 2).await;
}

#[tokio::test]
async fn the_javascript_client_reads_bytes_over_sse() {
    reads("stream", &["node", "client.mjs"], &["sse", "bytes"], Kind::Bytes, 3).await;
}

#[tokio::test]
async fn the_javascript_client_reads_bytes_over_long_polls() {
    reads("stream", &["node", "client.mjs"], &["long-poll", "bytes"], Kind::Bytes, 4).await;
}

#[tokio::test]
async fn the_python_client_reads_json_over_sse() {
    reads("stream", &["python3", "client.py"], &["sse", "json"], Kind::Json, 5).await;
}

#[tokio::test]
async fn the_python_client_reads_json_over_long_polls() {
    reads("stream", &["python3", "client.py"], &["long-poll", "json"], Kind::Json, 6).await;
}

#[tokio::test]
async fn the_python_client_reads_bytes_over_long_polls() {
    reads("stream", &["python3", "client.py"], &["long-poll", "bytes"], Kind::Bytes, 7).await;
}

#[tokio::test]
async fn an_event_source_reads_until_it_is_told_not_to_come_back() {
    reads("events", &["node", "eventsource.mjs"], &[], Kind::Json, 8).await;
}

#[tokio::test]
async fn curl_reads_events_with_the_last_id_it_saw() {
    reads("events", &["bash", "curl.sh"], &[], Kind::Json, 9).await;
}

#[tokio::test]
async fn the_producer_of_the_javascript_client_writes_each_entry_once() {
    let Some(packages) = installed() else { return };
    let folder = Folder::new();
    let server = serve(&folder, "sqlite:streams.db");
    let cutter = Cutter::before(server.address(), 10).await;
    let url = format!("{}/v1/stream/cut", server.url);
    let created = client().put(&url).header("content-type", "application/json").send().await.unwrap();
    assert_eq!(created.status(), 201);

    let through = format!("http://{}/v1/stream/cut", cutter.address);
    let status = program(&packages, &["node", "producer.mjs"]).arg(through).status();
    assert!(timeout(PATIENCE, status).await.unwrap().unwrap().success());
    assert!(cutter.cuts() >= CUTS, "only {} connections were cut", cutter.cuts());

    let stream = client().get(&url).send().await.unwrap();
    assert_eq!(stream.headers()["stream-closed"], "true");
    let written: Vec<Value> = stream.json().await.unwrap();
    assert_eq!(written, produced());
}

#[tokio::test]
async fn a_writer_and_a_reader_go_on_where_they_were_when_the_server_is_killed() {
    let Some(packages) = installed() else { return };
    let folder = Folder::new();
    let mut server = serve(&folder, "sqlite:streams.db");
    let cutter = Cutter::before(server.address(), 11).await;
    let url = format!("{}/v1/stream/cut", server.url);
    let created = client().put(&url).header("content-type", "application/json").send().await.unwrap();
    assert_eq!(created.status(), 201);

    let through = format!("http://{}/v1/stream/cut", cutter.address);
    let mut reader = program(&packages, &["node", "client.mjs"]);
    let mut reader = reader.args([&through, "sse", "json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut writer = program(&packages, &["node", "producer.mjs"]);
    let mut writer = writer.arg(through).stdin(Stdio::piped()).spawn().unwrap();
    let mut turns = writer.stdin.take().unwrap();
    turns.write_all(b"\n").await.unwrap();
    let mut lines = BufReader::new(reader.stdout.take().unwrap()).lines();
    let read = async {
        let mut read = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            read.push(serde_json::from_str::<Value>(&line).unwrap());
            if read.len() % 10 == 0 && read.len() < 200 {
                turns.write_all(b"\n").await.unwrap();
            }
            if read.len() % 30 == 0 {
                // Both have something under way.
                server.kill();
                server = serve(&folder, "sqlite:streams.db");
                cutter.moves(server.address());
            }
        }
        assert!(reader.wait().await.unwrap().success());
        assert!(writer.wait().await.unwrap().success());
        read
    };
    assert_eq!(timeout(PATIENCE, read).await.unwrap(), produced());
}

/// What `producer.mjs` writes.
fn produced() -> Vec<Value> {
    (0..200).map(|n| json!({ "n": n, "text": "x".repeat((n * 7) % 100) })).collect()
}

/// Has a program read a stream through connections that are cut.
async fn reads(route: &str, script: &[&str; 2], arguments: &[&str], kind: Kind, seed: u64) {
    let Some(packages) = installed() else { return };
    let folder = Folder::new();
    let server = serve(&folder, "memory:");
    let cutter = Cutter::before(server.address(), seed).await;
    let mut log = Log::create(format!("{}/v1/stream/cut", server.url), kind, seed).await;

    let through = format!("http://{}/v1/{route}/cut", cutter.address);
    let mut command = program(&packages, script);
    let mut reader = command.arg(through).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(reader.stdout.take().unwrap()).lines();
    let read = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            log.printed(&line).await;
        }
        reader.wait().await.unwrap()
    };
    let status = timeout(PATIENCE, read).await.unwrap();
    assert!(status.success(), "{status}");
    log.ended();
    assert!(cutter.cuts() >= CUTS, "only {} connections were cut", cutter.cuts());
}

/// A script of `conformance`, with what it needs; ended with the test.
fn program(packages: &Path, [interpreter, script]: &[&str; 2]) -> Command {
    let mut command = Command::new(interpreter);
    command.current_dir(packages).arg(script).env("PYTHONPATH", packages.join("python"));
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}
