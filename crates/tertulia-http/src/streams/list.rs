//! `GET /v1/conversations/{conversation}/streams`: the streams of a conversation.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tertulia::stream::{Expiry, Info, StreamId};

use super::app::{self, Shared, finish};
use super::query::Query;
use super::refusal::Refusal;
use super::{path, rfc3339};
use crate::access::{Grant, Resource, Right};
use crate::{Problem, ProblemKind};

pub(crate) const METHODS: &str = "GET, OPTIONS";
/// What stands before the conversation.
const BEFORE: &str = "/v1/conversations/";
/// The most streams of a page.
const MAX_PAGE: usize = 1_000;
/// How many it has unless something else is asked for.
const PAGE: usize = 100;

/// A page of the list.
#[derive(Debug, Serialize)]
struct Listed {
    /// In the order of their names.
    entries: Vec<Entry>,
    /// What `after` has to be for the next page; nothing at the end.
    next: Option<String>,
}

/// A stream.
#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    /// Behind `/v1/stream/`, `/v1/events/` and `/v1/cancel/`.
    path: String,
    content_type: String,
    /// The cursors of its first entry and of its end.
    start: String,
    end: String,
    /// How it ended: `complete`, `stopped` or `aborted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed: Option<String>,
    /// Whether somebody asked whoever writes it to stop.
    cancelled: bool,
    /// Seconds after the last use.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

pub(crate) async fn serve(State(app): State<Shared>, grant: Grant, request: Request) -> Response {
    finish(answer(&app, grant, request).await)
}

async fn answer(app: &Shared, grant: Grant, request: Request) -> Result<Response, Refusal> {
    if *request.method() != Method::GET {
        return Ok(app::wrong_method(METHODS));
    }
    let uri = request.into_parts().0.uri;
    let segment = uri.path().split_once(BEFORE).and_then(|(_, rest)| rest.split('/').next());
    let conversation = segment
        .and_then(path::conversation)
        .ok_or_else(|| Problem::new(ProblemKind::Invalid, "the conversation is not of the form source:id"))?;
    grant.check(Resource::Streams(&conversation), Right::Read)?;
    let query = Query::new(uri.query())?;
    let limit = query.number("limit")?.unwrap_or(PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        let text = format!("limit: {limit} is not allowed; allowed: 1 to {MAX_PAGE}");
        return Err(Refusal::new(ProblemKind::Invalid, text));
    }
    let after = query.get("after")?;
    let found = app.streams.list(&conversation, after.as_deref(), limit).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|last| last.name().to_owned());
    let mut entries = Vec::with_capacity(found.len());
    for id in &found {
        // It may have gone meanwhile.
        if let Ok(Some(stream)) = app.streams.get(id).await
            && let Ok(info) = stream.info().await
        {
            entries.push(Entry::new(id, info));
        }
    }
    let mut response = Json(Listed { entries, next }).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

impl Entry {
    fn new(id: &StreamId, info: Info) -> Self {
        Self {
            name: id.name().to_owned(),
            path: path::of(id),
            content_type: info.content_type,
            start: info.start.to_string(),
            end: info.end.to_string(),
            closed: info.closed.map(|how| how.to_string()),
            cancelled: info.cancelled,
            ttl: info.expiry.sliding().map(|ttl| ttl.as_secs()),
            expires_at: match info.expiry {
                Expiry::At(at) => Some(rfc3339::format(at)),
                Expiry::Never | Expiry::Sliding(_) => None,
            },
        }
    }
}
