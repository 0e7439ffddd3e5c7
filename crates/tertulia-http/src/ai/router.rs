//! The routes that the Vercel AI SDK speaks to.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, Path};
use axum::http::{HeaderValue, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, post};
use tertulia::Conversation;
use tertulia::bot::Door;

use super::{AiOptions, messages, resume, say, stop};
use crate::access::{Scope, needing};
use crate::{Problem, ProblemKind, SOURCE};

/// What all requests share.
#[derive(Debug)]
pub(super) struct App {
    pub(super) door: Door,
    pub(super) options: AiOptions,
}

pub(super) type Shared = Arc<App>;

/// Chats for pages with [`useChat`](https://ai-sdk.dev) of `ai` 6, whose `DefaultChatTransport` has the `api`
/// `/v1/ai/chat`:
///
/// | request | |
/// |---|---|
/// | `POST /v1/ai/chat` | the last message becomes an update of the conversation `http:<id>`; the answer is the reply as it is said, a UI message stream |
/// | `GET /v1/ai/chat/{id}/stream` | resumes: the message that is under way, from its beginning; 204 if none is |
/// | `POST /v1/ai/chat/{id}/stop` | asks the replies under way to stop: `{"stopped": 1}` |
/// | `GET /v1/ai/chat/{id}/messages` | the messages whose live replies are kept, as `UIMessage`s |
///
/// The chunks are made of the [events](tertulia::stream::Event) of live replies; bots that only reply are heard too. A reader
/// whose connection is lost misses nothing by it, and the bot goes on; one that has to begin anew, as what it was told is being
/// said in another way, is cut off. The routes ask for the scope `chat`. The bot needs the adapter [`Http`](crate::Http).
pub fn ai(door: Door, options: AiOptions) -> Router {
    let access = options.access.clone();
    let limit = DefaultBodyLimit::max(options.body_bytes);
    let routes = Router::new()
        .route("/v1/ai/chat", post(say::serve))
        .route("/v1/ai/chat/{id}/stream", get(resume::serve))
        .route("/v1/ai/chat/{id}/stop", post(stop::serve))
        .route("/v1/ai/chat/{id}/messages", get(messages::serve))
        .method_not_allowed_fallback(|| async {
            Problem::new(ProblemKind::MethodNotAllowed, "this path does not know that method")
        })
        .layer(limit)
        .with_state(Arc::new(App { door, options }));
    access.before(needing(Scope::Chat, routes)).layer(map_response(private))
}

pub(super) type Id = Result<Path<String>, PathRejection>;

/// The conversation of a chat.
///
/// # Errors
/// `Invalid` for what cannot be its id.
pub(super) fn conversation(id: Id) -> Result<Conversation, Problem> {
    let Path(id) = id.map_err(|_| Problem::new(ProblemKind::Invalid, "the chat's id is not UTF-8"))?;
    Ok(Conversation::new(SOURCE, &id)?)
}

/// Answers are nobody else's. Streams say so in the word that the SDK's own servers use.
async fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
