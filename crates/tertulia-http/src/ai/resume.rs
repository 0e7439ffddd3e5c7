//! `GET /v1/ai/chat/{id}/stream`: the message that is under way, from its beginning. A client that resumes forgets what it
//! has of the message and takes the whole of it anew, so what was replied before an approval is told again too.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tertulia::Conversation;
use tertulia::bot::answer;

use super::fold::Fold;
use super::lives::{self, Entry};
use super::reply::Reply;
use super::router::{self, App, Id, Shared};
use super::telling::Telling;
use super::{kept, sse};
use crate::Problem;

/// How long there surely is an answer after it was given: less than the 48 hours that it is kept.
const ANSWERS: Duration = Duration::from_hours(47);

pub(super) async fn serve(State(app): State<Shared>, id: Id) -> Result<Response, Problem> {
    let conversation = router::conversation(id)?;
    let (lives, _) = lives::read(&app.door, &conversation).await?;
    let mut replies = Reply::all(lives);
    let Some(reply) = replies.pop() else { return Ok(StatusCode::NO_CONTENT.into_response()) };
    if !is_under_way(&app, &conversation, reply.last()).await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let calls = kept::calls_before(&app, &conversation, &replies, &reply).await?;
    let telling = Telling::new(&app.door, &conversation, reply.id(), reply.updates(), Fold::new(calls));
    Ok(sse::answer(&app, telling))
}

/// Whether more is said in answer to the update that a live reply answers.
///
/// # Errors
/// What the storage gives.
async fn is_under_way(app: &App, conversation: &Conversation, live: &Entry) -> Result<bool, Problem> {
    let (door, now) = (&app.door, app.door.clock.now());
    let is_said = match live.stream(door, conversation).await? {
        Some(stream) => stream.info().await?.closed.is_none(),
        None => false,
    };
    // It may go on after a live reply has ended: whoever is answered has an answer, until that expires.
    let is_answered = answer::read(&*door.storage, conversation, &live.to).await?.is_some();
    Ok(is_said || !is_answered && now.since(live.at) < ANSWERS)
}
