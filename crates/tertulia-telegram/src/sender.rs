//! Makes the calls of the outbox.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tertulia::error::Kind;
use tertulia::runner::{Call, Paced, Referred, RetryAfter, Sender, Ticket, Wait};
use tertulia::storage::BoxFuture;
use tertulia::{Error, Result};

use crate::change::ids;
use crate::client::{Client, Failure, Refusal};
use crate::format::{self, Body, Request};
use crate::pace::{Chat, Pace, RateLimits};
use crate::send_file::check_caption;

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
        let mut requests = requests(call)?;
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
            if let Err(Failure::Refused(refusal)) = &sent
                && has_no_text(request, refusal)
            {
                let caption = caption(request)?;
                let edited =
                    self.request(&caption).await.map_err(|failure| failed(&caption.method, failure))?;
                // An album stays as it is but for that.
                return Ok(all_of(call, edited));
            }
            ids.push(sent.map_err(|failure| failed(&request.method, failure))?);
            if count > 1 {
                self.begun.lock().insert(call.ticket.clone(), ids.clone());
            }
        }
        ids.retain(|id| !id.is_empty());
        let made = ids.join(",");
        let reacts = requests.first().is_some_and(|request| request.method == "setMessageReaction");
        Ok(if reacts { all_of(call, made) } else { made })
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

    /// Makes one request; gives the id of the message that it made or changed, or an empty text.
    async fn request(&self, request: &Request) -> Result<String, Failure> {
        let json = serde_json::to_vec(&request.params).map_err(|error| {
            Failure::Unreachable(Error::internal("parameters cannot be written as JSON").with_source(error))
        })?;
        let answer = self.client.post(&request.method, json, TIMEOUT).await?;
        match self.client.result(&request.method, &answer) {
            Ok(result) => Ok(changed(request).unwrap_or_else(|| message_ids(result))),
            Err(Failure::Refused(refusal)) if is_so_already(request, &refusal) => {
                Ok(changed(request).unwrap_or_default())
            }
            Err(failure) => Err(failure),
        }
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
        let Ok(requests) = requests(call) else { return Wait::None };
        requests.get(begun).map_or(Wait::None, |next| self.pace_of(&next.method, next.params.get("chat_id")))
    }

    fn forget(&self, call: &Call) {
        self.begun.lock().remove(&call.ticket);
    }
}

/// The requests of a call.
fn requests(call: &Call) -> Result<Vec<Request>> {
    match format::decode(&call.body)? {
        Body::Requests(requests) => Ok(requests),
        Body::Change(change) => {
            let none = || Error::invalid("the call changes a message and does not say which");
            let Referred { message, .. } = call.refers.as_ref().ok_or_else(none)?;
            change.requests(&ids(message)?)
        }
    }
}

/// The messages of the call that this one refers to, which all stay; else the one it made.
fn all_of(call: &Call, made: String) -> String {
    call.refers.as_ref().map_or(made, |referred| referred.message.clone())
}

/// The message that a request changes and leaves there, as its answer may not tell.
fn changed(request: &Request) -> Option<String> {
    let changes = request.method.starts_with("edit") || request.method == "setMessageReaction";
    request.params.get("message_id").filter(|_| changes).map(Value::to_string)
}

/// Whether a request is refused since what it asks for is so already: it was made before, and the answer was lost.
fn is_so_already(request: &Request, refusal: &Refusal) -> bool {
    let says = |text: &str| refusal.says(text);
    match &*request.method {
        "deleteMessage" | "deleteMessages" => {
            says("message to delete not found") || says("MESSAGE_ID_INVALID")
        }
        method => method.starts_with("edit") && says("message is not modified"),
    }
}

/// Whether an edit of a text is refused since the message has none but a caption.
fn has_no_text(request: &Request, refusal: &Refusal) -> bool {
    request.method == "editMessageText" && refusal.says("there is no text in the message to edit")
}

/// The same edit of a caption.
///
/// # Errors
/// `Invalid` if it is too long for that.
fn caption(request: &Request) -> Result<Request> {
    let mut params = request.params.clone();
    let text = params.remove("text").unwrap_or_default();
    check_caption("editMessageCaption", text.as_str().unwrap_or_default())?;
    params.insert("caption".to_owned(), text);
    Ok(Request { method: "editMessageCaption".to_owned(), params })
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
