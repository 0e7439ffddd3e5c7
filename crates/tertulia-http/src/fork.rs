//! `/v1/fork`: goes on with a conversation elsewhere.

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::routing::post;
use serde::{Deserialize, Serialize};
use tertulia::bot::journal;
use tertulia::{Conversation, Error};

use crate::router::Shared;
use crate::{Problem, ProblemKind, admin};

/// What is to be copied.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    from: String,
    /// A turn of its journal; now, if not given.
    at: Option<u64>,
    to: String,
}

/// What was copied.
#[derive(Debug, Serialize)]
struct Done {
    from: String,
    to: String,
    sessions: Vec<String>,
    bytes: u64,
}

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/v1/fork", post(fork))
}

async fn fork(
    State(shared): State<Shared>,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Result<Json<Done>, Problem> {
    let Json(Asked { from, at, to }) =
        asked.map_err(|rejection| Problem::new(ProblemKind::Invalid, rejection.body_text()))?;
    let conversation = |text: &str| Conversation::parse(text).map_err(|error: Error| Problem::from(error));
    let (of, into) = (conversation(&from)?, conversation(&to)?);
    let (storage, clock) = (&*shared.door.storage, &shared.door.clock);
    let forked = journal::fork(storage, clock, &of, at, &into).await.map_err(admin::told)?;
    Ok(Json(Done { from, to, sessions: forked.sessions, bytes: forked.bytes }))
}
