//! Results that a handler has once, however often it runs.

use std::future::Future;

use anyhow::Context as _;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Context;
use crate::Error;

impl Context {
    /// Awaits the future and records what it gives; a handler that runs again, after a crash, an error or a conflict, is
    /// given what was recorded, and the future is dropped unawaited. So a model that was called is not called again. What
    /// fails is not recorded. The record goes with the update.
    ///
    /// The future may run more than once all the same: the process may stop after it has ended and before that is
    /// recorded.
    ///
    /// ```
    /// # use tertulia::bot::Context;
    /// # async fn model(question: &str) -> tertulia::bot::Result<String> { Ok(question.to_owned()) }
    /// async fn answer(ctx: Context) -> tertulia::bot::Result {
    ///     let answer: String = ctx.once("answer", model(ctx.text())).await?;
    ///     ctx.reply(answer).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// What the future gives. `Invalid` if the name is empty, over 256 bytes, or used twice by one run of the handler: in
    /// a loop, number them; if there are 1,000 results already, or the result is no MessagePack or over 8 MiB. `Corrupt`
    /// if what was recorded is not of this type. `Conflict`, `Unavailable`, `Unknown` as the storage gives them.
    ///
    /// # Cancel safety
    /// If dropped, the result is recorded or not.
    pub async fn once<T, F>(&self, name: &str, future: F) -> super::Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = super::Result<T>>,
    {
        let turn = self.turn();
        if let Some(recorded) = turn.recorded(name).await? {
            let value = rmp_serde::from_slice(&recorded).map_err(|error| {
                Error::corrupt(format!("the recorded result `{name}`")).with_source(error)
            })?;
            return Ok(value);
        }
        let value = future.await?;
        let bytes = rmp_serde::to_vec_named(&value).map_err(|error| {
            Error::invalid(format!("the result `{name}` cannot be recorded")).with_source(error)
        })?;
        turn.record(name, Bytes::from(bytes))
            .await
            .with_context(|| format!("recording the result `{name}`"))?;
        Ok(value)
    }
}
