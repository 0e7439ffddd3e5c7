//! What a case of the streams' suite works on, and the short words the cases say to it.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tertulia::Clock;
use tertulia::stream::{
    Append, CreateOptions, Created, Cursor, Followed, From, Limit, Page, Stream, StreamId, Streams,
    StreamsOptions, Tail, Visible,
};

use crate::subject::here;
use crate::{Faulty, Rates, Subject};

/// How streams are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In memory alone.
    Alone,
    /// In the storage; readers see what is stored.
    Gated,
    /// In the storage; readers see what is appended.
    Live,
}

/// A storage under test, and how streams are kept.
///
/// Its short words panic where the streams fail them: a case is a test.
#[derive(Debug)]
pub struct Setting<'a> {
    subject: &'a Subject,
    mode: Mode,
    /// Made when first used: a store that is to be opened again must not be held.
    streams: OnceLock<Streams>,
}

impl<'a> Setting<'a> {
    /// Streams kept so, in this storage if in any.
    pub fn new(subject: &'a Subject, mode: Mode) -> Self {
        Self { subject, mode, streams: OnceLock::new() }
    }

    /// The storage under test.
    pub fn subject(&self) -> &Subject {
        self.subject
    }

    /// How streams are kept.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The streams of the case's process.
    pub fn streams(&self) -> &Streams {
        self.streams.get_or_init(|| open(self.subject, self.mode, StreamsOptions::default()))
    }

    /// The streams of another process over the same storage; in memory alone, those of the same.
    pub fn others(&self) -> Streams {
        match self.mode {
            Mode::Alone => self.streams().clone(),
            Mode::Gated | Mode::Live => open(self.subject, self.mode, StreamsOptions::default()),
        }
    }

    /// Streams with these bounds, of a process of their own.
    pub fn bounded(&self, options: StreamsOptions) -> Streams {
        open(self.subject, self.mode, options)
    }

    /// Streams of a process of their own, whose storage fails when it is told to. Not for streams in memory alone.
    pub fn faulty(&self, options: StreamsOptions) -> (Streams, Faulty) {
        let faulty = Faulty::new(self.subject.storage());
        (Streams::with(Some(Arc::new(faulty.clone())), Clock::system(), options), faulty)
    }

    /// The same, with calls that fail at random.
    pub fn faulty_at_random(&self, options: StreamsOptions, seed: u64, rates: Rates) -> (Streams, Faulty) {
        let faulty = Faulty::seeded(self.subject.storage(), seed, rates);
        (Streams::with(Some(Arc::new(faulty.clone())), Clock::system(), options), faulty)
    }

    /// The options that make a stream of the case's mode.
    pub fn options(&self) -> CreateOptions {
        let visible = if self.mode == Mode::Live { Visible::Live } else { Visible::Gated };
        CreateOptions { visible, ..CreateOptions::default() }
    }

    /// A new stream.
    pub async fn make(&self, name: &str) -> Stream {
        self.make_with(name, self.options()).await
    }

    /// A new stream with options.
    pub async fn make_with(&self, name: &str, options: CreateOptions) -> Stream {
        match self.streams().create(&id(name), options).await.expect("a stream is made") {
            Created::New(stream) => stream,
            Created::Existing(stream) => panic!("there was a stream {}", stream.id()),
        }
    }

    /// Moves time on, the storage's too, or waits that long where it cannot be moved.
    pub async fn leap(&self, duration: std::time::Duration) {
        if !self.subject.leap(duration).await {
            tokio::time::sleep(duration).await;
        }
    }
}

fn open(subject: &Subject, mode: Mode, options: StreamsOptions) -> Streams {
    let storage = (mode != Mode::Alone).then(|| subject.storage());
    Streams::with(storage, Clock::system(), options)
}

/// The stream of this name that the cases speak of.
pub(super) fn id(name: &str) -> StreamId {
    StreamId::new(here(), name).expect("a valid name")
}

/// The texts `0`, `1`, .. as entries.
pub(super) fn numbers(range: std::ops::Range<usize>) -> Vec<Bytes> {
    range.map(|n| Bytes::from(n.to_string())).collect()
}

/// The entries of a page.
pub(super) fn entries(page: &Page) -> Vec<Bytes> {
    page.entries().collect()
}

/// All entries from a place on, read in small pages, and where they end.
pub(super) async fn read_all(stream: &Stream, mut from: From) -> (Vec<Bytes>, Cursor) {
    let mut all = Vec::new();
    loop {
        let page = stream.read(from, Limit { entries: 7, bytes: 100 }).await.expect("it can be read");
        all.extend(page.entries());
        from = From::At(page.next());
        if page.is_up_to_date() {
            return (all, page.next());
        }
    }
}

/// Everything that a reader is given until the end, which has to come; resets start over where they say.
pub(super) async fn follow(mut tail: Tail) -> Vec<Bytes> {
    let mut all: Vec<(u64, Bytes)> = Vec::new();
    while let Some(followed) = tail.next().await.expect("it can be followed") {
        match followed {
            Followed::Page(page) => all.extend(page.iter().map(|(after, entry)| (after.offset, entry))),
            Followed::Reset(lost) => all.retain(|(after, _)| *after <= lost.earliest.offset),
        }
    }
    all.into_iter().map(|(_, entry)| entry).collect()
}

/// An append of these entries.
pub(super) fn append(entries: Vec<Bytes>) -> Append {
    Append { entries, ..Append::default() }
}
