//! Enumerating sessions, a page at a time.

use std::collections::VecDeque;
use std::fmt;

use super::store::{State, Store};
use crate::storage::{Cursor, ListQuery, Names};
use crate::{Conversation, Key, Result};

/// How many keys are asked for at once.
const PAGE: usize = 1_000;

/// The conversations that have a session, in an order of the storage's own. One that is made or removed while they
/// are listed may be among them or not.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use tertulia::{Sessions, storage::Memory};
/// # #[derive(Default, Serialize, Deserialize)]
/// # struct Chat { muted: bool }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> tertulia::Result<()> {
/// # let chats = Sessions::<Chat>::new(Memory::new(), "chat")?;
/// # chats.update("telegram:42", |chat| chat.muted = true).await?;
/// let mut muted = chats.keys("telegram:").filter(|chat| chat.muted);
/// while let Some(conversation) = muted.next().await? {
///     println!("{conversation}");
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is listed until `next` is called"]
pub struct Keys<S> {
    store: Store<S>,
    query: ListQuery,
    /// What the text form of a conversation begins with.
    prefix: String,
    filter: Option<Filter<S>>,
    listed: VecDeque<Conversation>,
    is_done: bool,
}

type Filter<S> = Box<dyn Fn(&S) -> bool + Send + Sync>;

impl<S: State> Keys<S> {
    pub(super) fn new(store: Store<S>, prefix: &str) -> Self {
        let query = ListQuery {
            source: source_of(prefix),
            names: Names::Exactly(store.name().clone()),
            limit: PAGE,
            ..ListQuery::default()
        };
        Self {
            store,
            query,
            prefix: prefix.to_owned(),
            filter: None,
            listed: VecDeque::new(),
            is_done: false,
        }
    }

    /// Only those whose state is such. Each session is read for it, as by [`Sessions::get`](super::Sessions::get).
    pub fn filter(mut self, is_wanted: impl Fn(&S) -> bool + Send + Sync + 'static) -> Self {
        self.filter = Some(Box::new(is_wanted));
        self
    }

    /// The next one; `None` after the last.
    ///
    /// # Errors
    /// `Unavailable`; what made queued saves fail, where the mode is fire-and-forget; with a filter, also what reading a session gives, such as `Corrupt`: the next call goes on
    /// with the session after that one.
    ///
    /// # Cancel safety
    /// Dropping the future may skip the session that was being read for the filter.
    pub async fn next(&mut self) -> Result<Option<Conversation>> {
        loop {
            let Some(conversation) = self.listed.pop_front() else {
                if self.is_done {
                    return Ok(None);
                }
                self.turn_page().await?;
                continue;
            };
            let Some(is_wanted) = &self.filter else { return Ok(Some(conversation)) };
            let loaded = self.store.load_current(&conversation).await?;
            // It may have been removed since it was listed.
            let wanted = loaded.is_stored() && is_wanted(loaded.get());
            loaded.release();
            if wanted {
                return Ok(Some(conversation));
            }
        }
    }

    /// The next keys, at least one and up to 1,000, with where the next page begins; `None` after the last. For pages
    /// of a web page, and for going on another time.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn page(&mut self) -> Result<Option<KeysPage>> {
        let mut keys = Vec::new();
        while keys.is_empty() || !self.listed.is_empty() {
            match self.next().await? {
                Some(conversation) => keys.push(conversation),
                None => break,
            }
        }
        let next = if self.is_done { None } else { self.query.after.clone() };
        Ok((!keys.is_empty()).then_some(KeysPage { keys, next }))
    }

    async fn turn_page(&mut self) -> Result<()> {
        self.store.flush_all().await?;
        let listing = self.store.storage().list(&self.query).await?;
        let conversations = listing.keys.into_iter().filter_map(|listed| match listed.key {
            Key::Log(conversation, _) => Some(conversation),
            _ => None,
        });
        self.listed.extend(conversations.filter(|it| it.as_str().starts_with(&self.prefix)));
        self.is_done = listing.next.is_none();
        self.query.after = listing.next.or_else(|| self.query.after.take());
        Ok(())
    }

    /// Goes on where a [page](Self::page) of another listing with the same prefix ended.
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.query.after = Some(cursor);
        self
    }
}

/// A page of conversations that have a session.
#[derive(Clone, Debug)]
pub struct KeysPage {
    /// The conversations.
    pub keys: Vec<Conversation>,
    /// Where the next page begins, for [`Keys::after`]; `None` if this is the last.
    pub next: Option<Cursor>,
}

/// The source that every conversation with this prefix is of, if there is one.
fn source_of(prefix: &str) -> Option<String> {
    let (source, _) = prefix.split_once(':')?;
    // The text form is escaped; the id is of no matter here.
    Conversation::parse(&format!("{source}:0")).ok().map(|any| any.source().into_owned())
}

impl<S> fmt::Debug for Keys<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
