//! Sessions that are saved without being waited for: what is queued, and what becomes of it.

use super::entry::Entry;
use super::store::{State, Store};
use crate::storage::{Behind, LogHead, LogWrite, Outcome, Pending, Queued};
use crate::{Conversation, Key, Result};

/// Queues the writes of a session after those of `before`, and gives the heads there will be: exactly, but for the
/// etags, which what joins with them may move.
pub(super) async fn push(
    behind: &Behind,
    conversation: &Conversation,
    writes: Vec<LogWrite>,
    before: Option<&Pending>,
    head: impl Fn(&Key) -> Option<LogHead>,
) -> Result<(Pending, Vec<Option<LogHead>>)> {
    let mut queued = Vec::with_capacity(writes.len());
    for write in &writes {
        // A log that is new since is not known to that batch.
        let after = before.filter(|before| before.writes(&write.key)).cloned();
        queued.push(Queued { write: write.clone(), after });
    }
    let pending = behind.push(conversation, queued).await?;
    let id = pending.commit_id();
    let heads = writes.iter().map(|write| write.head_after(id, head(&write.key)));
    let heads = heads.collect::<Result<_>>()?;
    Ok((pending, heads))
}

/// Looks what became of the queued batch that an entry is of. Whether the entry is good: what is stored, or will be.
pub(super) fn settle<S: State>(store: &Store<S>, conversation: &Conversation, entry: &mut Entry<S>) -> bool {
    let Some(pending) = &entry.pending else { return true };
    match pending.outcome() {
        Outcome::Queued => true,
        Outcome::Failed(_) => false,
        // It was removed, and it is gone.
        Outcome::Committed if entry.head.is_none() => {
            entry.pending = None;
            true
        }
        Outcome::Committed => {
            let Some(head) = pending.head(&store.key(conversation)) else { return false };
            let heads = entry.logs.iter().map(|place| {
                let head = pending.head(&store.log_key(conversation, place.number))?;
                Some((place, head))
            });
            let Some(heads) = heads.collect::<Option<Vec<_>>>() else { return false };
            entry.head = Some(LogHead { expires_in: None, ..head });
            for (place, head) in heads {
                place.set_head(head);
            }
            entry.pending = None;
            true
        }
    }
}
