//! Results that a handler has once: recorded as soon as it tells them, and posted again with each later attempt.

use serde_json::{Map, Value};
use tertulia::bot::{self, Context};

use super::failed::Failed;

/// The most bytes that the results of an update have together, as JSON: all of them are in each post.
const MAX_BYTES: usize = 8 << 20;

/// The results of an update, as [`Context::once`] keeps them.
#[derive(Debug, Default)]
pub(super) struct Once {
    known: Map<String, Value>,
    /// How many bytes they have.
    bytes: usize,
}

impl Once {
    /// What earlier runs of the turn's update have recorded. Costs a read, also where there is nothing.
    ///
    /// # Errors
    /// `Corrupt`; what the storage gives.
    pub(super) async fn read(ctx: &Context) -> bot::Result<Self> {
        let mut once = Self::default();
        for name in ctx.turn().recorded_names().await? {
            // By the context, so that it goes with the update.
            let gone = async { Err(Failed::new("a recorded result is there no more").into()) };
            let value: Value = ctx.once(&name, gone).await?;
            once.bytes += length(&name, &value);
            once.known.insert(name, value);
        }
        Ok(once)
    }

    /// All of them, by their names.
    pub(super) fn known(&self) -> &Map<String, Value> {
        &self.known
    }

    /// Records a result, durable once this returns. The first of a name counts.
    ///
    /// # Errors
    /// A failed try if there is too much; those of [`Context::once`].
    pub(super) async fn record(&mut self, ctx: &Context, name: String, value: Value) -> bot::Result {
        if self.known.contains_key(&name) {
            return Ok(());
        }
        self.bytes += length(&name, &value);
        if self.bytes > MAX_BYTES {
            return Err(Failed::new(format!("the results of `once` have more than {MAX_BYTES} bytes")).into());
        }
        let value = ctx.once(&name, async { Ok(value) }).await?;
        self.known.insert(name, value);
        Ok(())
    }
}

fn length(name: &str, value: &Value) -> usize {
    name.len() + value.to_string().len()
}
