//! `POST /v1/tokens`: a capability token for whoever has an API token that opens as much.

use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRef, State};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tertulia::Conversation;

use super::{Access, Grant, Mint, Resource, Right, Rights};
use crate::{Problem, ProblemKind};

/// What is asked for: all of a conversation, or its streams or sessions only, or one of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    conversation: String,
    stream: Option<String>,
    session: Option<String>,
    only: Option<Only>,
    rights: Vec<String>,
    /// For how long.
    #[serde(default = "a_minute")]
    seconds: u64,
    /// Whether it is for a query.
    #[serde(default)]
    query: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Only {
    Streams,
    Sessions,
}

#[derive(Debug, Serialize)]
struct Answer {
    token: String,
    /// In milliseconds since 1970.
    expires_ms: u64,
}

fn a_minute() -> u64 {
    60
}

pub(crate) fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Access: FromRef<S>,
{
    Router::new().route("/v1/tokens", post(mint))
}

async fn mint(
    State(access): State<Access>,
    grant: Grant,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Result<Json<Answer>, Problem> {
    grant.needs_token()?;
    let Some(capabilities) = access.mints() else {
        return Err(Problem::new(ProblemKind::NotFound, "capability tokens are not in use here"));
    };
    let Json(asked) = asked.map_err(|rejection| Problem::new(ProblemKind::Invalid, rejection.body_text()))?;
    let conversation = Conversation::parse(&asked.conversation)?;
    let resource = resource(&asked, &conversation)?;
    let rights: Rights = asked.rights.iter().map(|right| right.parse::<Right>()).collect::<Result<_, _>>()?;
    rights.iter().try_for_each(|right| grant.check(resource, right))?;
    let mint = Mint::new(rights, Duration::from_secs(asked.seconds));
    let minted = capabilities.mint(resource, if asked.query { mint.in_query() } else { mint })?;
    Ok(Json(Answer { token: minted.token, expires_ms: minted.expires.0 }))
}

fn resource<'a>(asked: &'a Asked, of: &'a Conversation) -> Result<Resource<'a>, Problem> {
    match (&asked.stream, &asked.session, &asked.only) {
        (Some(name), None, None) => Ok(Resource::Stream(of, name)),
        (None, Some(name), None) => Ok(Resource::Session(of, name)),
        (None, None, Some(Only::Streams)) => Ok(Resource::Streams(of)),
        (None, None, Some(Only::Sessions)) => Ok(Resource::Sessions(of)),
        (None, None, None) => Ok(Resource::Conversation(of)),
        _ => Err(Problem::new(ProblemKind::Invalid, "only one of stream, session and only can be given")),
    }
}
