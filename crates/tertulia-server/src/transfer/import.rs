//! Reads the lines of an export and writes them into a store. What is there already is never written over.

use std::io::{BufRead, Read as _};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tertulia::storage::{self, BoxFuture, Storage};
use tertulia::{Clock, Error, Result};

use super::line::{Header, Hex, Line, LogLine, Totals, VERSION, process};
use super::progress::Progress;
use super::put::{PutLog, PutQueue};
use super::seen;
use crate::failure::Failure;

/// The longest line that is read: a base of 32 MiB in base64, and more.
const LINE: u64 = 128 << 20;
/// How many logs that fit into one batch, or lines of ids, are committed at once.
const AT_ONCE: usize = 64;
/// Entries of a log that are more than this go in several batches.
const BATCH: usize = 4 << 20;

/// The lines of a file, by number.
pub(super) struct Lines<R> {
    from: R,
    line: Vec<u8>,
    /// Of the last that was read.
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, line: Vec::new(), number: 0 }
    }

    /// Reads the first line, and says what it has to say.
    ///
    /// # Errors
    /// That it is not the first line of an export, or of one that this program does not read.
    pub(super) fn header(&mut self) -> Result<Header, Failure> {
        if self.fill()?.is_empty() {
            return Err(Failure::Run("it is empty".into()));
        }
        match self.next()? {
            Line::Tertulia(header) if (1..=VERSION).contains(&header.version) => Ok(header),
            Line::Tertulia(Header { version, .. }) => Err(self.wrong(&format_args!(
                "the export is of version {version}, this program reads versions up to {VERSION}"
            ))),
            _ => Err(self.wrong(&"an export begins with `tertulia` and its version")),
        }
    }

    fn next(&mut self) -> Result<Line, Failure> {
        self.number += 1;
        self.line.clear();
        let read = (&mut self.from).take(LINE).read_until(b'\n', &mut self.line);
        read.map_err(|error| self.wrong(&format_args!("it cannot be read: {error}")))?;
        if self.line.last() != Some(&b'\n') {
            return Err(self.wrong(&match self.line.len() as u64 {
                LINE => "it has more than 128 MiB, which no line of an export has",
                _ => "the export ends early; what came before is imported, and is passed over when the whole is",
            }));
        }
        serde_json::from_slice(&self.line).map_err(|error| {
            // Without the place as JSON has it: it knows of this line only.
            let text = error.to_string();
            let text = text.rsplit_once(" at line ").map_or(&*text, |(text, _)| text);
            self.wrong(&format_args!("it is no line of an export: {text} (column {})", error.column()))
        })
    }

    /// What comes next.
    fn fill(&mut self) -> Result<&[u8], Failure> {
        let number = self.number + 1;
        let cannot = |error| Failure::Run(format!("line {number}: it cannot be read: {error}"));
        self.from.fill_buf().map_err(cannot)
    }

    fn wrong(&self, text: &dyn std::fmt::Display) -> Failure {
        Failure::Run(format!("line {}: {text}", self.number))
    }
}

pub(super) struct Import<'a> {
    storage: &'a dyn Storage,
    clock: &'a Clock,
    progress: &'a mut Progress,
    open: Open<'a>,
    /// Logs that are written whole, and ids.
    under_way: FuturesUnordered<BoxFuture<'a, Result<()>>>,
}

