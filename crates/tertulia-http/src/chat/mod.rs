//! Conversations over HTTP: messages are posted, what was said is read, and what is being said is followed.

mod feed;
mod journal;
mod open;
mod origin;
mod place;
mod post;
mod posted;
mod prefer;
mod regenerate;
mod said;
mod sse;
mod stop;
mod told;
mod transcript;

use axum::Router;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::routing::{get, post as posting};
use tertulia::Conversation;
use tertulia::bot::Door;

use crate::access::{Scope, needing};
use crate::router::Shared;
use crate::{Problem, ProblemKind, SOURCE};

pub(crate) use posted::note;
pub(crate) use told::{Told, told};

/// What a path says of a conversation.
type Id = Result<Path<String>, PathRejection>;

pub(crate) fn routes() -> Router<Shared> {
    let posts = Router::new()
        .route("/chat/{id}", posting(post::post))
        .route("/v1/chat/{id}/regenerate", posting(regenerate::post));
    Router::new()
        .route("/v1/chat/{id}", get(transcript::get))
        .route("/v1/chat/{id}/feed", get(feed::get))
        .route("/v1/chat/{id}/stop", posting(stop::post))
        .merge(needing(Scope::Chat, posts))
}

/// The conversation of a path: `alice` is `http:alice`, and what begins with the name of another platform of the bot is a
/// conversation there, such as `telegram:42`.
///
/// # Errors
/// `Invalid` if it can be none.
fn conversation(door: &Door, id: Id) -> Result<Conversation, Problem> {
    let Path(id) =
        id.map_err(|_| Problem::new(ProblemKind::Invalid, "the conversation's id is not UTF-8"))?;
    let elsewhere = id.split_once(':').is_some_and(|(source, _)| door.platform(source).is_some());
    Ok(if elsewhere { Conversation::parse(&id)? } else { Conversation::new(SOURCE, &id)? })
}
