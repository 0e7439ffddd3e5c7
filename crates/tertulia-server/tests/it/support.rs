//! The binary in a folder of its own, and a client for it.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder in which commands run, without the environment's variables.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tertulia"));
        command.env_clear().current_dir(self.path()).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    /// Runs a command with `input` on stdin.
    pub(crate) fn pipe(&self, arguments: &[&str], input: &str) -> Ended {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Ended::of(child.wait_with_output().unwrap())
    }

    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[], &[])
    }

    pub(crate) fn serve_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Server {
        let mut command = self.command(&["--listen", "127.0.0.1:0"]);
        command.args(arguments).envs(variables.iter().copied());
        let log = File::options().create(true).append(true).open(self.path().join("log")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut printed = String::new();
        while !printed.ends_with("ready\n") {
            if stdout.read_line(&mut printed).unwrap() == 0 {
                let log = std::fs::read_to_string(self.path().join("log")).unwrap();
                panic!("the server ended before it was ready: {printed}{log}");
            }
        }
        let url = printed.lines().find_map(|line| line.strip_prefix("http ")).unwrap().trim().to_owned();
        Server { child, stdout, printed, url }
    }
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Asserts that it failed with this code, and with one line that says all of this.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, says: &[&str]) {
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        self.failed_with(code, says);
    }

    /// Asserts that it failed with this code, and that what it said names all of this.
    #[track_caller]
    pub(crate) fn failed_with(&self, code: i32, says: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for part in says {
            assert!(self.stderr.contains(part), "`{part}` is not in {self:?}");
        }
    }

    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<&str> {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout.lines().collect()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// What it printed until it was ready.
    pub(crate) printed: String,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The address without the scheme.
    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// The next line it prints; empty at the end.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Says something in a chat and gives the replies.
    pub(crate) async fn say(&self, chat: &str, text: &str) -> Vec<String> {
        let answer = self.post(chat, text, None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.replies()
    }

    /// What `/health` says.
    pub(crate) async fn health(&self) -> Value {
        client().get(format!("{}/health", self.url)).send().await.unwrap().json().await.unwrap()
    }

    /// Waits until it has no update left: one is answered a moment before it is done.
    pub(crate) async fn has_run_all(&self) {
        let done = async { while self.health().await["updates"] != 0 {} };
        tokio::time::timeout(Duration::from_mins(1), done).await.expect("what was answered is done");
    }

    /// What is kept of the streams of a conversation, those that began first before others.
    pub(crate) async fn streams(&self, conversation: &str) -> Vec<Vec<Value>> {
        let get = async |path: String| -> Value {
            let answer = client().get(format!("{}/v1/{path}", self.url)).send().await.unwrap();
            answer.json().await.unwrap_or_default()
        };
        let listed = get(format!("conversations/{conversation}/streams")).await;
        let mut names: Vec<_> = listed["entries"].as_array().into_iter().flatten().collect();
        names.sort_by_key(|stream| stream["name"].as_str().unwrap().to_owned());
        let mut streams = Vec::new();
        for stream in names {
            let events = get(format!("stream/{}", stream["path"].as_str().unwrap())).await;
            streams.push(events.as_array().cloned().unwrap_or_default());
        }
        streams
    }

    pub(crate) async fn post(&self, chat: &str, text: &str, key: Option<&str>) -> Answer {
        post(&client(), &self.url, chat, text, key).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A response, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) fn replies(&self) -> Vec<String> {
        let replies = self.json["replies"].as_array().unwrap();
        replies.iter().map(|reply| reply["text"].as_str().unwrap().to_owned()).collect()
    }
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

pub(crate) async fn post(
    client: &reqwest::Client,
    url: &str,
    chat: &str,
    text: &str,
    key: Option<&str>,
) -> reqwest::Result<Answer> {
    let mut request = client.post(format!("{url}/chat/{chat}")).json(&json!({ "text": text }));
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let response = request.send().await?;
    Ok(Answer { status: response.status().as_u16(), json: response.json().await? })
}
