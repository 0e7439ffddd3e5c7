//! A session as JSON, followed as it changes: for a page that shows it, whatever its Rust type.

mod history;
mod json;
mod operation;
mod render;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use futures_util::future::select_all;
use serde_json::Value;

use self::json::{Lists, find_logs};
pub(super) use self::json::{LogPlace, Shown, key_text, push_index, push_name, without_logs};
pub use self::operation::Operation;
use self::render::Render;
use super::backing::Backing;
use super::format::Malformed;
use super::log::Tail;
use super::msgpack::diff::diff;
use super::options::Options;
use super::read::{self, Whole};
use super::store::log_name;
use crate::error::Kind;
use crate::storage::{Etag, IntoStorage};
use crate::{Conversation, Error, Key, Result};

/// A stored session as JSON, and what changes in it as JSON Patch: give a page [`value`](Self::value) once and then what
/// [`changed`](Self::changed) gives, and it holds the session as it is.
///
/// It reads what is stored, without the session's Rust type: through the migrations and codecs of the options, of which
/// it uses nothing else but `log_tail`. What is only queued (fire-and-forget) is not seen before it is stored. It writes
/// nothing, and moves no sliding deadline.
///
/// The value is what `serde_json` makes of the state, but for this:
/// - A [`Log`](super::Log) is an array of its last items, as many as [`Options::log_tail`] says; [`logs`](Self::logs)
///   tells how many there are before them.
/// - Keys of maps that are not texts become texts, those that JSON has no form for too: `(1, 2)` becomes `[1,2]`. If
///   several keys of a map become the same text, one of them stands there, and the map is replaced whole when it changes.
/// - An `f32` has the digits of the `f64` it is, and a unit struct is `[]`, which is how it is stored.
/// - Infinities and NaN are `null` and bytes an array of numbers. An extension of MessagePack is an object of its type
///   and its bytes.
/// - A session that is not stored is `null`, not the type's default, which is not known here.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use serde_json::json;
/// # use tertulia::session::{Live, Options};
/// # use tertulia::{Log, Sessions, storage::Memory};
/// #[derive(Default, Serialize, Deserialize)]
/// struct Chat {
///     name: String,
///     history: Log<String>,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> tertulia::Result<()> {
/// let storage = std::sync::Arc::new(Memory::new());
/// let chats = Sessions::<Chat>::new(storage.clone(), "chat")?;
/// chats.update("telegram:42", |chat| chat.history.push("hello".into())).await?;
///
/// let mut live = Live::open(storage, "chat", "telegram:42", Options::default()).await?;
/// assert_eq!(*live.value(), json!({ "name": "", "history": ["hello"] }));
///
/// chats.update("telegram:42", |chat| chat.history.push("how are you?".into())).await?;
/// let operations = live.changed().await?;
/// assert_eq!(json!(operations), json!([{ "op": "add", "path": "/history/-", "value": "how are you?" }]));
/// # Ok(())
/// # }
/// ```
pub struct Live {
    backing: Arc<Backing>,
    conversation: Conversation,
    key: Key,
    log_tail: usize,
    /// What was looked at last, and its etags: what is waited for is that one of them moves. That look may have failed, so
    /// it can be newer than what is held.
    seen: Vec<(Key, Option<Etag>)>,
    /// What the value was made of; `None` if the session is not stored.
    held: Option<Held>,
    value: Value,
}

struct Held {
    state: Vec<u8>,
    tails: Vec<Arc<Tail>>,
    /// Where the logs are in the value.
    places: Vec<LogPlace>,
}

/// A log inside a session that is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveLog {
    /// The JSON Pointer (RFC 6901) of its array in the value.
    pub path: String,
    /// How many items it has.
    pub len: u64,
    /// How many of them are older than those in the array.
    pub not_loaded: u64,
}

