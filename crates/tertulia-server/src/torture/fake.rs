//! The fake Bot API server as a process of its own, which is never killed, and what is asked of it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tertulia_testkit::bot_api::Faults;

use crate::failure::Failure;

/// How many entries of the journal are read at once.
const ENTRIES: usize = 10_000;

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Fake {
    child: Child,
    url: String,
    http: reqwest::Client,
    /// How much of the journal was read.
    read: u64,
}

/// A message to push.
#[derive(Debug, Serialize)]
pub(super) struct Message {
    pub(super) chat: u32,
    pub(super) text: String,
}

/// An entry of the journal that matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    number: u64,
    /// In milliseconds since the server's start.
    pub(super) at: u64,
    #[serde(flatten)]
    pub(super) event: Event,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(super) enum Event {
    Sent { chat: u32, text: String, connection: u64 },
    Confirmed { update: u64 },
}

/// Where the server is now.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Present {
    /// In milliseconds since its start.
    pub(super) now: u64,
    /// How many connections there were.
    pub(super) connected: u64,
}

impl Fake {
    /// Starts this program once more, as the server.
    pub(super) fn start(seed: u64) -> Result<Self, Failure> {
        let failed = |error| Failure::Run(format!("the fake Bot API server cannot be started: {error}"));
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.args([
            "fake-telegram",
            "--until-closed",
            "--listen",
            "127.0.0.1:0",
            "--seed",
            &seed.to_string(),
        ]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let mut url = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut url).map_err(failed)?;
        }
        let http = reqwest::Client::builder().no_proxy().build();
        let http = http.map_err(|error| Failure::Run(error.to_string()))?;
        Ok(Self { child, url: url.trim().to_owned(), http, read: 0 })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) async fn set_faults(&self, faults: &Faults) -> Result<(), Failure> {
        let _: serde_json::Value = self.post("faults", faults).await?;
        Ok(())
    }

    /// Pushes messages; says how many of them were taken, which are the first ones.
    pub(super) async fn push(&self, messages: &[Message]) -> Result<usize, Failure> {
        let ids: Vec<Option<i32>> = self.post("messages", messages).await?;
        Ok(ids.iter().flatten().count())
    }

    /// What happened since the last time.
    pub(super) async fn read(&mut self) -> Result<Vec<Entry>, Failure> {
        let path = format!("journal?after={}&limit={ENTRIES}&only=sent,confirmed", self.read);
        let entries: Vec<Entry> = self.get(&path).await?;
        self.read = entries.last().map_or(self.read, |last| last.number);
        Ok(entries)
    }

    pub(super) async fn present(&self) -> Result<Present, Failure> {
        self.get("summary").await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        answer(self.http.get(format!("{}/control/{path}", self.url))).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, Failure> {
        answer(self.http.post(format!("{}/control/{path}", self.url)).json(body)).await
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn answer<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T, Failure> {
    let failed = |error: reqwest::Error| Failure::Run(format!("the fake Bot API server: {error}"));
    let response = request.send().await.and_then(reqwest::Response::error_for_status).map_err(failed)?;
    let body = response.bytes().await.map_err(failed)?;
    serde_json::from_slice(&body).map_err(|error| Failure::Run(format!("the fake Bot API server: {error}")))
}
