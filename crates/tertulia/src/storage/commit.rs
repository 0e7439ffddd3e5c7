//! Commits writes of logs until it is known what became of them.

use std::sync::Arc;
use std::time::Duration;

use super::{Batch, CommitId, Expect, Head, LogHead, LogWrite, Read, Storage, Write};
use crate::error::Kind;
use crate::{Clock, Error, Result};

/// How often a batch is given again after its answer was lost.
const TRIES: u32 = 5;

/// The wait before the first of them; each is twice as long as the one before.
const WAIT: Duration = Duration::from_millis(20);

/// Commits a batch of log writes, the first of which expects what is there to be as it is known. If the storage's
/// answer is lost, it is given again: what applied once conflicts with itself and is found by its id. Gives the heads
/// after the commit; `None` for what is not there, and for all of them if others wrote since.
///
/// # Errors
/// `Conflict` if somebody else wrote first; `Unknown` if the answer was lost and what is there now does not tell.
pub(crate) async fn commit_logs(
    storage: &Arc<dyn Storage>,
    clock: &Clock,
    id: CommitId,
    writes: Vec<LogWrite>,
) -> Result<Vec<Option<Head>>> {
    commit_made(storage, clock, id, writes.clone(), || writes.clone()).await
}

/// As [`commit_logs`], for writes that can be made once more: that is rarely needed, and nothing is copied for it.
/// `again` gives the same writes each time.
///
/// # Errors
/// As [`commit_logs`].
pub(crate) async fn commit_made(
    storage: &Arc<dyn Storage>,
    clock: &Clock,
    id: CommitId,
    writes: Vec<LogWrite>,
    again: impl Fn() -> Vec<LogWrite>,
) -> Result<Vec<Option<Head>>> {
    let batch = |writes: Vec<LogWrite>| Batch::new(id, writes.into_iter().map(Write::Log).collect());
    let mut committing = storage.commit(batch(writes));
    let mut lost = 0;
    loop {
        let error = match committing.await {
            Ok(committed) => return Ok(committed.heads),
            Err(error) => error,
        };
        match error.kind() {
            Kind::Unknown | Kind::Timeout if lost < TRIES => {
                clock.sleep(WAIT * (1 << lost)).await;
                lost += 1;
                committing = storage.commit(batch(again()));
            }
            Kind::Conflict if lost > 0 => return became(storage, &batch(again()), error).await,
            Kind::Unavailable if lost > 0 => {
                return Err(Error::new(Kind::Unknown, "it was perhaps written").with_source(error));
            }
            _ => return Err(error),
        }
    }
}

/// What became of a batch whose answer was lost and which conflicts now.
async fn became(storage: &Arc<dyn Storage>, batch: &Batch, conflict: Error) -> Result<Vec<Option<Head>>> {
    let lost = |error: Error| Error::new(Kind::Unknown, "it was perhaps written").with_source(error);
    let reads: Vec<Read> = batch.writes.iter().map(|write| Read::head(write.key().clone())).collect();
    let mut heads = Vec::with_capacity(reads.len());
    for page in storage.read(&reads).await.map_err(lost)? {
        heads.push(page.map_err(lost)?.map(|page| page.head()));
    }
    let logs = || {
        batch.writes.iter().zip(&heads).filter_map(|(write, head)| match write {
            Write::Log(write) => Some((write, head.and_then(|head| head.log()))),
            Write::Queue(_) => None,
        })
    };
    if logs().all(|(write, _)| write.delete) {
        // Whoever removed them, they are gone, all of them.
        let is_gone = logs().all(|(_, head)| head.is_none());
        return if is_gone { Ok(heads) } else { Err(conflict) };
    }
    match logs().find_map(|(write, head)| tells(write, head, batch.id)) {
        Some(true) if logs().all(|(write, head)| is_left(write, head, batch.id)) => Ok(heads),
        // What is there now is not what was written: the caller's value is outdated, as if it had been removed.
        Some(true) => Ok(vec![None; heads.len()]),
        Some(false) => Err(conflict),
        None => Err(lost(conflict)),
    }
}

/// Whether a log is as this batch left it.
fn is_left(write: &LogWrite, head: Option<LogHead>, id: CommitId) -> bool {
    if write.delete {
        head.is_none()
    } else if write.moves() {
        head.is_some_and(|head| head.etag.commit == id)
    } else {
        write.expect.holds(head)
    }
}

/// Whether a log's head tells that a write to it was applied (`true`) or that it was not.
fn tells(write: &LogWrite, head: Option<LogHead>, id: CommitId) -> Option<bool> {
    let head = head.filter(|_| write.moves())?;
    if head.etag.commit == id || head.incarnation == id {
        return Some(true);
    }
    match write.expect {
        // The next version would have been this batch's, and is somebody else's.
        Expect::Etag(etag) if head.etag.version <= etag.version + 1 => Some(false),
        Expect::End(_, end) if head.end <= end => Some(false),
        _ => None,
    }
}
