//! A session changed through its JSON: by somebody who does not have its Rust type.

mod logs;
mod misfit;

use std::sync::Arc;

use serde_json::Value;

use self::logs::Edited;
pub use self::misfit::Misfit;
use super::live::{LiveLog, LogPlace, Shown};
use super::log::Tail;
use super::read::{self, Whole};
use super::sessions::Sessions;
use super::store::State;
use crate::error::Kind;
use crate::{Conversation, Error, Key, Result};

/// A session as JSON, as it was at one moment. See [`Live`](super::Live) for what the JSON is.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonView {
    /// The value. Of a session that is not stored it is `null`, or its type's default where it is about to be changed.
    pub value: Value,
    /// The logs in the value, of which it has the last items.
    pub logs: Vec<LiveLog>,
    /// Whether the session is stored.
    pub is_stored: bool,
}

impl<S: State> Sessions<S> {
    /// Reads a session as JSON, as it is stored now. It moves no deadline.
    ///
    /// # Errors
    /// `Invalid` for a conversation that is none, `Corrupt`, `Unavailable`; `Conflict` if it changes faster than it can be
    /// read.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn get_json<K>(&self, conversation: K) -> Result<JsonView>
    where
        K: TryInto<Conversation>,
        Error: From<K::Error>,
    {
        let conversation = conversation.try_into().map_err(Error::from)?;
        let store = self.store();
        store.flush(&conversation).await?;
        let key = store.key(&conversation);
        let (backing, tail) = (store.backing(), store.log_tail());
        match read::untyped(backing, &conversation, &key, tail, &mut Vec::new()).await? {
            None => Ok(JsonView { value: Value::Null, logs: Vec::new(), is_stored: false }),
            Some(Whole { bytes, tails, .. }) => Ok(view(&key, &bytes.state, &tails, true)?.0),
        }
    }

    /// Changes a session through its JSON, of which `change` makes what it is to be, or nothing, which removes it. That is
    /// decoded into the session's type, and what changed is stored; given is the session as it is then. If somebody else
    /// wrote meanwhile, the session is read and `change` is run again, as often as it takes.
    ///
    /// The value has the last items of a [`Log`](super::Log), and what they become is written to the log; one with older
    /// items that are not among them can only be added to. As always, a session that is its type's default and was never
    /// stored is not written.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use serde_json::json;
    /// # use tertulia::{Sessions, storage::Memory};
    /// # #[derive(Default, Serialize, Deserialize)]
    /// # struct Chat { name: Option<String> }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> tertulia::Result<()> {
    /// # let chats = Sessions::<Chat>::new(Memory::new(), "chat")?;
    /// let view = chats
    ///     .update_json("telegram:42", |view| {
    ///         let mut value = view.value.clone();
    ///         value["name"] = json!("Ana");
    ///         Ok::<_, tertulia::Error>(Some(value))
    ///     })
    ///     .await?;
    /// assert_eq!(view.value, json!({ "name": "Ana" }));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What `change` gives; `Invalid` with a [`Misfit`] as its detail if the new value is none of the type; the errors of
    /// [`update`](Self::update).
    ///
    /// # Cancel safety
    /// If the future is dropped, the change was made wholly or not at all.
    pub async fn update_json<K, E>(
        &self,
        conversation: K,
        mut change: impl FnMut(&JsonView) -> Result<Option<Value>, E>,
    ) -> Result<JsonView, E>
    where
        K: TryInto<Conversation>,
        Error: From<K::Error>,
        E: From<Error>,
    {
        let conversation = conversation.try_into().map_err(Error::from)?;
        let store = self.store();
        let key = store.key(&conversation);
        let mut conflicts = 0;
        loop {
            let (mut loaded, state, tails) = store.load_shown(&conversation).await?;
            let (before, places) = view(&key, &state, &tails, loaded.is_stored())?;
            let mut after = match change(&before)? {
                None => {
                    loaded.delete();
                    JsonView { value: Value::Null, logs: Vec::new(), is_stored: false }
                }
                Some(value) if value == before.value => return Ok(before),
                Some(value) => {
                    let edited = Edited::new(value, &before, &places, &tails, store.clock().random());
                    let edited = edited.map_err(|error| error.context(&key))?;
                    let value: S = edited.decode().map_err(|error| error.context(&key))?;
                    // What it will be is told by another value: encoding changes what logs know of themselves.
                    let preview: S = edited.decode()?;
                    let (state, tails) = edited.preview(
                        &preview,
                        loaded.logs().to_vec(),
                        loaded.next_log(),
                        store.log_tail(),
                    )?;
                    loaded.set(value);
                    view(&key, &state, &tails, true)?.0
                }
            };
            match loaded.save().await {
                Ok(()) => {
                    store.flush(&conversation).await?;
                    after.is_stored = loaded.is_stored();
                    return Ok(after);
                }
                Err(error) if error.kind() == Kind::Conflict => self.wait_after(&mut conflicts).await,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// What a state is as JSON.
fn view(key: &Key, state: &[u8], tails: &[Arc<Tail>], is_stored: bool) -> Result<(JsonView, Vec<LogPlace>)> {
    let Shown { value, places } =
        Shown::new(state, tails).map_err(|error| Error::from(error).context(key))?;
    let logs = places.iter().map(|place| place.told(tails)).collect();
    Ok((JsonView { value, logs, is_stored }, places))
}
