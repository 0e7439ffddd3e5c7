//! The routes of sessions.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tertulia::Conversation;
use tertulia::session::JsonView;

use super::change::{Asked, PATCHES, told};
use super::condition::{Conditions, quoted, tag_of};
use super::exposed::Face;
use super::{Exposed, SessionsHttpOptions, tail};
use crate::router::private;
use crate::{Grant, Problem, ProblemKind, Resource, Right, body};

const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// What all requests share.
#[derive(Clone)]
pub(super) struct Shared {
    exposed: Exposed,
    pub(super) options: Arc<SessionsHttpOptions>,
}

/// Sessions as JSON, under `/v1/sessions/{conversation}`:
///
/// | request | |
/// |---|---|
/// | `GET` | which of them are stored: `{"sessions": [{"name"}]}` |
/// | `GET /{name}` | the value, with its `ETag`; 404 if it is not stored |
/// | `PUT /{name}` | another value |
/// | `PATCH /{name}` | changes it by `application/merge-patch+json` or `application/json-patch+json`; what is not stored begins as its type's default |
/// | `DELETE /{name}` | removes it |
/// | `GET /{name}/tail` | follows it: server-sent events with the value and then JSON Patches |
///
/// Values are decoded into the session's type before anything is written: one that is none is answered 422, with its place.
/// `If-Match` and `If-None-Match` are kept (412), and nobody's change is lost without them either.
pub fn sessions(exposed: Exposed, options: SessionsHttpOptions) -> Router {
    let access = options.access.clone();
    let limit = DefaultBodyLimit::max(options.body_bytes);
    let shared = Shared { exposed, options: Arc::new(options) };
    let routes = Router::new()
        .route("/v1/sessions/{conversation}", get(list))
        .route("/v1/sessions/{conversation}/{name}", get(show).put(change).patch(change).delete(change))
        .route("/v1/sessions/{conversation}/{name}/tail", get(tail::follow))
        .method_not_allowed_fallback(|| async {
            Problem::new(ProblemKind::MethodNotAllowed, "this path does not know that method")
        })
        .layer(limit)
        .with_state(shared);
    access.before(routes).layer(map_response(private))
}

type One = Result<Path<(String, String)>, PathRejection>;

/// A session that may be asked for.
pub(super) struct Place {
    pub(super) face: Arc<dyn Face>,
    pub(super) conversation: Conversation,
    name: String,
}

impl Place {
    pub(super) fn resource(&self) -> Resource<'_> {
        Resource::Session(&self.conversation, &self.name)
    }

    /// Finds the session, if whoever asks may do this with it.
    ///
    /// # Errors
    /// `Invalid` for what is no conversation; what the grant gives; `NotFound` if there are no such sessions.
    pub(super) fn find(shared: &Shared, path: One, grant: &Grant, right: Right) -> Result<Self, Problem> {
        let Path((conversation, name)) = path.map_err(|_| not_utf8())?;
        let conversation = Conversation::parse(&conversation)?;
        let resource = Resource::Session(&conversation, &name);
        grant.check(resource, right)?;
        let face = shared.exposed.get(&name).cloned().ok_or_else(|| resource.absent())?;
        Ok(Self { face, conversation, name })
    }
}

fn not_utf8() -> Problem {
    Problem::new(ProblemKind::Invalid, "the path is not UTF-8")
}

async fn list(
    State(shared): State<Shared>,
    grant: Grant,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<serde_json::Value>, Problem> {
    let Path(conversation) = path.map_err(|_| not_utf8())?;
    let conversation = Conversation::parse(&conversation)?;
    grant.check(Resource::Sessions(&conversation), Right::Read)?;
    let mut names = Vec::new();
    for (name, face) in shared.exposed.iter() {
        if face.is_there(&conversation).await? {
            names.push(json!({ "name": name }));
        }
    }
    Ok(Json(json!({ "sessions": names })))
}

async fn show(
    State(shared): State<Shared>,
    grant: Grant,
    path: One,
    request: Request,
) -> Result<Response, Problem> {
    let place = Place::find(&shared, path, &grant, Right::Read)?;
    let conditions = Conditions::read(request.headers())?;
    let view = place.face.read(&place.conversation).await?;
    let tag = tag_of(&view).ok_or_else(|| place.resource().absent())?;
    let etag = (header::ETAG, quoted(&tag));
    Ok(match conditions.is_known(Some(&tag)) {
        true => (StatusCode::NOT_MODIFIED, [etag]).into_response(),
        false => ([etag], Json(view.value)).into_response(),
    })
}

async fn change(
    State(shared): State<Shared>,
    grant: Grant,
    path: One,
    request: Request,
) -> Result<Response, Problem> {
    let place = Place::find(&shared, path, &grant, Right::Write)?;
    let conditions = Conditions::read(request.headers())?;
    let options = &shared.options;
    if options.conditions_needed && conditions.are_none() {
        let text = "an If-Match with the session's ETag is needed, or If-None-Match: * for a new one";
        return Err(Problem::new(ProblemKind::PreconditionRequired, text));
    }
    let read = match Asked::reader(request.method(), request.headers()) {
        Ok(read) => read,
        Err(problem) => {
            return Ok(([(ACCEPT_PATCH, HeaderValue::from_static(PATCHES))], problem).into_response());
        }
    };
    let asked = read(&body::bytes(request, options.body_bytes, options.body_within).await?)?;
    if asked.tells() {
        grant.check(place.resource(), Right::Read)?;
    }
    let mut was_there = false;
    let change = |view: &JsonView| {
        was_there = view.is_stored;
        conditions.check(tag_of(view).as_deref())?;
        if !was_there && matches!(asked, Asked::Delete) {
            return Err(place.resource().absent());
        }
        asked.apply(&view.value)
    };
    let view = place.face.change(&place.conversation, Box::new(change)).await.map_err(told)?;
    let etag: HeaderMap = tag_of(&view).map(|tag| (header::ETAG, quoted(&tag))).into_iter().collect();
    Ok(match (&asked, grant.allows(place.resource(), Right::Read)) {
        (Asked::Delete, _) => StatusCode::NO_CONTENT.into_response(),
        (_, false) => (StatusCode::NO_CONTENT, etag).into_response(),
        (_, true) if view.is_stored && !was_there => {
            (StatusCode::CREATED, etag, Json(view.value)).into_response()
        }
        (_, true) => (etag, Json(view.value)).into_response(),
    })
}
