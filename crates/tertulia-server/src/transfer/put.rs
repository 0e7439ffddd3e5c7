//! One log, or one queue, into a store: begun by the commit that it was begun by before, and gone on with where an
//! earlier import has stopped.

use std::time::Duration;

use bytes::Bytes;
use tertulia::error::Kind;
use tertulia::storage::{
    Append, Batch, CommitId, Conflict, Expect, Expire, Head, LogWrite, Offset, QueueHead, QueueWrite, Read,
    Storage, Write,
};
use tertulia::{Clock, Error, Key, Result, Timestamp};

use super::line::{ItemLine, LogLine, QueueLine};

/// How often a store that is away is asked, for about a minute in all.
const TRIES: u32 = 8;

/// A log on its way into a store.
pub(super) struct PutLog<'a> {
    storage: &'a dyn Storage,
    clock: &'a Clock,
    key: Key,
    line: LogLine,
    entries: Vec<Bytes>,
    bytes: usize,
    /// The offset after the last entry that has come.
    come: u64,
    /// The offset after the last entry that is in the store; `None` if the log is not known to be.
    end: Option<Offset>,
}

impl<'a> PutLog<'a> {
    /// # Errors
    /// `Invalid` if the line names no log.
    pub(super) fn new(storage: &'a dyn Storage, clock: &'a Clock, line: LogLine) -> Result<Self> {
        let key = line.key()?;
        if line.first > line.end {
            return Err(Error::invalid(format!("{key} begins at {} and ends at {}", line.first, line.end)));
        }
        let (entries, bytes) = (Vec::new(), line.base.as_ref().map_or(0, |base| base.0.len()));
        let come = line.first;
        Ok(Self { storage, clock, key, line, entries, bytes, come, end: None })
    }

    /// Takes more entries.
    ///
    /// # Errors
    /// `Invalid` if there are more than there were to be.
    pub(super) fn push(&mut self, entries: Vec<Bytes>) -> Result<()> {
        self.come = self.come.saturating_add(entries.len() as u64);
        if self.come > self.line.end {
            return Err(Error::invalid(format!("{} was to end at {} and goes on", self.key, self.line.end)));
        }
        self.bytes += entries.iter().map(Bytes::len).sum::<usize>();
        self.entries.extend(entries);
        Ok(())
    }

    /// How many bytes wait to be written.
    pub(super) fn waiting(&self) -> usize {
        self.bytes
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// `Conflict` if there is another log; what the storage gives.
    pub(super) async fn write(&mut self) -> Result<()> {
        let Some(deadline) = self.deadline() else {
            // It has expired since.
            (self.entries, self.bytes) = (Vec::new(), 0);
            return Ok(());
        };
        let mut tries = Tries::new(self.clock);
        loop {
            let mut write = LogWrite::new(self.key.clone()).expire(deadline);
            let id = match self.end {
                None => {
                    write.expect = Expect::Absent;
                    write.first = Some(Offset(self.line.first));
                    write.base = self.line.base.as_ref().map(|base| base.0.clone());
                    self.line.incarnation.0
                }
                Some(end) => {
                    write.expect = Expect::End(self.line.incarnation.0, end);
                    CommitId(self.clock.random())
                }
            };
            write.append.clone_from(&self.entries);
            if self.end.is_none() && write.base.is_none() && write.append.is_empty() {
                // Nothing but its end is left of it, and only an entry makes a log.
                write.first = Some(Offset(self.line.end.saturating_sub(1)));
                write = write.append("").trim(Offset(self.line.end));
            }
            match self.storage.commit(Batch::new(id, vec![Write::from(write)])).await {
                Ok(_) => {
                    let end = self.end.map_or(self.line.first, |end| end.0) + self.entries.len() as u64;
                    self.end = Some(Offset(end));
                    (self.entries, self.bytes) = (Vec::new(), 0);
                    return Ok(());
                }
                Err(error) if error.kind() == Kind::Conflict => self.pass_over(&error)?,
                Err(error) => tries.again(error).await?,
            }
            if self.end.is_some() && self.entries.is_empty() {
                return Ok(());
            }
        }
    }

    /// Writes what is left of it.
    ///
    /// # Errors
    /// Those of [`write`](Self::write); `Invalid` if it has not got the entries that it was to have.
    pub(super) async fn finish(&mut self) -> Result<()> {
        if self.end.is_none() || !self.entries.is_empty() {
            self.write().await?;
        }
        let (key, wanted) = (&self.key, self.line.end);
        match self.end {
            Some(end) if end.0 > wanted => {
                Err(Error::invalid(format!("{key} was to end at {wanted} and ends at {end}")))
            }
            Some(end) if end.0 < wanted && self.line.first < wanted => {
                // A log of which nothing but its end is left says so by having no entries at all.
                if end.0 == self.line.first && self.line.base.is_none() {
                    return Ok(());
                }
                Err(Error::invalid(format!("{key} was to end at {wanted} and ends at {end}")))
            }
            _ => Ok(()),
        }
    }

    /// Leaves out what an earlier import, or a try whose answer was lost, has written.
    fn pass_over(&mut self, error: &Error) -> Result<()> {
        let head = error.detail::<Conflict>().and_then(|conflict| conflict.failed.first()?.head?.log());
        let Some(head) = head.filter(|head| head.incarnation == self.line.incarnation.0) else {
            let text =
                format!("{} is there already, and is another; import into a store without it", self.key);
            return Err(Error::new(Kind::Conflict, text));
        };
        let at = self.end.map_or(self.line.first, |end| end.0);
        let there = head.end.0.saturating_sub(at);
        let waiting = self.entries.len() as u64;
        let is_more = head.end.0 > self.line.end;
        if is_more || head.end.0 < at {
            let text =
                format!("{} is there already, and has been written to since it was imported", self.key);
            return Err(Error::new(Kind::Conflict, text));
        }
        let passed = usize::try_from(there.min(waiting)).unwrap_or(usize::MAX);
        self.entries.drain(..passed);
        self.end = Some(Offset(at + passed as u64));
        Ok(())
    }

    /// `None` if it has passed.
    fn deadline(&self) -> Option<Expire> {
        let Some(expires) = self.line.expires else { return Some(Expire::Keep) };
        let left = Timestamp(expires).since(self.clock.now());
        (!left.is_zero()).then_some(Expire::After(left))
    }
}

/// A queue on its way into a store.
pub(super) struct PutQueue<'a> {
    storage: &'a dyn Storage,
    clock: &'a Clock,
    key: Key,
    incarnation: CommitId,
    begun: bool,
    /// How many of its entries an earlier import has written.
    there: u64,
    /// How many it is to have.
    count: u64,
    /// How many have come.
    come: u64,
}

