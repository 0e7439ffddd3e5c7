//! `POST /chat/{id}`: a message in, the replies out.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use tertulia::Conversation;

use crate::exchange::Exchange;
use crate::router::Shared;
use crate::{Problem, ProblemKind, SOURCE, body, exchange};

/// The header that names the update.
const KEY: &str = "idempotency-key";
/// The most bytes of a key.
const MAX_KEY: usize = 255;

pub(crate) async fn post(
    State(shared): State<Shared>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<Exchange>, Problem> {
    let Path(id) =
        id.map_err(|_| Problem::new(ProblemKind::Invalid, "the conversation's id is not UTF-8"))?;
    let conversation = Conversation::new(SOURCE, &id)?;
    let key = key(request.headers())?;
    let message = body::message(request, &shared.options).await?;
    exchange(&shared.door, &conversation, &message, key.as_deref(), &shared.options).await.map(Json)
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
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