/// What the lines that come now are of.
enum Open<'a> {
    Nothing,
    Log(PutLog<'a>),
    Queue(PutQueue<'a>),
    /// Ids, after which no queue may come: entries with such an id would be taken for those that were there before.
    Ids,
}

impl<'a> Import<'a> {
    pub(super) fn new(storage: &'a dyn Storage, clock: &'a Clock, progress: &'a mut Progress) -> Self {
        Self { storage, clock, progress, open: Open::Nothing, under_way: FuturesUnordered::new() }
    }

    /// Reads what is behind the header to the end, and waits until all of it is written. Nothing is written if the store
    /// has had a server of its own.
    pub(super) async fn run(
        &mut self,
        header: &Header,
        lines: &mut Lines<impl BufRead>,
    ) -> Result<(), Failure> {
        self.check(header).await?;
        loop {
            let line = lines.next()?;
            if let Line::End(totals) = line {
                self.finish().await.map_err(|error| lines.wrong(&error))?;
                let read = self.progress.totals;
                if totals != read {
                    return Err(lines.wrong(&format_args!("the export is to have {totals}, it has {read}")));
                }
                // Such as a second export behind the first.
                if lines.fill()?.is_empty() {
                    return Ok(());
                }
                let text = "the export ends here, and the file goes on; what came before is imported";
                return Err(lines.wrong(&text));
            }
            self.take(line).await.map_err(|error| lines.wrong(&error))?;
            self.progress.moved();
        }
    }

    /// A server that was started on the store has made its log there, or has written to the one of an earlier import.
    async fn check(&self, header: &Header) -> Result<(), Failure> {
        let Some(Hex(made)) = header.process else { return Ok(()) };
        let mut pages = self.storage.read(&[storage::Read::head(process())]).await?;
        let head = pages.pop().transpose()?.flatten().and_then(|page| page.head().log());
        match head {
            Some(head) if head.etag.commit != made => Err(Failure::Run(format!(
                "a server was started on {} before: import into a store on which none was; nothing is imported",
                self.storage.properties().name
            ))),
            _ => Ok(()),
        }
    }

    async fn take(&mut self, line: Line) -> Result<()> {
        let totals = &mut self.progress.totals;
        if matches!(self.open, Open::Ids) && !matches!(line, Line::Seen(_)) {
            return Err(Error::invalid("ids come behind all logs and queues"));
        }
        match line {
            Line::Log(line) => {
                totals.logs += 1;
                totals.bytes += line.base.as_ref().map_or(0, |base| base.0.len() as u64);
                self.close().await?;
                self.open = Open::Log(self.log(line)?);
            }
            Line::Queue(line) => {
                totals.queues += 1;
                self.close().await?;
                self.open = Open::Queue(PutQueue::open(self.storage, self.clock, &line).await?);
            }
            Line::Entries(entries) => {
                let entries: Vec<Bytes> = entries.into_iter().map(|entry| entry.0).collect();
                totals.add(&entries);
                let Open::Log(log) = &mut self.open else {
                    return Err(Error::invalid("entries of a log that was not begun"));
                };
                log.push(entries)?;
                if log.waiting() >= BATCH {
                    log.write().await?;
                }
            }
            Line::Items(items) => {
                totals.entries += items.len() as u64;
                totals.bytes += items.iter().map(|item| item.bytes.0.len() as u64).sum::<u64>();
                let Open::Queue(queue) = &mut self.open else {
                    return Err(Error::invalid("entries of a queue that was not begun"));
                };
                queue.append(items).await?;
            }
            Line::Seen(line) => {
                totals.ids += line.len();
                if !matches!(self.open, Open::Ids) {
                    self.finish().await?;
                    self.open = Open::Ids;
                }
                let put = seen::Put::new(&line)?;
                self.begin(Box::pin(put.write(self.storage, self.clock))).await?;
            }
            Line::Tertulia(_) | Line::End(_) => {
                return Err(Error::invalid("an export has one beginning and one end"));
            }
        }
        Ok(())
    }

    fn log(&self, line: LogLine) -> Result<PutLog<'a>> {
        PutLog::new(self.storage, self.clock, line)
    }

    /// All lines of what is open have come.
    async fn close(&mut self) -> Result<()> {
        let mut log = match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing | Open::Ids => return Ok(()),
            Open::Queue(queue) => return queue.finish(),
            Open::Log(log) => log,
        };
        self.begin(Box::pin(async move { log.finish().await })).await
    }

    /// Begins to write, beside what is being written.
    async fn begin(&mut self, written: BoxFuture<'a, Result<()>>) -> Result<()> {
        self.under_way.push(written);
        while self.under_way.len() >= AT_ONCE {
            self.under_way.next().await.transpose()?;
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<()> {
        self.close().await?;
        while let Some(written) = self.under_way.next().await {
            written?;
        }
        Ok(())
    }
}

impl Totals {
    fn add(&mut self, entries: &[Bytes]) {
        self.entries += entries.len() as u64;
        self.bytes += entries.iter().map(|entry| entry.len() as u64).sum::<u64>();
    }
}
