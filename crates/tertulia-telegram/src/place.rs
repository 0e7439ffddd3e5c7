//! Which conversation belongs to which chat.

use serde_json::{Map, Value};
use tertulia::{Conversation, Error, Result};

use crate::origin::is_telegram;

/// Before the connection's id and the chat's in the id of a business conversation.
const BUSINESS: &str = "business:";
/// Before the update's id in the id of a conversation that has no chat.
const UPDATE: &str = "update:";

/// Where an update belongs and a reply goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A chat, or the private chat of a user.
    Chat(i64),
    /// A chat of a business account that the bot serves.
    Business { connection: String, chat: i64 },
    /// No chat: the update stands alone.
    Update(i64),
}

impl Place {
    /// The conversation that takes place there, of the bot whose conversations have this source.
    ///
    /// # Errors
    /// `Invalid` if Telegram gave a connection an id that none can have.
    pub(crate) fn conversation(&self, source: &str) -> Result<Conversation> {
        let id = match self {
            Self::Chat(chat) => chat.to_string(),
            Self::Business { connection, chat } => format!("{BUSINESS}{connection}:{chat}"),
            Self::Update(update) => format!("{UPDATE}{update}"),
        };
        Conversation::new(source, &id)
    }

    /// Where a conversation takes place.
    ///
    /// # Errors
    /// `Invalid` if it is none of Telegram's.
    pub(crate) fn of(conversation: &Conversation) -> Result<Self> {
        let id = conversation.id();
        let place = if let Some(rest) = id.strip_prefix(BUSINESS) {
            rest.rsplit_once(':').and_then(|(connection, chat)| {
                Some(Self::Business { connection: connection.to_owned(), chat: chat.parse().ok()? })
            })
        } else if let Some(update) = id.strip_prefix(UPDATE) {
            update.parse().ok().map(Self::Update)
        } else {
            id.parse().ok().map(Self::Chat)
        };
        place
            .filter(|_| is_telegram(&conversation.source()))
            .ok_or_else(|| Error::invalid(format!("{conversation} is no chat of Telegram")))
    }

    /// The parameters of a method that serves no business accounts; `what` names what there is none of.
    ///
    /// # Errors
    /// `Invalid` if there is no chat, or that of a business account.
    pub(crate) fn plain_params(self, conversation: &Conversation, what: &str) -> Result<Map<String, Value>> {
        if let Self::Business { .. } = self {
            return Err(Error::invalid(format!(
                "{conversation} is of a business account, which has no {what}"
            )));
        }
        self.params(conversation)
    }

    /// The parameters that send something there.
    ///
    /// # Errors
    /// `Invalid` if there is no chat.
    pub(crate) fn params(self, conversation: &Conversation) -> Result<Map<String, Value>> {
        let mut params = Map::new();
        let chat = match self {
            Self::Chat(chat) => chat,
            Self::Business { connection, chat } => {
                params.insert("business_connection_id".to_owned(), connection.into());
                chat
            }
            Self::Update(_) => {
                let text = format!("{conversation} has no chat that a reply could go to");
                return Err(Error::invalid(text));
            }
        };
        params.insert("chat_id".to_owned(), chat.into());
        Ok(params)
    }
}
