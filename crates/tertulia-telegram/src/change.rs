//! Changes of messages that earlier calls sent: what is stored of them, and the requests that they become once the
//! messages are known.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tertulia::{Conversation, Error, Result};

use crate::format::{self, Request};
use crate::keyboard::Keyboard;
use crate::message::{message, parts};
use crate::place::Place;

/// A change of the messages that a call sent. The parameters are those of every request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    /// They say something else: each of the texts is a message.
    Edit {
        params: Map<String, Value>,
        texts: Vec<String>,
        /// Of the last message.
        #[serde(skip_serializing_if = "Option::is_none")]
        markup: Option<Value>,
    },
    /// They go.
    Delete { params: Map<String, Value> },
    /// The first of them gets a reaction, which is a parameter.
    React { params: Map<String, Value> },
}

impl Change {
    /// The call that has the messages say `text`.
    ///
    /// # Errors
    /// `Invalid` if Telegram would refuse it.
    pub(crate) fn edit(conversation: &Conversation, text: &str, keyboard: &Keyboard) -> Result<Bytes> {
        let params = Place::of(conversation)?.params(conversation)?;
        let texts = parts("an edit in", conversation, text)?.into_iter().map(str::to_owned).collect();
        format::encode_change(&Self::Edit { params, texts, markup: keyboard.markup()? })
    }

    /// The call that deletes the messages.
    ///
    /// # Errors
    /// `Invalid` if there is no chat.
    pub(crate) fn delete(conversation: &Conversation) -> Result<Bytes> {
        let params = Place::of(conversation)?.params(conversation)?;
        format::encode_change(&Self::Delete { params })
    }

    /// The call that reacts to the messages with these further parameters.
    ///
    /// # Errors
    /// `Invalid` if there are no reactions there.
    pub(crate) fn react(conversation: &Conversation, reaction: Map<String, Value>) -> Result<Bytes> {
        let mut params = Place::of(conversation)?.plain_params(conversation, "reactions")?;
        params.extend(reaction);
        format::encode_change(&Self::React { params })
    }

    /// The requests that make the change of these messages. An edit of fewer messages than it has texts sends the
    /// rest as new ones; of more, it deletes the last.
    ///
    /// # Errors
    /// `Invalid` if there are no messages, unless they are to be deleted.
    pub(crate) fn requests(&self, messages: &[i64]) -> Result<Vec<Request>> {
        match self {
            Self::Delete { params } => Ok(delete(params, messages)),
            Self::React { params } => {
                Ok(vec![on("setMessageReaction", params, *messages.first().ok_or_else(gone)?)])
            }
            Self::Edit { .. } if messages.is_empty() => Err(gone()),
            Self::Edit { params, texts, markup } => {
                let mut requests: Vec<Request> = Vec::with_capacity(texts.len());
                for (nth, text) in texts.iter().enumerate() {
                    let mut request = message(params, text);
                    if let Some(id) = messages.get(nth) {
                        "editMessageText".clone_into(&mut request.method);
                        request.params.insert("message_id".to_owned(), json!(id));
                    }
                    requests.push(request);
                }
                if let (Some(last), Some(markup)) = (requests.last_mut(), markup) {
                    last.params.insert("reply_markup".to_owned(), markup.clone());
                }
                requests.extend(delete(params, messages.get(texts.len()..).unwrap_or_default()));
                Ok(requests)
            }
        }
    }
}

fn gone() -> Error {
    Error::invalid("the call that it refers to left no message that could be changed, or it is deleted")
}

/// A request about one message.
fn on(method: &str, params: &Map<String, Value>, message: i64) -> Request {
    let mut params = params.clone();
    params.insert("message_id".to_owned(), json!(message));
    Request { method: method.to_owned(), params }
}

/// The request that deletes these messages, if there are any.
pub(crate) fn delete(params: &Map<String, Value>, messages: &[i64]) -> Vec<Request> {
    let all = |method: &str, mut params: Map<String, Value>| {
        params.insert("message_ids".to_owned(), json!(messages));
        vec![Request { method: method.to_owned(), params }]
    };
    match messages {
        [] => Vec::new(),
        // Telegram has a method of its own for them, which names no chat.
        _ if params.contains_key("business_connection_id") => {
            let mut params = params.clone();
            params.remove("chat_id");
            all("deleteBusinessMessages", params)
        }
        // Of one Telegram says why it cannot be deleted.
        [message] => vec![on("deleteMessage", params, *message)],
        _ => all("deleteMessages", params.clone()),
    }
}

/// The ids of messages, as a sender gives them.
///
/// # Errors
/// `Corrupt` if they are none.
pub(crate) fn ids(text: &str) -> Result<Vec<i64>> {
    let ids = text.split(',').filter(|id| !id.is_empty()).map(str::parse);
    ids.collect::<Result<_, _>>()
        .map_err(|error| Error::corrupt(format!("{text:?} are no ids of messages")).with_source(error))
}
