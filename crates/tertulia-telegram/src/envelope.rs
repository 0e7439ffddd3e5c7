//! The little that is read of a raw update: its id, its kind, and where it belongs. A kind that is not known yet
//! never fails.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tertulia::bot::{Update, UpdateKind, User};
use tertulia::{Error, Result};

use crate::place::Place;

/// An update, opened only as far as every update is alike.
#[derive(Debug)]
pub(crate) struct Envelope<'a> {
    /// Telegram's id of the update.
    pub(crate) id: i64,
    /// Telegram's word for what happened, such as `edited_message`; empty if there is none.
    pub(crate) kind: String,
    content: Option<&'a RawValue>,
}

/// What kinds of updates have in common.
#[derive(Debug, Default, Deserialize)]
struct Content {
    chat: Option<Chat>,
    /// Of a callback query: the message with the button.
    message: Option<Pressed>,
    business_connection_id: Option<String>,
    from: Option<Person>,
    /// Who did it, where Telegram does not say `from`.
    user: Option<Person>,
    /// The channel on whose behalf a poll was answered.
    voter_chat: Option<Chat>,
    text: Option<String>,
    caption: Option<String>,
    data: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Chat {
    id: i64,
}

#[derive(Debug, Deserialize)]
struct Pressed {
    chat: Option<Chat>,
    business_connection_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Person {
    id: i64,
    #[serde(default)]
    first_name: String,
    last_name: Option<String>,
}

impl<'a> Envelope<'a> {
    /// Opens a raw update.
    ///
    /// # Errors
    /// `Invalid` if it is not an object with an integer `update_id`.
    pub(crate) fn open(raw: &'a [u8]) -> Result<Self> {
        let mut fields: BTreeMap<String, &RawValue> = serde_json::from_slice(raw)
            .map_err(|error| Error::invalid("an update is not a JSON object").with_source(error))?;
        let id = fields.remove("update_id").and_then(|id| serde_json::from_str(id.get()).ok());
        let id = id.ok_or_else(|| Error::invalid("an update has no integer `update_id`"))?;
        // There is at most one more field.
        let (kind, content) =
            fields.pop_first().map_or_else(Default::default, |(kind, raw)| (kind, Some(raw)));
        Ok(Self { id, kind, content })
    }

    fn content(&self) -> Result<Content> {
        let Some(content) = self.content else { return Ok(Content::default()) };
        serde_json::from_str(content.get()).map_err(|error| {
            Error::invalid(format!("update {} has a `{}` of another shape", self.id, self.kind))
                .with_source(error)
        })
    }

    /// Where the update belongs: its chat, else its user, else nowhere but itself.
    pub(crate) fn place(&self) -> Place {
        // A kind of another shape is one that is not known yet.
        let content = self.content().unwrap_or_default();
        let pressed =
            content.message.and_then(|message| Some((message.chat?, message.business_connection_id)));
        let (chat, connection) = match (content.chat, pressed) {
            (Some(chat), _) => (Some(chat), content.business_connection_id),
            (None, Some((chat, connection))) => (Some(chat), connection),
            (None, None) => (None, None),
        };
        let person = || content.from.or(content.user).map(|person| person.id);
        match (chat.map(|chat| chat.id), connection) {
            (Some(chat), Some(connection)) => Place::Business { connection, chat },
            (Some(chat), None) => Place::Chat(chat),
            (None, _) => match person().or(content.voter_chat.map(|chat| chat.id)) {
                Some(id) => Place::Chat(id),
                None => Place::Update(self.id),
            },
        }
    }

    /// The id of the callback query, if this is one.
    pub(crate) fn callback_query(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Query {
            id: String,
        }
        let content = self.content.filter(|_| self.kind == "callback_query")?;
        serde_json::from_str(content.get()).ok().map(|Query { id }| id)
    }

    /// The id of the message that the update is about: its own, or the one whose button was pressed.
    pub(crate) fn message(&self) -> Option<i64> {
        let content = self.value()?;
        let id = |message: &Value| message.get("message_id").and_then(Value::as_i64);
        id(&content).or_else(|| id(content.get("message")?))
    }

    /// All that it says.
    pub(crate) fn value(&self) -> Option<Value> {
        serde_json::from_str(self.content?.get()).ok()
    }

    /// Who boosts a chat, if this is about a boost and tells.
    fn booster(&self) -> Option<Person> {
        #[derive(Deserialize)]
        struct Given {
            boost: Boost,
        }
        #[derive(Deserialize)]
        struct Boost {
            source: Source,
        }
        #[derive(Deserialize)]
        struct Source {
            user: Option<Person>,
        }
        let content = self.content?.get();
        let boost = match self.kind.as_str() {
            "chat_boost" => serde_json::from_str(content).map(|Given { boost }| boost),
            "removed_chat_boost" => serde_json::from_str(content),
            _ => return None,
        };
        boost.ok()?.source.user
    }

    /// The update as every platform gives it.
    ///
    /// # Errors
    /// `Invalid` if it is a message or a callback query of another shape.
    pub(crate) fn decode(self) -> Result<Update> {
        let content = match self.kind.as_str() {
            "message" | "callback_query" => self.content()?,
            _ => self.content().unwrap_or_default(),
        };
        let person = content.from.or(content.user).or_else(|| self.booster());
        let kind = match self.kind.as_str() {
            "message" => UpdateKind::Message { text: content.text.or(content.caption) },
            "callback_query" => UpdateKind::Callback { data: content.data.unwrap_or_default() },
            _ => UpdateKind::Other(self.kind),
        };
        let update = Update::new(kind);
        Ok(match person {
            Some(person) => update.from(person.into()),
            None => update,
        })
    }
}

impl From<Person> for User {
    fn from(person: Person) -> Self {
        let name = match person.last_name {
            Some(last) => format!("{} {last}", person.first_name),
            None => person.first_name,
        };
        Self { id: person.id.to_string(), name }
    }
}
