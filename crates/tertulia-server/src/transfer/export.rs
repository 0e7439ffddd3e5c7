//! Writes what a store keeps: logs and queues, a page of keys at a time, then the ids that queues remember.

use std::io::Write;

use tertulia::error::Kind;
use tertulia::storage::{
    Base, From, Head, ListQuery, LogHead, LogPage, Offset, Page, QueueHead, Read, Storage,
};
use tertulia::{Clock, Error, Key, Result};

use super::line::{Blob, Header, Hex, ItemLine, Line, LogLine, QueueLine, VERSION, process};
use super::progress::Progress;
use super::seen;
use crate::failure::Failure;

/// The most bytes of entries that are read at once, and written in one line.
const PAGE: usize = 1 << 20;
/// The most entries of a line.
const ENTRIES: usize = 10_000;
/// How often a log that is trimmed or replaced while it is read is read again.
const TRIES: usize = 3;
/// Logs of up to this many bytes are read whole before they are written, so that they can be read again.
const WHOLE: usize = 64 << 20;

/// Writes everything, as it is found.
pub(super) async fn export(
    storage: &dyn Storage,
    clock: &Clock,
    out: &mut impl Write,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let began = clock.now();
    let mut started = storage.read(&[Read::head(process())]).await?;
    let started = started.pop().transpose()?.flatten().and_then(|page| page.head().log());
    let process = started.map(|head| Hex(head.incarnation));
    say(
        out,
        &Line::Tertulia(Header { version: VERSION, from: storage.properties().name, at: began.0, process }),
    )?;
    let mut query = ListQuery::default();
    loop {
        let page = storage.list(&query).await?;
        for listed in page.keys {
            let mut work = Export { storage, clock, out, progress };
            match listed.head {
                Head::Log(_) => work.log(&listed.key).await?,
                Head::Queue(head) if head.count > 0 => work.queue(&listed.key).await?,
                Head::Queue(_) => {}
            }
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    seen::export(storage, clock, began, out, progress).await?;
    say(out, &Line::End(progress.totals))
}

struct Export<'a, W> {
    storage: &'a dyn Storage,
    clock: &'a Clock,
    out: &'a mut W,
    progress: &'a mut Progress,
}

impl<W: Write> Export<'_, W> {
    async fn log(&mut self, key: &Key) -> Result<(), Failure> {
        for _ in 0..TRIES {
            let before = self.progress.totals.logs;
            match self.log_once(key).await {
                Err(Interrupted::Moved) if self.progress.totals.logs == before => {}
                Err(Interrupted::Moved) => break,
                Err(Interrupted::Failed(failure)) => return Err(failure),
                Ok(()) => return Ok(()),
            }
        }
        Err(Failure::Run(format!("{key} moves faster than it is exported; stop what writes to it")))
    }

    async fn log_once(&mut self, key: &Key) -> Result<(), Interrupted> {
        let read = |from, base| Read::new(key.clone()).from(from).base(base).limit(ENTRIES, PAGE);
        // What is gone since it was listed is left out.
        let Some(mut page) = self.read_log(read(From::Start, Base::Always)).await? else { return Ok(()) };
        let (head, first) = (page.head, page.first);
        let mut base = page.base.take();
        let mut bytes = base.as_ref().map_or(0, bytes::Bytes::len);
        let mut begun = false;
        let mut pages = Vec::new();
        loop {
            let next = page.next();
            bytes += page.entries.iter().map(bytes::Bytes::len).sum::<usize>();
            pages.push(std::mem::take(&mut page.entries));
            let is_whole = next >= head.end;
            if is_whole || bytes > WHOLE {
                if !std::mem::replace(&mut begun, true) {
                    self.say_log(key, &head, first, base.take())?;
                }
                for entries in pages.drain(..) {
                    self.say_entries(entries)?;
                }
            }
            if is_whole {
                return Ok(());
            }
            let from = From::At(head.incarnation, next);
            page = self.read_log(read(from, Base::Never)).await?.ok_or(Interrupted::Moved)?;
            // A base that is set later hides what came before it: the log is not what was begun any more.
            if page.head.base_version != head.base_version {
                return Err(Interrupted::Moved);
            }
            let wanted = usize::try_from(head.end.0.saturating_sub(next.0)).unwrap_or(usize::MAX);
            page.entries.truncate(wanted);
        }
    }

    fn say_log(
        &mut self,
        key: &Key,
        head: &LogHead,
        first: Offset,
        base: Option<bytes::Bytes>,
    ) -> Result<(), Failure> {
        let (conversation, shard) = match key {
            Key::Log(conversation, _) => (Some(conversation.as_str().to_owned()), None),
            Key::ShardLog(shard, _) | Key::Queue(shard, _) => (None, Some(shard.0)),
        };
        self.progress.totals.logs += 1;
        self.progress.totals.bytes += base.as_ref().map_or(0, |base| base.len() as u64);
        let line = LogLine {
            conversation,
            shard,
            name: key.name().to_string(),
            incarnation: Hex(head.incarnation),
            base: base.map(Blob),
            first: first.0,
            end: head.end.0,
            expires: head.expires_in.map(|left| self.clock.now().after(left).0),
        };
        self.say(&Line::Log(line))
    }

    fn say_entries(&mut self, entries: Vec<bytes::Bytes>) -> Result<(), Failure> {
        if entries.is_empty() {
            return Ok(());
        }
        self.progress.totals.entries += entries.len() as u64;
        self.progress.totals.bytes += entries.iter().map(|entry| entry.len() as u64).sum::<u64>();
        self.say(&Line::Entries(entries.into_iter().map(Blob).collect()))
    }

    async fn read_log(&self, read: Read) -> Result<Option<LogPage>, Interrupted> {
        Ok(one(self.storage, read).await?.and_then(Page::into_log))
    }

    /// All of a queue is read before any of it is written, since its line says how many entries it has, and some may be
    /// removed meanwhile. A queue has 256 MiB at most.
    async fn queue(&mut self, key: &Key) -> Result<(), Failure> {
        let Key::Queue(shard, name) = key else { return Ok(()) };
        let read = |from| Read::new(key.clone()).from(from).limit(ENTRIES, PAGE);
        let mut from = From::Start;
        let mut known: Option<QueueHead> = None;
        let mut pages = Vec::new();
        loop {
            let page = match one(self.storage, read(from)).await {
                Ok(page) => page.and_then(Page::into_queue),
                Err(Interrupted::Moved) => None,
                Err(Interrupted::Failed(failure)) => return Err(failure),
            };
            let Some(page) = page else {
                if known.is_none() {
                    return Ok(());
                }
                return Err(Failure::Run(format!("{key} was made anew while it was exported")));
            };
            let head = *known.get_or_insert(page.head);
            let last = page.entries.last().map(|entry| entry.offset.0 + 1);
            let entries = page.entries.into_iter().filter(|entry| entry.offset < head.end);
            pages.push(entries.map(|entry| ItemLine::new(entry.id, entry.bytes)).collect::<Vec<_>>());
            match last {
                Some(next) if next < head.end.0 => from = From::At(head.incarnation, Offset(next)),
                _ => break,
            }
        }
        pages.retain(|items| !items.is_empty());
        let (Some(head), false) = (known, pages.is_empty()) else { return Ok(()) };
        let count = pages.iter().map(|items| items.len() as u64).sum();
        self.progress.totals.queues += 1;
        let incarnation = Hex(head.incarnation);
        self.say(&Line::Queue(QueueLine { shard: shard.0, name: name.to_string(), incarnation, count }))?;
        for items in pages {
            self.progress.totals.entries += items.len() as u64;
            self.progress.totals.bytes += items.iter().map(|item| item.bytes.0.len() as u64).sum::<u64>();
            self.say(&Line::Items(items))?;
        }
        Ok(())
    }

    fn say(&mut self, line: &Line) -> Result<(), Failure> {
        say(self.out, line)?;
        self.progress.moved();
        Ok(())
    }
}

/// Why a log is not written to its end.
enum Interrupted {
    /// It is not there any more as it was begun.
    Moved,
    Failed(Failure),
}

impl std::convert::From<Failure> for Interrupted {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

async fn one(storage: &dyn Storage, read: Read) -> Result<Option<Page>, Interrupted> {
    let failed = |error: Error| Interrupted::Failed(error.into());
    let pages = storage.read(std::slice::from_ref(&read)).await.map_err(failed)?;
    match pages.into_iter().next() {
        None => Err(failed(Error::internal("a read gave no page"))),
        Some(Err(error)) if error.kind() == Kind::Gone => Err(Interrupted::Moved),
        Some(page) => page.map_err(failed),
    }
}

pub(super) fn say(out: &mut impl Write, line: &Line) -> Result<(), Failure> {
    let written = serde_json::to_writer(&mut *out, line).map_err(std::io::Error::from);
    written
        .and_then(|()| out.write_all(b"\n"))
        .map_err(|error| Failure::Run(format!("the export cannot be written: {error}")))
}
