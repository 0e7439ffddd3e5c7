//! Finds the update that stops the process, without condemning those that ran beside it.
//!
//! A process says in the log [`PROCESS`] that it runs, and when it stops well, that it does not. One that starts after
//! one that did not stop well begins a **row**, or goes on with it: it marks each update that it begins, before it
//! begins it. What the next one of the row finds marked was under way when the process stopped: the suspects. They run
//! before anything else, few together; when few are left, one alone. What was alone
//! three times when the process stopped goes to `dead`. A minute without a stop, since the last of them was begun, ends
//! the row.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::sync::Notify;

use super::Handler;
use super::core::Core;
use super::format::{Begun, Mark};
use super::index::{Arrived, Only, Verdict};
use super::names::{INBOX, PROCESS};
use super::riders::queue;
use super::worker::After;
use crate::error::Kind;
use crate::storage::{Batch, CommitId, Expire, LogWrite, Page, Read, Revision, Write};
use crate::{Error, Key, Result, Shard};

/// The version of the record.
const VERSION: u8 = 1;
/// How many suspects are few enough to run alone.
const FEW: usize = 16;
/// In how many parts more of them run.
const PARTS: usize = 8;
/// How long a process runs until what happened before it counts no more.
const ROW: Duration = Duration::from_secs(60);

/// The wait before a note is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// Whether updates are marked as they are begun.
#[derive(Debug, Default)]
pub(super) struct Isolation {
    /// The row of processes that did not stop well, or 0. Written at the start and when the row ends.
    row: AtomicU64,
    /// Nothing else runs than what is begun now.
    alone: AtomicBool,
    /// Told when other suspects are begun, and when there are no more: the minute counts anew.
    went_on: Notify,
}

impl Isolation {
    /// The row that this process belongs to.
    pub(super) fn row(&self) -> Option<u64> {
        Some(self.row.load(Ordering::Acquire)).filter(|row| *row != 0)
    }
}

impl<H: Handler> Core<H> {
    /// Says that this process runs, and learns whether the one before it stopped well. If it did not, nothing is
    /// run until [`isolate`](Self::isolate).
    ///
    /// # Errors
    /// What the storage gives when it is read or refuses the note. While it cannot be reached this waits.
    pub(super) async fn note_start(&self) -> Result<()> {
        let pages = self.storage.read(&[Read::new(key())]).await?;
        let page = pages.into_iter().next().ok_or_else(|| Error::internal("a read gave no page"))??;
        let before = page.and_then(Page::into_log).and_then(|page| page.base).map(|base| decode(&base));
        if let Some(row) = before.transpose()?.flatten() {
            // Zero stands for none.
            let row = if row == 0 { self.clock.random().max(1) } else { row };
            tracing::warn!(
                "the process before this one did not stop well, updates are marked as they are begun"
            );
            self.isolation.row.store(row, Ordering::Release);
            let _ = self.index.restrict(Some(Only::default()));
        }
        let row = self.isolation.row.load(Ordering::Acquire);
        while let Err(error) = self.note(Some(row)).await {
            if !matches!(error.kind(), Kind::Unavailable | Kind::Unknown | Kind::Timeout) {
                return Err(error);
            }
            tracing::warn!(%error, "cannot note that the process runs, trying again");
            self.clock.sleep(AGAIN).await;
        }
        Ok(())
    }

    /// Runs what earlier processes had begun when they stopped, apart from everything else; then anything.
    pub(super) async fn isolate(self: Arc<Self>) {
        let mut suspects = self.index.suspects(|Begun { alone, .. }| {
            let stopped = || format!("the process stopped {alone} times while this update ran alone");
            (*alone >= self.options.stops).then(|| Verdict::Bury(stopped()))
        });
        // Those begun most often were begun by the latest process that got as far.
        suspects.sort_by_key(|(_, begun)| std::cmp::Reverse((begun.times, begun.alone)));
        for level in suspects.chunk_by(|(_, one), (_, other)| one.times == other.times) {
            let together = if level.len() <= FEW { 1 } else { level.len().div_ceil(PARTS) };
            tracing::warn!(
                updates = level.len(),
                together,
                "running what was under way when the process stopped, and nothing else"
            );
            for some in level.chunks(together) {
                self.isolation.alone.store(together == 1, Ordering::Release);
                let start = self.index.restrict(Some(some.iter().map(|(at, _)| *at).collect()));
                self.start(start);
                self.isolation.went_on.notify_one();
                self.index.cohort_ended().await;
            }
        }
        self.isolation.alone.store(false, Ordering::Release);
        self.isolation.went_on.notify_one();
        let start = self.index.restrict(None);
        self.start(start);
    }

