//! Reads the lines of an export and writes them into a store. What is there already is never written over.

use std::io::{BufRead, Read as _};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tertulia::storage::{BoxFuture, Storage};
use tertulia::{Clock, Error, Result};

use super::line::{Header, Line, LogLine, Totals, VERSION};
use super::progress::Progress;
use super::put::{PutLog, PutQueue};
use crate::failure::Failure;

/// The longest line that is read: a base of 32 MiB in base64, and more.
const LINE: u64 = 128 << 20;
/// How many logs that fit into one batch are committed at once.
const AT_ONCE: usize = 64;
/// Entries of a log that are more than this go in several batches.
const BATCH: usize = 4 << 20;

pub(super) struct Import<'a> {
    storage: &'a dyn Storage,
    clock: &'a Clock,
    progress: &'a mut Progress,
    open: Open<'a>,
    /// Logs that are written whole.
    under_way: FuturesUnordered<BoxFuture<'a, Result<()>>>,
}

/// What the lines that come now are of.
enum Open<'a> {
    Nothing,
    Log(PutLog<'a>),
    Queue(PutQueue<'a>),
}

impl<'a> Import<'a> {
    pub(super) fn new(storage: &'a dyn Storage, clock: &'a Clock, progress: &'a mut Progress) -> Self {
        Self { storage, clock, progress, open: Open::Nothing, under_way: FuturesUnordered::new() }
    }

    /// Reads to the end, and waits until all of it is written.
    pub(super) async fn run(&mut self, lines: &mut impl BufRead) -> Result<(), Failure> {
        let mut line = Vec::new();
        for number in 1_u64.. {
            let wrong = |text: &dyn std::fmt::Display| Failure::Run(format!("line {number}: {text}"));
            line.clear();
            let read = lines.by_ref().take(LINE).read_until(b'\n', &mut line);
            read.map_err(|error| wrong(&format_args!("it cannot be read: {error}")))?;
            if line.last() != Some(&b'\n') {
                return Err(wrong(&match line.len() as u64 {
                    LINE => "it has more than 128 MiB, which no line of an export has",
                    _ => {
                        "the export ends early; what came before is imported, and is passed over when the whole is"
                    }
                }));
            }
            let parsed = serde_json::from_slice(&line);
            let parsed =
                parsed.map_err(|error| wrong(&format_args!("it is no line of an export: {error}")))?;
            match (number, parsed) {
                (1, Line::Tertulia(Header { version: VERSION, .. })) => {}
                (1, Line::Tertulia(Header { version, .. })) => {
                    let text =
                        format!("the export is of version {version}, this program reads version {VERSION}");
                    return Err(wrong(&text));
                }
                (1, _) => return Err(wrong(&"an export begins with `tertulia` and its version")),
                (_, Line::End(totals)) => {
                    self.finish().await.map_err(|error| wrong(&error))?;
                    let read = self.progress.totals;
                    if totals != read {
                        return Err(wrong(&format_args!("the export is to have {totals}, it has {read}")));
                    }
                    // Such as a second export behind the first.
                    let left = lines.fill_buf();
                    let left =
                        left.map_err(|error| wrong(&format_args!("what follows cannot be read: {error}")))?;
                    return match left {
                        [] => Ok(()),
                        _ => Err(wrong(
                            &"the export ends here, and the file goes on; what came before is imported",
                        )),
                    };
                }
                (_, line) => self.take(line).await.map_err(|error| wrong(&error))?,
            }
            self.progress.moved();
        }
        unreachable!("the lines are not endless")
    }

    async fn take(&mut self, line: Line) -> Result<()> {
        let totals = &mut self.progress.totals;
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
                log.push(entries);
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
        let Open::Log(mut log) = std::mem::replace(&mut self.open, Open::Nothing) else { return Ok(()) };
        self.under_way.push(Box::pin(async move { log.finish().await }));
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
