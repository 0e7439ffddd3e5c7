//! One message and its replies: into the inbox, then wait for the answer.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tertulia::Conversation;
use tertulia::bot::Door;
use tertulia::bot::answer::{self, Answer};
use tertulia::runner::Incoming;
use tertulia::storage::ItemId;

use crate::{Message, Options, Problem, ProblemKind, SOURCE, request};

/// A message was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The conversation, such as `http:alice`.
    pub conversation: String,
    /// The id of the update that the message became.
    pub update: String,
    /// What the bot replied, in order; may be nothing.
    pub replies: Vec<Reply>,
}

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// What it says.
    pub text: String,
}

/// Puts a message into the inbox and waits for the replies. The same `key` again, in the same conversation, gives the
/// same replies for 48 hours and runs nothing.
///
/// # Errors
/// `KeyReused` if the key was used for another message; `GivenUp` if the bot's handler kept failing; `Cancelled` if another
/// message cancelled this one; `Timeout` if
/// there is no answer within [`Options::answer_within`], while the update stays accepted; `Unavailable` if the inbox
/// is closed or full; what the storage gives.
///
/// # Cancel safety
/// If dropped, the message may be accepted or not; the same key again tells.
pub async fn exchange(
    door: &Door,
    conversation: &Conversation,
    message: &Message,
    key: Option<&str>,
    options: &Options,
) -> Result<Exchange, Problem> {
    let id = accept(door, conversation, message, key, options.accept_within).await?;
    let answer = within(options.answer_within, answer::wait(&*door.storage, conversation, &id)).await;
    match answer {
        Some(Ok(Answer::Replies(replies))) => Ok(Exchange {
            conversation: conversation.to_string(),
            update: request::hex(&id),
            replies: replies.into_iter().map(|text| Reply { text }).collect(),
        }),
        Some(Ok(Answer::Cancelled)) => {
            let problem = Problem::new(ProblemKind::Cancelled, "the message was cancelled by another one");
            Err(problem.update(request::hex(&id)))
        }
        Some(Ok(Answer::GivenUp)) => {
            let text = "the message was tried and given up, and is kept for whoever runs the bot";
            Err(Problem::new(ProblemKind::GivenUp, text).update(request::hex(&id)))
        }
        Some(Err(error)) => Err(Problem::from(error).update(request::hex(&id))),
        None => {
            let text = match key {
                Some(_) => "no answer yet; the message is accepted, ask again with the same Idempotency-Key",
                None => {
                    "no answer yet; the message is accepted (with an Idempotency-Key it could be asked for again)"
                }
            };
            Err(Problem::new(ProblemKind::Timeout, text).update(request::hex(&id)))
        }
    }
}

/// Puts a message into the inbox, and gives the id of its update: the same for the same `key`.
///
/// # Errors
/// `KeyReused`; `Unavailable` if the inbox is closed or full; what the storage gives.
///
/// # Cancel safety
/// If dropped, the message may be accepted or not; the same key again tells.
pub(crate) async fn accept(
    door: &Door,
    conversation: &Conversation,
    message: &Message,
    key: Option<&str>,
    accept_within: Duration,
) -> Result<ItemId, Problem> {
    let id = match key {
        Some(key) => request::id(conversation, key),
        None => request::random_id(&door.clock),
    };
    let body = body(door, conversation, message)?;
    let update = Incoming { conversation: conversation.clone(), id: id.clone(), body, fault: None };
    let submit = async {
        if key.is_some() {
            request::note(&*door.storage, &door.clock, &update).await?;
        }
        Ok::<_, Problem>(door.intake.submit(update).await?)
    };
    within(accept_within, submit).await.unwrap_or_else(|| {
        let text = "the server takes no messages for now; this one may yet be accepted, ask again";
        Err(Problem::new(ProblemKind::Unavailable, text).update(request::hex(&id)))
    })?;
    Ok(id)
}

/// The body of the update, as the conversation's platform would have given it.
///
/// # Errors
/// `Invalid` if nothing can be said there from here.
fn body(door: &Door, conversation: &Conversation, message: &Message) -> Result<Bytes, Problem> {
    let source = conversation.source();
    let elsewhere = door.platform(&source).filter(|_| source != SOURCE);
    let Some(adapter) = elsewhere else { return Ok(message.encode()?) };
    adapter.compose(conversation, &message.update())?.ok_or_else(|| {
        let text = format!("nothing can be said in {conversation} from here");
        Problem::new(ProblemKind::Invalid, text)
    })
}

async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}
