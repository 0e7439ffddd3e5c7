//! Cancelling the update that heads a conversation, by one that passes the queue.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::desk::Desk;
use super::index::{Head, Stopped};
use super::taken::Halted;
use super::{Keys, Turn};
use crate::{Error, Result};

impl Turn {
    /// Stops the update that heads the conversation of this turn's update, whether it runs, waits for an answer, for a
    /// slot or for its next try, and has it removed in the batch of this turn: it leaves nothing but what it had
    /// released. What it had taken in goes back and runs. If this turn fails the update runs again.
    ///
    /// Gives `false` if there is nothing to cancel: no update, or one that is parked, or was being committed and has
    /// come to its end, which this waits for.
    ///
    /// # Errors
    /// `Invalid` unless this turn's update [passes the queue](super::Handler::passes); `Closed` if the turn is over.
    ///
    /// # Cancel safety
    /// If dropped, the update runs again.
    pub async fn cancel_head(&self) -> Result<bool> {
        let about = self.about();
        if !self.arrived().passes {
            let update = &about.conversation;
            return Err(Error::invalid(format!(
                "an update of {update} that does not pass the queue cannot cancel"
            )));
        }
        if let Some(script) = self.script() {
            return Ok(script.cancelled());
        }
        let keys = self.desk().keys(about);
        let keys = match &keys {
            Keys::Conversation => std::slice::from_ref(about.conversation.text()),
            Keys::Exactly(keys) => keys,
        };
        let stopped = match self.desk().index().stop_head(keys, &about.conversation) {
            Head::Nothing => None,
            Head::Stopped(stopped) => Some(stopped),
            Head::Stopping(told) => Stopping { desk: self.desk(), told }.stopped().await,
        };
        let Some(stopped) = stopped else { return Ok(false) };
        let mut halted = Halted::one(self.desk(), stopped);
        if !halted.look(self.desk()).await? {
            return Ok(false);
        }
        self.collect(|collected| collected.halted.add(halted))?;
        Ok(true)
    }
}

/// Waits for a turn to be stopped. Dropped, it lets the turn's update run.
struct Stopping<'a> {
    desk: &'a Arc<dyn Desk>,
    told: oneshot::Receiver<Option<Stopped>>,
}

impl Stopping<'_> {
    async fn stopped(mut self) -> Option<Stopped> {
        (&mut self.told).await.ok().flatten()
    }
}

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.told.close();
        // It may have been told a moment ago.
        if let Ok(Some(stopped)) = self.told.try_recv() {
            drop(Halted::one(self.desk, stopped));
        }
    }
}
