//! The routes over a running bot.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::{HeaderValue, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use tertulia::bot::Door;

use crate::access::{self, Access, Scope, needing};
use crate::{Options, Problem, ProblemKind, admin, chat, fork, health, metrics};

/// What all requests share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) door: Door,
    pub(crate) options: Arc<Options>,
}

impl FromRef<Shared> for Access {
    fn from_ref(shared: &Shared) -> Self {
        shared.options.access.clone()
    }
}

/// `POST /chat/{id}` takes `{"text": ".."}` in the conversation `http:<id>` and answers
/// `{"conversation", "update", "replies": [{"text"}]}`; the header `Idempotency-Key` names the update, and with
/// `Prefer: respond-async` it is answered 202 once the message is accepted. `{"callback": ".."}` is a pressed button.
///
/// `GET /v1/chat/{id}` (with `before` and `limit`) is what was said there and what is being said, `GET /v1/chat/{id}/feed`
/// what comes, as server-sent events, `POST /v1/chat/{id}/stop` stops the live replies under way, and
/// `POST /v1/chat/{id}/regenerate` with `{"update", "to"}` says a message again in a new conversation that is what this one
/// was before it.
///
/// `GET /health` tells where things are kept and how much there is to do, `GET /metrics` what is counted.
///
/// Dead letters: `GET /v1/dead` (with `conversation`, `after` and `limit`), `GET` and `DELETE /v1/dead/{id}`,
/// `POST /v1/dead/{id}/replay`. Parked updates: `GET /v1/parked`, `GET /v1/parked/{id}`,
/// `POST /v1/parked/{id}/release`, and `DELETE /v1/parked/{id}`, which makes it a dead letter.
///
/// `POST /v1/fork` with `{"from", "at", "to"}` copies the sessions of a conversation to another one.
///
/// `POST /v1/tokens` mints a capability token: `{"conversation", "stream", "rights", "seconds", "query"}`.
///
/// `/health` asks for any API token, the others for one with the [scope](Scope) `chat`, `metrics` or `admin`.
///
/// Every failure is a [`Problem`] as JSON. The bot needs the adapter [`Http`](crate::Http).
pub fn router(door: Door, options: Options) -> Router {
    let limit = DefaultBodyLimit::max(options.body_bytes);
    let shared = Shared { door, options: Arc::new(options) };
    let access = shared.options.access.clone();
    let routes = Router::new()
        .route("/health", get(health::get))
        .merge(chat::routes())
        .merge(needing(Scope::Metrics, Router::new().route("/metrics", get(metrics::get))))
        .merge(access::routes())
        .merge(needing(Scope::Admin, admin::routes().merge(fork::routes())))
        .fallback(|| async { Problem::new(ProblemKind::NotFound, "there is no such path") })
        .method_not_allowed_fallback(|| async {
            Problem::new(ProblemKind::MethodNotAllowed, "this path does not know that method")
        })
        .layer(limit)
        .with_state(shared);
    access.before(routes).layer(map_response(private))
}

/// Answers are nobody else's: no cache keeps them, no browser guesses what they are.
pub(crate) async fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
