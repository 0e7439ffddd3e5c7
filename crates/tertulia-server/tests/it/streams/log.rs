//! A stream that a test writes, and what a reader got of it.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::support::client;

/// How many entries there are, with the last, which says `end` and closes the stream.
const ENTRIES: usize = 300;
/// How many of them are there before the reader comes.
const BEFORE: usize = 40;
/// How far the writer is ahead of the reader at most, in bytes: one or a few entries, so that the reader waits at the
/// tail for most of them.
const AHEAD: usize = 400;

/// What a stream holds, and so what its reader prints.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// JSON values; the reader prints each on a line.
    Json,
    /// Anything; the reader prints pieces in hexadecimal.
    Bytes,
}

/// A stream on the server, written as its reader goes on.
pub(super) struct Log {
    kind: Kind,
    url: String,
    http: reqwest::Client,
    entries: Vec<Vec<u8>>,
    appended: usize,
    /// All entries one after the other; behind each JSON value is a line break.
    whole: Vec<u8>,
    /// Where each entry ends in it.
    ends: Vec<usize>,
    /// How much of it the reader has.
    got: usize,
}

impl Log {
    /// Makes the stream at `url` with its first entries.
    pub(super) async fn create(url: String, kind: Kind, seed: u64) -> Self {
        let entries = entries(kind, &mut Rng::with_seed(seed));
        let (mut whole, mut ends) = (Vec::new(), Vec::new());
        for entry in &entries {
            whole.extend_from_slice(entry);
            whole.extend((kind == Kind::Json).then_some(b'\n'));
            ends.push(whole.len());
        }
        let mut log = Self { kind, url, http: client(), entries, appended: 0, whole, ends, got: 0 };
        let created = log.request(reqwest::Method::PUT).send().await.unwrap();
        assert_eq!(created.status(), 201);
        while log.appended < BEFORE {
            log.append().await;
        }
        log
    }

    fn request(&self, method: reqwest::Method) -> reqwest::RequestBuilder {
        let content_type = match self.kind {
            Kind::Json => "application/json",
            Kind::Bytes => "application/octet-stream",
        };
        self.http.request(method, &self.url).header("content-type", content_type)
    }

    /// Appends the next entry; closes the stream with the last one.
    async fn append(&mut self) {
        let mut request = self.request(reqwest::Method::POST).body(self.entries[self.appended].clone());
        self.appended += 1;
        if self.appended == self.entries.len() {
            request = request.header("stream-closed", "true");
        }
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// Takes a line that the reader printed, and writes on. Panics if it is not what comes next in the log.
    pub(super) async fn printed(&mut self, line: &str) {
        let got = match self.kind {
            Kind::Json => serde_json::from_str::<Value>(line).unwrap().to_string().into_bytes(),
            Kind::Bytes => {
                let mut bytes = vec![0; line.len() / 2];
                base16ct::lower::decode(line, &mut bytes).unwrap();
                bytes
            }
        };
        let expected = &self.whole[self.got..];
        let at = self.ends.partition_point(|end| *end <= self.got);
        assert!(expected.starts_with(&got), "got `{line}` in place of entry {at} or what is left of it");
        self.got += got.len() + usize::from(self.kind == Kind::Json);
        while self.appended < self.entries.len() && self.ends[self.appended - 1] < self.got + AHEAD {
            self.append().await;
        }
    }

    /// Asserts that the reader, which has ended, got everything.
    pub(super) fn ended(&self) {
        assert_eq!(self.got, self.whole.len(), "the reader ended before the log did");
    }
}

fn entries(kind: Kind, random: &mut Rng) -> Vec<Vec<u8>> {
    let mut entries: Vec<Vec<u8>> = (0..ENTRIES - 1)
        .map(|n| match kind {
            Kind::Json => json!({ "n": n, "text": text(random) }).to_string().into_bytes(),
            Kind::Bytes => (0..random.usize(1..300)).map(|_| random.u8(..)).collect(),
        })
        .collect();
    entries.push(match kind {
        Kind::Json => br#""end""#.to_vec(),
        Kind::Bytes => b"end".to_vec(),
    });
    entries
}

/// Text with what could be taken for the end of a frame, or be cut within a character.
fn text(random: &mut Rng) -> String {
    const PARTS: [&str; 8] =
        ["conversa", "ção ", "\r\n\r\n", "\ndata: forged\n\n", "✓", "\u{0}", "\u{2028}", "id: 1\r"];
    (0..random.usize(0..25)).map(|_| PARTS[random.usize(..PARTS.len())]).collect()
}
