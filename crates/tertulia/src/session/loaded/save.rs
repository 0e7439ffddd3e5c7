//! Saving a loaded session by itself: committed at once, or queued.

use super::{Loaded, Stage};
use crate::error::Kind;
use crate::session::queue::{push, settle};
use crate::session::store::State;
use crate::storage::{CommitId, Expire, Head, LogHead, LogWrite, Outcome, commit_logs};
use crate::{Error, Key, Result};

impl<S: State> Loaded<S> {
    /// Writes what was changed now, by itself, so that it stays whatever becomes of the rest; nothing if nothing was
    /// changed. The session can be used and saved again afterwards. Where the mode is fire-and-forget it is queued,
    /// after a wait if the queue is full.
    ///
    /// # Errors
    /// `Conflict` if somebody else wrote first, `Invalid` as from [`prepare`](Self::prepare), `Unavailable`, and
    /// `Unknown` if the storage's answer was lost and cannot be found out; where the mode is fire-and-forget, what
    /// made earlier saves of the conversation fail. After an error the session must be loaded again: its value can
    /// still be read, and is not written any more.
    ///
    /// # Cancel safety
    /// If the future is dropped, it was written wholly or not at all, and the session must be loaded again.
    pub async fn save(&mut self) -> Result<()> {
        if let Err(error) = self.look_after_queued() {
            // It is told here, and need not be told by the next call.
            let _ = self.store.flush(&self.conversation).await;
            return Err(error);
        }
        let prepared = self.prepare_writes();
        let stage = std::mem::replace(&mut self.stage, Stage::Spoilt);
        let writes = prepared?;
        if writes.is_empty() {
            self.settle(stage, &[]);
            self.hold();
            return Ok(());
        }
        // What the storage accepts was not outdated.
        self.cached = false;
        if self.store.behind().is_some() {
            return self.queue(stage, writes).await;
        }
        let heads = commit_logs(
            self.store.storage(),
            self.store.clock(),
            CommitId(self.store.clock().random()),
            writes,
        )
        .await;
        let heads = heads.map_err(|error| error.context(self.key()))?;
        self.settle(stage, &heads);
        self.generation = self.store.written(&self.conversation);
        self.hold();
        Ok(())
    }

    pub(super) async fn queue(&mut self, stage: Stage, writes: Vec<LogWrite>) -> Result<()> {
        let Some(behind) = self.store.behind() else { return Ok(()) };
        let (key, before) = (self.key(), self.entry.pending.as_ref());
        let head = |of: &Key| {
            if *of == key {
                return self.entry.head;
            }
            self.entry.logs.iter().find(|place| self.home(place).key() == of)?.head()
        };
        let changes = writes.iter().any(|write| write.moves() || write.delete);
        let (pending, heads) = if changes {
            // Whoever loads from here on until it is queued is not to save what they loaded.
            let Some(claim) = self.store.claim(&self.conversation, self.generation) else {
                return Err(Error::new(Kind::Conflict, format!("{key} was saved by somebody else")));
            };
            let pushed = push(behind, &self.conversation, writes, before, head).await;
            self.generation = claim.end();
            pushed?
        } else {
            // A deadline is moved, which is no concern of others.
            push(behind, &self.conversation, writes, before, head).await?
        };
        let heads: Vec<_> = heads.into_iter().map(|head| head.map(Head::Log)).collect();
        self.settle(stage, &heads);
        self.entry.logs.iter().for_each(|place| place.set_pending(Some(pending.clone())));
        self.entry.pending = Some(pending);
        self.hold();
        Ok(())
    }

    /// Looks what became of what was saved last.
    pub(super) fn look_after_queued(&mut self) -> Result<()> {
        let Some(pending) = self.entry.pending.clone() else { return Ok(()) };
        if settle(&self.store, &self.conversation, &mut self.entry) {
            return Ok(());
        }
        self.stage = Stage::Spoilt;
        Err(match pending.outcome() {
            Outcome::Failed(failure) => failure.into(),
            _ => Error::new(Kind::Conflict, format!("{} was written by somebody else", self.key())),
        })
    }

    /// What was prepared is stored now, with these heads.
    pub(super) fn settle(&mut self, stage: Stage, heads: &[Option<Head>]) {
        self.stage = Stage::Untouched;
        if stage != Stage::Prepared {
            return;
        }
        let mut heads = heads.iter().map(|head| head.and_then(|head| head.log()));
        let Some(head) = heads.next().flatten() else {
            // It was removed, if not by this, then after it.
            self.entry.forget_stored();
            return;
        };
        self.entry.head = Some(LogHead { expires_in: None, ..head });
        match std::mem::take(&mut self.expire) {
            Expire::Keep => {}
            Expire::Never => self.entry.deadline = None,
            Expire::After(life) => self.entry.deadline = Some(self.asked.after(life)),
        }
        for place in &self.entry.logs {
            match heads.next().flatten() {
                Some(head) => place.set_head(head),
                None => self.stage = Stage::Spoilt,
            }
        }
    }
}
