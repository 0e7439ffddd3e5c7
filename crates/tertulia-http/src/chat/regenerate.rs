//! `POST /v1/chat/{id}/regenerate`: says a message again in a new conversation that is what the old one was before it.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::HeaderMap;
use serde::Deserialize;
use tertulia::bot::{Door, journal as past};
use tertulia::error::Kind;
use tertulia::storage::Read;
use tertulia::{Conversation, Result as Outcome};

use super::open::Recent;
use super::origin::{self, Origin};
use super::post::{self, Accepted};
use super::{Id, conversation, journal, posted};
use crate::router::Shared;
use crate::{Message, Problem, ProblemKind, SOURCE, admin, exchange, request};

/// What the update is called if the request does not say.
const KEY: &str = "regenerate";

/// What is to be said again, and where.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// The update of the message.
    update: String,
    /// The id of a new conversation.
    to: String,
}

/// A message that is said again.
struct Again {
    message: Message,
    /// The number of its turn, if that is in the journal.
    turn: Option<u64>,
}

pub(super) async fn post(
    State(shared): State<Shared>,
    id: Id,
    headers: HeaderMap,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Result<Accepted, Problem> {
    let from = conversation(&shared.door, id)?;
    let key = post::key(&headers)?.unwrap_or_else(|| KEY.to_owned());
    let Json(Asked { update, to }) =
        asked.map_err(|rejection| Problem::new(ProblemKind::Invalid, rejection.body_text()))?;
    let to = Conversation::new(SOURCE, &to)?;
    let door = &shared.door;
    let again = find(door, &from, &update).await?;
    fork(door, &from, &to, again.turn).await?;
    let id = exchange::accept(door, &to, &again.message, Some(&key), shared.options.accept_within).await?;
    posted::note(door, &to, &id, Some(&key), &again.message).await;
    Ok(Accepted { conversation: to.to_string(), update: request::hex(&id) })
}

/// The message of an update. Of one that a turn took in, it is the turn's own: what was said in its middle cannot be said
/// again by itself.
///
/// # Errors
/// `NotFound`; what the storage gives.
async fn find(door: &Door, from: &Conversation, update: &str) -> Result<Again, Problem> {
    if let Some((number, record)) = journal::find(&*door.storage, from, update).await? {
        return Ok(Again { message: journal::message(door, from, &record.update), turn: Some(number) });
    }
    let recent = Recent::read(door, from).await?;
    let posted = recent.posted.into_iter().find(|posted| posted.update == update);
    let absent = || Problem::new(ProblemKind::NotFound, "the conversation has no such message, or no longer");
    posted.map(|posted| Again { message: posted.message, turn: None }).ok_or_else(absent)
}

/// Copies the sessions, once: asked again for the same, it does nothing.
///
/// # Errors
/// `Conflict` if there is another conversation there; `Gone` if the journal does not tell how the sessions were.
async fn fork(door: &Door, from: &Conversation, to: &Conversation, turn: Option<u64>) -> Result<(), Problem> {
    let (storage, clock) = (&*door.storage, &door.clock);
    // As a path says it.
    let id = if from.source() == SOURCE { from.id().into_owned() } else { from.to_string() };
    let origin = Origin { id, before: turn };
    match origin::read(storage, to).await? {
        Some(noted) if noted == origin => {}
        None if !is_there(door, to).await? => origin::write(storage, clock, to, &origin).await?,
        _ => {
            let text = "there is a conversation of that id already";
            return Err(Problem::new(ProblemKind::Conflict, text));
        }
    }
    let forked = match turn {
        Some(turn) => past::fork_before(storage, clock, from, turn, to).await,
        None => past::fork(storage, clock, from, None, to).await,
    };
    match forked {
        // They were copied before, or the message was said there already.
        Err(error) if error.kind() == Kind::Conflict => Ok(()),
        // There is nothing to copy.
        Err(error) if error.kind() == Kind::Gone && turn.is_none() => Ok(()),
        forked => forked.map(drop).map_err(admin::told),
    }
}

/// Whether anything was said there.
async fn is_there(door: &Door, conversation: &Conversation) -> Outcome<bool> {
    for key in [journal::key(conversation), posted::key(conversation)] {
        if journal::log(&*door.storage, Read::head(key)).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
