//! `POST /chat/{id}`: a message in, the replies out; or only that it was accepted.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::{Id, conversation, posted, prefer};
use crate::router::Shared;
use crate::{Problem, ProblemKind, body, exchange, request};

/// The header that names the update.
const KEY: &str = "idempotency-key";
/// The most bytes of a key.
const MAX_KEY: usize = 255;

/// A message was accepted.
#[derive(Debug, Serialize)]
pub(super) struct Accepted {
    pub(super) conversation: String,
    /// The id of the update that the message became.
    pub(super) update: String,
}

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self)).into_response()
    }
}

pub(super) async fn post(
    State(shared): State<Shared>,
    id: Id,
    request: Request,
) -> Result<Response, Problem> {
    let conversation = conversation(&shared.door, id)?;
    let key = key(request.headers())?;
    let is_async = prefer::is_async(request.headers());
    let message = body::message(request, &shared.options).await?;
    let (door, options) = (&shared.door, &*shared.options);
    // Elsewhere the replies go where the conversation is.
    if !is_async && door.answers(&conversation) {
        let exchange = exchange(door, &conversation, &message, key.as_deref(), options).await?;
        return Ok(Json(exchange).into_response());
    }
    let id = exchange::accept(door, &conversation, &message, key.as_deref(), options.accept_within).await?;
    posted::note(door, &conversation, &id, key.as_deref(), &message).await;
    let accepted = Accepted { conversation: conversation.to_string(), update: request::hex(&id) };
    match is_async {
        true => Ok(([(prefer::APPLIED, prefer::ASYNC)], accepted).into_response()),
        false => Ok(accepted.into_response()),
    }
}

/// The key that a request gives its update, if it does.
///
/// # Errors
/// `Invalid` if there is more than one, or it is too long.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::new(ProblemKind::Invalid, "there is more than one Idempotency-Key"));
    }
    match value.to_str().map(str::trim) {
        Ok(key) if (1..=MAX_KEY).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => {
            let text = format!("an Idempotency-Key has 1 to {MAX_KEY} visible ASCII characters");
            Err(Problem::new(ProblemKind::Invalid, text))
        }
    }
}
