//! Commits a move of one entry until it is known what became of it.

use std::time::Duration;

use crate::error::Kind;
use crate::storage::{Batch, CommitId, Storage, Write};
use crate::{Clock, Error, Result};

/// How often a commit whose answer was lost is asked again.
const TRIES: u32 = 8;

/// What became of a batch that expects one entry to be as it was read.
pub(super) enum Settled {
    /// It is applied.
    Done,
    /// The entry is gone or was changed. If an earlier answer was lost, it may have been this very batch.
    Moved { perhaps_by_us: bool },
}

/// Commits a batch that expects the revision of an entry and changes it, so that it never applies twice. A lost
/// answer is asked for again for about three seconds.
///
/// # Errors
/// `Unavailable` and what else the storage gives if nothing was applied; `Unknown` or `Timeout` if that cannot be
/// told.
pub(super) async fn settle(
    storage: &dyn Storage,
    clock: &Clock,
    writes: impl IntoIterator<Item = impl Into<Write>>,
) -> Result<Settled> {
    let writes = writes.into_iter().map(Into::into).collect();
    let batch = Batch::new(CommitId(clock.random()), writes);
    let mut perhaps_by_us = false;
    let mut wait = Duration::from_millis(20);
    for attempt in 1.. {
        let error = match storage.commit(batch.clone()).await {
            Ok(_) => return Ok(Settled::Done),
            Err(error) => error,
        };
        match error.kind() {
            Kind::Conflict => return Ok(Settled::Moved { perhaps_by_us }),
            Kind::Unknown | Kind::Timeout => perhaps_by_us = true,
            Kind::Unavailable if perhaps_by_us => {}
            _ => return Err(error),
        }
        if attempt == TRIES {
            return Err(Error::new(Kind::Unknown, "the answer was lost, it may be done or not; look again")
                .with_source(error));
        }
        clock.sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(1));
    }
    unreachable!("the loop returns")
}

/// An entry that was there is not there any more, and nothing tells who has moved it.
pub(super) fn unknown(what: &str, id: super::EntryId) -> Error {
    let text =
        format!("{what} {id} is gone, and the answer that would tell by whom was lost; look where it went");
    Error::new(Kind::Unknown, text)
}