impl<'a> PutQueue<'a> {
    /// # Errors
    /// `Conflict` if there is another queue; `Invalid` if the line names none; what the storage gives.
    pub(super) async fn open(storage: &'a dyn Storage, clock: &'a Clock, line: &QueueLine) -> Result<Self> {
        let (key, incarnation) = (line.key()?, line.incarnation.0);
        let count = line.count;
        let mut queue = Self { storage, clock, key, incarnation, begun: false, there: 0, count, come: 0 };
        if let Some(head) = queue.head().await? {
            if head.incarnation != incarnation {
                let text =
                    format!("{} is there already, and is another; import into a store without it", queue.key);
                return Err(Error::new(Kind::Conflict, text));
            }
            if head.end.0 > count {
                let text = format!(
                    "{} is there already, and has been written to since it was imported: it has had {} entries, \
                    {count} in the file",
                    queue.key, head.end
                );
                return Err(Error::new(Kind::Conflict, text));
            }
            (queue.begun, queue.there) = (true, head.end.0);
        }
        Ok(queue)
    }

    /// Holds what has come to what was to come.
    ///
    /// # Errors
    /// `Invalid` if it has not got the entries that it was to have.
    pub(super) fn finish(&self) -> Result<()> {
        let Self { key, count, come, .. } = self;
        if count == come {
            return Ok(());
        }
        Err(Error::invalid(format!("{key} was to have {count} entries and has {come}")))
    }

    /// Writes more entries, but for those that are there.
    ///
    /// # Errors
    /// `Invalid` if there are more than there were to be; what the storage gives.
    pub(super) async fn append(&mut self, items: Vec<ItemLine>) -> Result<()> {
        self.come += items.len() as u64;
        if self.come > self.count {
            return self.finish();
        }
        let skipped = self.there.min(items.len() as u64);
        self.there -= skipped;
        let mut append = Vec::with_capacity(items.len());
        for item in items.into_iter().skip(usize::try_from(skipped).unwrap_or(usize::MAX)) {
            append.push(Append { id: item.id()?, bytes: item.bytes.0 });
        }
        if append.is_empty() {
            return Ok(());
        }
        let id = if self.begun { CommitId(self.clock.random()) } else { self.incarnation };
        let write = QueueWrite { append, ..QueueWrite::new(self.key.clone()) };
        let mut tries = Tries::new(self.clock);
        loop {
            let Err(error) = self.storage.commit(Batch::new(id, vec![write.clone().into()])).await else {
                break;
            };
            let perhaps = matches!(error.kind(), Kind::Unknown | Kind::Timeout);
            tries.again(error).await?;
            // Nobody else writes to it: if a lost answer was a yes, the queue bears the mark of this commit.
            if perhaps && self.head().await?.is_some_and(|head| head.etag.commit == id) {
                break;
            }
        }
        self.begun = true;
        Ok(())
    }

    async fn head(&self) -> Result<Option<QueueHead>> {
        let mut pages = self.storage.read(&[Read::head(self.key.clone())]).await?;
        Ok(pages.remove(0)?.map(|page| page.head()).and_then(|head: Head| head.queue()))
    }
}

/// How often a store that is away was asked.
pub(super) struct Tries<'a> {
    clock: &'a Clock,
    tried: u32,
}

impl<'a> Tries<'a> {
    pub(super) fn new(clock: &'a Clock) -> Self {
        Self { clock, tried: 0 }
    }

    /// Waits, longer each time.
    ///
    /// # Errors
    /// This one, if waiting does not help or has not.
    pub(super) async fn again(&mut self, error: Error) -> Result<()> {
        self.tried += 1;
        let is_away = matches!(error.kind(), Kind::Unavailable | Kind::Unknown | Kind::Timeout);
        if !is_away || self.tried == TRIES || error.detail::<tertulia::storage::Full>().is_some() {
            return Err(error);
        }
        self.clock.sleep(Duration::from_millis(250) * 2_u32.pow(self.tried)).await;
        Ok(())
    }
}
