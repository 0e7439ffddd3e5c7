//! Signs transactions, and finds out what became of one whose commit was not answered.
//!
//! The number of a transaction would not do: a server that crashed may give the same number to another one.

use std::time::Duration;

use tertulia::Error;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{Halt, Writer};
use crate::connection::Link;
use crate::error::{failed, is_lost, late};
use crate::values::value;

/// How long it waits before it asks a server again that did not answer.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// The row of this process among the writers: every transaction changes it from what the one before left there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signature {
    pub(super) writer: i64,
    pub(super) last: i64,
}

impl Writer {
    /// The row that says what was written last, made if there is none yet.
    pub(super) async fn signature(&mut self, link: &Link) -> Result<Signature, Halt> {
        if let Some(signature) = self.signature {
            return Ok(signature);
        }
        let signature = Signature { writer: fastrand::i64(..), last: fastrand::i64(..) };
        let values = [value(&signature.writer), value(&signature.last)];
        let made = timeout(self.connector.limit, link.call(&self.schema, "begin_to_write", &values)).await;
        match made {
            Ok(Ok(_)) => {
                self.signature = Some(signature);
                Ok(signature)
            }
            Ok(Err(cause)) => Err(self.halted("cannot begin to write", cause)),
            Err(_) => {
                self.cut();
                Err(Halt::Unreachable(late("cannot begin to write", self.connector.limit)))
            }
        }
    }

    /// Finds out whether the transaction of this signature was committed, within the time limit and a half of it. One
    /// that was not is never going to be. After a failover the answer is that of the server which took over: what it
    /// never received did not happen.
    ///
    /// # Errors
    /// `Again` if it was not, `Unknown` if that cannot be found out.
    pub(super) async fn resolve(&mut self, signed: Signature, lost: Error) -> Result<(), Halt> {
        let until = Instant::now() + self.connector.limit + self.connector.limit / 2;
        let instead = fastrand::i64(..);
        loop {
            match timeout_at(until, self.settled(signed, instead)).await {
                Ok(Some(Ok(true))) => {
                    self.signature = Some(signed);
                    return Ok(());
                }
                Ok(Some(Ok(false))) => {
                    self.signature = Some(Signature { last: instead, ..signed });
                    return Err(Halt::Again(lost));
                }
                Ok(Some(Err(error))) => {
                    tracing::warn!(%error, "what became of a commit cannot be found out");
                    break;
                }
                Ok(None) => self.cut(),
                Err(_) => break,
            }
            if Instant::now() + ASK_EVERY > until {
                break;
            }
            sleep(ASK_EVERY).await;
        }
        self.cut();
        // What is under way may still change that row.
        self.signature = None;
        Err(Halt::Unknown(lost))
    }

    /// `None` if the server does not answer.
    async fn settled(&mut self, signed: Signature, instead: i64) -> Option<Result<bool, Error>> {
        let link = self.link().await.ok()?;
        let values = [value(&signed.writer), value(&signed.last), value(&instead)];
        match link.call(&self.schema, "settle", &values).await {
            Ok(rows) => Some(Ok(rows.first()?.get(0))),
            Err(cause) if is_lost(&cause) => None,
            Err(cause) => Some(Err(failed("cannot ask", cause))),
        }
    }
}
