//! Forking: a stream that begins as a copy of another, and goes its own way.

use bytes::Bytes;

use super::branches::UNPLACED;
use super::drive::drive;
use super::meta::{Meta, Origin, Phase};
use super::stream::{Info, Stream};
use super::streams::{Begin, Created, Streams};
use super::{CreateOptions, Cursor, From, Limit, Page, StreamId};
use crate::error::Kind;
use crate::{Error, Result};

/// How much is stored with the first batch, before the stream has to be filled in several.
const BATCH: usize = 16 << 20;
/// How much is copied at once.
const COPIED: Limit = Limit { entries: usize::MAX, bytes: 2 << 20 };

impl Streams {
    /// Makes a stream that begins as a copy.
    pub(super) async fn fork(&self, id: &StreamId, mut options: CreateOptions) -> Result<Created> {
        if let Some(stream) = self.get(id).await? {
            return Ok(Created::Existing(stream));
        }
        let Some(fork) = options.fork.take() else { return self.create_plain(id, options).await };
        let source = self.get(&fork.source).await?;
        let source = source.ok_or_else(|| {
            Error::new(Kind::Gone, format!("stream {} is not there to be forked", fork.source))
        })?;
        let info = source.info().await?;
        let at = fork.at.unwrap_or(info.end);
        // Whatever cannot be read cannot be forked at.
        let after = source.read(From::At(at), COPIED).await.map_err(|error| match error.kind() {
            Kind::Gone => Error::invalid(format!("stream {}: it cannot be forked there", fork.source))
                .with_source(error),
            _ => error,
        })?;
        let (at_offset, part) = part(&source, &info, at.offset, &after, fork.sub)?;
        if options.content_type.is_empty() {
            options.content_type.clone_from(&info.content_type);
        }
        self.add_fork(&fork.source, id).await?;
        let (branches, start) = source.look(|state| (state.meta.branches.clone(), state.meta.start)).await?;
        let meta = self.new_meta(&options);
        let meta = Meta {
            origin: Some(Origin { source: fork.source, at, sub: fork.sub }),
            start,
            branches: branches.forked(at_offset, meta.id, UNPLACED),
            ..meta
        };
        options.entries.splice(0..0, part);
        self.fill(id, &source, meta, options).await
    }

    async fn create_plain(&self, id: &StreamId, options: CreateOptions) -> Result<Created> {
        let meta = self.new_meta(&options);
        self.make(id, Begin { meta, copied: Vec::new(), is_whole: true }, &options).await
    }

    /// Makes the stream and copies into it what comes before its own branch. While that takes more than one batch, it
    /// is absent to readers.
    async fn fill(
        &self,
        id: &StreamId,
        source: &Stream,
        mut meta: Meta,
        options: CreateOptions,
    ) -> Result<Created> {
        let end = meta.branches.current().from;
        let mut next = meta.branches.mint(meta.start);
        let mut copied = Vec::new();
        let mut bytes = 0;
        while next.offset < end && bytes < BATCH {
            let page = copy(source, next, end).await?;
            (next, bytes) = (page.next(), bytes + page.bytes());
            copied.push(page);
        }
        let is_whole = next.offset == end;
        meta.phase = if is_whole { Phase::Here } else { Phase::Building };
        let made = self.make(id, Begin { meta, copied, is_whole }, &options).await?;
        let Created::New(stream) = &made else { return Ok(made) };
        while next.offset < end {
            let page = copy(source, next, end).await?;
            next = page.next();
            stream.fill_in(Some(page), &options).await?;
        }
        if !is_whole {
            stream.fill_in(None, &options).await?;
        }
        Ok(made)
    }
}

impl Stream {
    /// Adds a page to a stream that is being filled; without one, ends that: the stream is there.
    async fn fill_in(&self, page: Option<Page>, options: &CreateOptions) -> Result<()> {
        let (inner, live) = (&self.streams.0, &self.live);
        let ticket = {
            let mut cell = live.cell();
            let state = cell.state().ok_or_else(|| {
                Error::unavailable(format!("stream {}: filling it was interrupted", self.id()))
            })?;
            match page {
                Some(page) => {
                    let stored = state.kept.as_ref().map(|kept| kept.unsaved);
                    page.entries().for_each(|entry| state.window.push(&entry));
                    stored.into_iter().for_each(|stored| state.window.drop_until(stored));
                }
                None => {
                    state.meta.phase = Phase::Here;
                    let append = options.begin();
                    let now = inner.clock.now();
                    let taken = state.append(&append, None, || 0, || now);
                    taken.map_err(|refused| refused.error(self.id()))?;
                    state.touch(now);
                }
            }
            let ticket = state.change();
            if let Some(kept) = &mut state.kept {
                kept.expire_dirty = true;
            }
            drive(inner, live, state);
            ticket
        };
        self.settle(ticket).await
    }
}

async fn copy(source: &Stream, from: Cursor, end: u64) -> Result<Page> {
    let entries = usize::try_from(end - from.offset).unwrap_or(usize::MAX);
    let page = source.read_known(From::At(from), Limit { entries, ..COPIED }).await?;
    if page.is_empty() {
        return Err(Error::unavailable(format!("stream {}: it was cut while it was copied", source.id())));
    }
    Ok(page)
}

/// Where the copy ends, and what of the entry after that belongs to it too.
fn part(source: &Stream, info: &Info, at: u64, after: &Page, sub: u64) -> Result<(u64, Option<Bytes>)> {
    let beyond = |has: u64| {
        Err(Error::invalid(format!(
            "stream {}: it cannot be forked {sub} into what comes there, which has {has}",
            source.id()
        )))
    };
    if sub == 0 {
        return Ok((at, None));
    }
    if after.is_json() {
        let left = info.end.offset.saturating_sub(at);
        return if sub <= left { Ok((at + sub, None)) } else { beyond(left) };
    }
    let entry = after.entries().next().unwrap_or_default();
    match usize::try_from(sub) {
        Ok(sub) if sub < entry.len() => Ok((at, Some(entry.slice(..sub)))),
        Ok(sub) if sub == entry.len() && sub > 0 => Ok((at + 1, None)),
        _ => beyond(entry.len() as u64),
    }
}
