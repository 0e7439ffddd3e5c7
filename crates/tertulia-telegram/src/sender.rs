//! Makes the calls of the outbox.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tertulia::error::Kind;
use tertulia::runner::{Call, Paced, RetryAfter, Sender, Ticket, Wait};
use tertulia::storage::BoxFuture;
use tertulia::{Error, Result};

use crate::client::{Client, Failure, Refusal};
use crate::format::{self, Request};
use crate::pace::{Chat, Pace, RateLimits};

/// How long a call may take: Telegram itself fetches what is sent by its URL.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Makes calls for one bot.
#[derive(Debug)]
pub(crate) struct Outgoing {
    client: Client,
    /// For calls of several requests that are not through: the message ids of the requests that are, so that a
    /// retry goes on behind them. Written and read by the one task that makes the call. An entry goes when its
    /// call is made or given up, so there are no more than calls that are begun.
    begun: Mutex<HashMap<Ticket, Vec<String>>>,
    pace: Pace,
}

impl Outgoing {
    pub(crate) fn new(client: Client, limits: RateLimits) -> Self {
        Self { client, begun: Mutex::default(), pace: Pace::new(limits) }
    }

    async fn make(&self, call: &Call) -> Result<String> {
        let mut requests = format::decode(&call.body)?;
        let mut ids = self.begun.lock().get(&call.ticket).cloned().unwrap_or_default();
        let count = requests.len();
        // A group that became a supergroup is followed by all that is left of the call.
        let mut moved: Option<i64> = None;
        let begun = ids.len();
        for (nth, request) in requests.iter_mut().enumerate().skip(begun) {
            // The first was counted when the outbox asked for it.
            if nth > begun {
                self.go_on(request)?;
            }
            if let Some(chat) = moved {
                request.params.insert("chat_id".to_owned(), chat.into());
            }
            let mut sent = self.request(request).await;
            if let Err(Failure::Refused(Refusal { status: 400, migrated_to: Some(chat), .. })) = sent
                && moved.is_none()
            {
                tracing::info!(conversation = %call.conversation, chat, "the group became a supergroup, following it");
                moved = Some(chat);
                request.params.insert("chat_id".to_owned(), chat.into());
                sent = self.request(request).await;
            }
            ids.push(sent.map_err(|failure| failed(&request.method, failure))?);
            if count > 1 {
                self.begun.lock().insert(call.ticket.clone(), ids.clone());
            }
        }
        ids.retain(|id| !id.is_empty());
        Ok(ids.join(","))
    }

    /// Counts a request behind the first of a call; one that has to wait does so in the outbox, without a slot.
    fn go_on(&self, request: &Request) -> Result<()> {
        match self.pace_of(&request.method, request.params.get("chat_id")) {
            Wait::None => Ok(()),
            Wait::Conversation(wait) | Wait::Everybody(wait) => {
                let text = format!("{} is held to a rate", request.method);
                Err(Error::unavailable(text).with_source(Paced(wait)))
            }
        }
    }

    /// Counts a request, unless it has to wait.
    fn pace_of(&self, method: &str, chat: Option<&Value>) -> Wait {
        if !is_message(method) {
            return Wait::None;
        }
        let chat = chat.and_then(|chat| match chat {
            Value::Number(id) => id.as_i64(),
            Value::String(id) => id.parse().ok(),
            _ => None,
        });
        self.pace.take(chat.map(Chat))
    }

    /// Makes one request; gives the id of the message it made, or an empty text.
    async fn request(&self, request: &Request) -> Result<String, Failure> {
        let json = serde_json::to_vec(&request.params).map_err(|error| {
            Failure::Unreachable(Error::internal("parameters cannot be written as JSON").with_source(error))
        })?;
        let answer = self.client.post(&request.method, json, TIMEOUT).await?;
        let result = self.client.result(&request.method, &answer)?;
        Ok(message_ids(result))
    }
}

impl Sender for Outgoing {
    fn send<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<String>> {
        Box::pin(async move {
            let made = self.make(call).await;
            let again =
                |error: &Error| matches!(error.kind(), Kind::Unavailable | Kind::Timeout | Kind::Unknown);
            if !made.as_ref().is_err_and(again) {
                self.begun.lock().remove(&call.ticket);
            }
            made
        })
    }

    fn wait(&self, call: &Call) -> Wait {
        if self.pace.is_unlimited() {
            return Wait::None;
        }
        let begun = self.begun.lock().get(&call.ticket).map_or(0, Vec::len);
        // What cannot be read is refused when it is made.
        let Ok(requests) = format::decode(&call.body) else { return Wait::None };
        requests.get(begun).map_or(Wait::None, |next| self.pace_of(&next.method, next.params.get("chat_id")))
    }

    fn forget(&self, call: &Call) {
        self.begun.lock().remove(&call.ticket);
    }
}

/// Whether Telegram counts a method as a message: what it sends or edits, but not what is only shown for a moment.
fn is_message(method: &str) -> bool {
    let messages = ["send", "forward", "copy", "edit"];
    messages.iter().any(|verb| method.starts_with(verb)) && method != "sendChatAction"
}

/// The ids of the messages in a result, with commas; empty if it holds none.
fn message_ids(result: &RawValue) -> String {
    #[derive(Deserialize)]
    struct Message {
        message_id: i64,
    }
    if let Ok(message) = serde_json::from_str::<Message>(result.get()) {
        return message.message_id.to_string();
    }
    // An album is several messages.
    let messages: Vec<Message> = serde_json::from_str(result.get()).unwrap_or_default();
    messages.iter().map(|message| message.message_id.to_string()).collect::<Vec<_>>().join(",")
}

/// What a failed call means for the outbox.
fn failed(method: &str, failure: Failure) -> Error {
    let unknown = |error: Error| Error::new(Kind::Unknown, error.to_string()).with_source(error);
    match failure {
        Failure::Unreachable(error) => error,
        Failure::Unanswered(error) | Failure::Late(error) => unknown(error),
        Failure::Refused(refusal) => refused(method, &refusal),
    }
}

fn refused(method: &str, refusal: &Refusal) -> Error {
    let text = format!("{method} is refused ({refusal})");
    match refusal.status {
        429 => match refusal.retry_after {
            Some(wait) => Error::unavailable(text).with_source(RetryAfter(wait)),
            None => Error::unavailable(text),
        },
        // The token is refused, not the call: the poller stops the bot, and the call waits for a better token.
        401 => Error::unavailable(text),
        404 if !refusal.description.to_ascii_lowercase().contains("method") => Error::unavailable(text),
        408 | 300..=399 | 500.. => Error::unavailable(text),
        _ => Error::invalid(text),
    }
}
