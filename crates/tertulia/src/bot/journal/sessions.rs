//! Which session a log belongs to, and what a session says.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::session::{Live, Options};
use crate::storage::Storage;
use crate::{Conversation, Key, Result};

/// A session: whose, and of which name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionId {
    /// Whose it is.
    pub conversation: Conversation,
    /// As it is declared.
    pub name: String,
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.conversation, self.name)
    }
}

impl SessionId {
    /// The session that a log is of, or of a history inside.
    pub(super) fn of(key: &Key) -> Option<Self> {
        let Key::Log(conversation, name) = key else { return None };
        let name = name.as_str().strip_prefix("session/")?;
        let name = name.split_once('/').map_or(name, |(name, _)| name);
        Some(Self { conversation: conversation.clone(), name: name.to_owned() })
    }

    /// Those that some logs are of, each once, in the order in which they come.
    pub(super) fn of_all<'a>(keys: impl IntoIterator<Item = &'a Key>) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for session in keys.into_iter().filter_map(Self::of) {
            if !found.contains(&session) {
                found.push(session);
            }
        }
        found
    }
}

/// How sessions are read: with what is declared of them, by their name.
#[derive(Debug, Default)]
pub(in crate::bot) struct Readers(pub(in crate::bot) HashMap<String, Options>);

impl Readers {
    /// What a session says; `null` if it is not there.
    ///
    /// # Errors
    /// As [`Live::open`].
    pub(super) async fn value(&self, storage: &Arc<dyn Storage>, session: &SessionId) -> Result<Value> {
        let options = self.0.get(&session.name).cloned().unwrap_or_default();
        let SessionId { conversation, name } = session;
        let live = Live::open(Arc::clone(storage), name, conversation.clone(), options).await?;
        Ok(live.value().clone())
    }
}