    /// Ends the row of processes that did not stop well, once this one has run for a minute since it last began
    /// suspects: they may take longer than that together, and the last of them may be the one.
    pub(super) async fn end_row(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.clock.sleep(ROW) => break,
                () = self.isolation.went_on.notified() => {}
            }
        }
        self.isolation.row.store(0, Ordering::Release);
        while let Err(error) = self.note(Some(0)).await {
            tracing::warn!(%error, "cannot note that the process runs well, trying again");
            self.clock.sleep(AGAIN).await;
        }
    }

    /// Says that this process stops well.
    ///
    /// # Errors
    /// What the storage gives.
    pub(super) async fn note_stop(&self) -> Result<()> {
        self.note(None).await
    }

    async fn note(&self, running: Option<u64>) -> Result<()> {
        let write = LogWrite::new(key()).base(encode(running)).expire(Expire::Never);
        self.storage.commit(Batch::new(CommitId(self.clock.random()), vec![write.into()])).await?;
        Ok(())
    }

    /// Marks an update as begun, if that is to be done; gives it as it is then.
    ///
    /// # Errors
    /// What to do instead of beginning it.
    pub(super) async fn mark_begun(&self, arrived: Arc<Arrived>) -> Result<Arc<Arrived>, After> {
        let Some(row) = self.isolation.row() else { return Ok(arrived) };
        if arrived.marked {
            return Ok(arrived);
        }
        let mut marked = Arrived::clone(&arrived);
        marked.marked = true;
        let Begun { times, alone, .. } = marked.begun;
        let alone = alone.saturating_add(u8::from(self.isolation.alone.load(Ordering::Acquire)));
        marked.begun = Begun { row, times: times.saturating_add(1), alone };
        let attempts = marked.about.attempt.saturating_sub(1);
        let record = marked.record(attempts, marked.not_before, Mark::Begun(marked.begun));
        let mut writes: Vec<Write> = Vec::new();
        let replace = (arrived.offset, arrived.revision, record.encode());
        queue(&mut writes, arrived.shard, &INBOX).replace.push(replace);
        let id = CommitId(self.clock.random());
        let Err(error) = self.storage.commit(Batch::new(id, writes)).await else {
            marked.revision = Revision(id);
            return Ok(Arc::new(marked));
        };
        match error.kind() {
            Kind::Conflict => Err(self.look_again(&arrived).await),
            Kind::Closed => self.give_up(error).await,
            kind => {
                let mut again = Arrived::clone(&arrived);
                // Perhaps it was marked: whatever the entry is now is found when it is read again.
                if kind != Kind::Unavailable {
                    again.doubt();
                }
                Err(self.postpone(&Arc::new(again), &error))
            }
        }
    }
}

fn key() -> Key {
    Key::ShardLog(Shard::all().next().expect("there are 256 shards"), PROCESS)
}

/// A process that runs, with its row or 0, or none.
fn encode(running: Option<u64>) -> Bytes {
    let mut out = BytesMut::with_capacity(10);
    out.put_u8(VERSION);
    out.put_u8(u8::from(running.is_some()));
    out.put_u64_le(running.unwrap_or_default());
    out.freeze()
}

fn decode(base: &Bytes) -> Result<Option<u64>> {
    let mut rest = &base[..];
    match (rest.len(), rest.first(), rest.get(1)) {
        (10, Some(&VERSION), Some(running @ (0 | 1))) => {
            let running = *running == 1;
            rest.advance(2);
            Ok(running.then(|| rest.get_u64_le()))
        }
        (_, Some(&version), _) if version > VERSION => Err(Error::corrupt(format!(
            "{} has format version {version}, this program reads up to {VERSION}",
            key()
        ))),
        _ => Err(Error::corrupt(format!("{} cannot be read", key()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As it was first written, byte for byte.
    #[test]
    fn the_record_of_version_1_is_read_and_written() {
        let running = Bytes::from_static(&[1, 1, 8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(decode(&running).unwrap(), Some(0x0102_0304_0506_0708));
        assert_eq!(encode(Some(0x0102_0304_0506_0708)), running);
        let stopped = Bytes::from_static(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(decode(&stopped).unwrap(), None);
        assert_eq!(encode(None), stopped);
    }

    #[test]
    fn a_record_of_a_later_version_or_cut_short_is_corrupt() {
        let later = Bytes::from_static(&[2, 1, 8, 7, 6, 5, 4, 3, 2, 1]);
        let error = decode(&later).unwrap_err();
        assert_eq!(error.to_string(), "shard 0 process has format version 2, this program reads up to 1");
        for length in 0..10 {
            assert_eq!(decode(&encode(Some(7)).slice(..length)).unwrap_err().kind(), Kind::Corrupt);
        }
    }
}