impl Live {
    /// Reads the session called `name` of `conversation`, which need not be stored yet.
    ///
    /// # Errors
    /// `Invalid` for a conversation that is none, or a name or migrations that a [`Store`](super::Store) does not take;
    /// `Corrupt` if what is stored cannot be read, or an item of a log is nested more than 128 levels deep; `Unavailable`;
    /// `Conflict` if it changes faster than it can be read.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn open<K>(
        storage: impl IntoStorage,
        name: &str,
        conversation: K,
        options: Options,
    ) -> Result<Self>
    where
        K: TryInto<Conversation>,
        Error: From<K::Error>,
    {
        let conversation = conversation.try_into().map_err(Error::from)?;
        let key = Key::Log(conversation.clone(), log_name(name, &options)?);
        let backing = Arc::new(Backing::new(storage.into_storage(), &options));
        let log_tail = options.log_tail.max(1);
        let mut live =
            Self { backing, conversation, key, log_tail, seen: Vec::new(), held: None, value: Value::Null };
        live.look().await?;
        Ok(live)
    }

    /// The session as it was when it was read last; `null` if it was not stored.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Whether it was stored.
    pub fn is_stored(&self) -> bool {
        self.held.is_some()
    }

    /// The logs in the value.
    pub fn logs(&self) -> impl Iterator<Item = LiveLog> + '_ {
        self.held.iter().flat_map(|held| held.places.iter().map(|place| place.told(&held.tails)))
    }

    /// Waits until the stored value is another than [`value`](Self::value), makes it that, and gives the operations that
    /// make the new one of the old one, at least one; what was written meanwhile is joined. Operations that would have
    /// more bytes than the part of the value they change give way to one that replaces it.
    ///
    /// A change that JSON does not show, such as a base that took in its patches, is waited through. So is one that is only
    /// told by [`logs`](Self::logs), which are up to date all the same.
    ///
    /// # Errors
    /// `Corrupt` if what is stored cannot be read, once: the next call waits until it is written again. `Unavailable`, and
    /// `Conflict` if it changes faster than it can be read: the next call tries again at once, so wait a little before. The
    /// value stays as it was, and the operations that come later begin with it.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the next call gives what this one would have.
    pub async fn changed(&mut self) -> Result<Vec<Operation>> {
        loop {
            let changes = self.seen.iter().map(|(key, etag)| self.backing.storage.changed(key, *etag));
            select_all(changes).await.0.map_err(|error| error.context(&self.key))?;
            let operations = self.look().await?;
            if !operations.is_empty() {
                return Ok(operations);
            }
        }
    }

    /// Reads the session and holds it. From the end of the read on nothing waits, so that what is held, what was seen and
    /// what is told are of one moment.
    async fn look(&mut self) -> Result<Vec<Operation>> {
        let mut seen = Vec::new();
        let found =
            read::untyped(&self.backing, &self.conversation, &self.key, self.log_tail, &mut seen).await;
        if !seen.is_empty() && found.as_ref().err().is_none_or(|error| error.kind() == Kind::Corrupt) {
            self.seen = seen;
        }
        self.hold(found?).map_err(|malformed| Error::from(malformed).context(&self.key))
    }

    fn hold(&mut self, found: Option<Whole>) -> Result<Vec<Operation>, Malformed> {
        let Some(Whole { bytes, tails, .. }) = found else {
            self.held = None;
            return Ok(self.replace(Value::Null));
        };
        let state = bytes.state;
        if let Some(held) = &self.held {
            let rendered = render(held, &state, &tails, &mut self.value);
            if let Ok((operations, places)) = rendered {
                self.held = Some(Held { state, tails, places });
                return Ok(operations);
            }
            // It is half changed, so it is made anew.
            self.value = json::value(&held.state, Lists { before: &[], now: &held.tails })?;
        }
        let Shown { value, places } = Shown::new(&state, &tails)?;
        self.held = Some(Held { state, tails, places });
        Ok(self.replace(value))
    }

    fn replace(&mut self, value: Value) -> Vec<Operation> {
        if self.value == value {
            return Vec::new();
        }
        self.value = value.clone();
        vec![Operation::Replace { path: String::new(), value }]
    }
}

/// Makes of `value`, which is what is held, what the state and the tails are; gives the operations, and where the logs are
/// now.
fn render(
    held: &Held,
    state: &[u8],
    tails: &[Arc<Tail>],
    value: &mut Value,
) -> Result<(Vec<Operation>, Vec<LogPlace>), Malformed> {
    // First logs move as they were, then each becomes what it is where it stands now.
    let lists = Lists { before: &held.tails, now: tails };
    let (mut operations, places) = match diff(&held.state, state)? {
        None => (Vec::new(), held.places.clone()),
        Some(patch) => {
            let mut render = Render::new(lists, String::new());
            render.patch(&patch, &held.state, value)?;
            (render.into_operations(), find_logs(state, value)?)
        }
    };
    for LogPlace { path, number } in &places {
        if let (Some(old), Some(new)) = (json::find(&held.tails, *number), json::find(tails, *number)) {
            let list = value.pointer_mut(path).ok_or(Malformed::Patch)?;
            operations.extend(history::changes(old, new, path, list)?);
        }
    }
    Ok((operations, places))
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("key", &self.key).field("value", &self.value).finish_non_exhaustive()
    }
}
