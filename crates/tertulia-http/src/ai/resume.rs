//! `GET /v1/ai/chat/{id}/stream`: the message that is under way, from its beginning. A client that resumes forgets what it
//! has of the message and takes the whole of it anew, so what was replied before an approval is told again too.

use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tertulia::Conversation;

use super::fold::Fold;
use super::lives;
use super::reply::Reply;
use super::router::{self, App, Id, Shared};
use super::telling::Telling;
use super::{kept, sse};
use crate::{Problem, ProblemKind, chat};

/// How long there surely is an answer after it was given: less than the 48 hours that it is kept.
const ANSWERS: Duration = Duration::from_hours(47);

/// Whether a message that is over is wanted too, by a page that was cut off and may have missed its end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    #[serde(default)]
    finished: bool,
}

pub(super) async fn serve(
    State(app): State<Shared>,
    id: Id,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) =
        asked.map_err(|_| Problem::new(ProblemKind::Invalid, "the query may only be `finished=true`"))?;
    let conversation = router::conversation(id)?;
    let told = chat::told(&app.door, &conversation, 0).await?;
    let (lives, _) = lives::read(&app.door, &conversation).await?;
    let mut replies = Reply::all(told, &lives);
    let Some(reply) = replies.pop() else { return Ok(StatusCode::NO_CONTENT.into_response()) };
    let is_told = match state(&app, &conversation, &reply).await? {
        Is::UnderWay => true,
        Is::Finished => asked.finished,
        Is::Forgotten => false,
    };
    if !is_told {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let calls = kept::calls_before(&app, &conversation, &replies, &reply).await?;
    let telling = Telling::new(&app.door, &conversation, reply.id(), reply.updates(), Fold::new(calls));
    Ok(sse::answer(&app, telling))
}

/// What is known of a reply.
enum Is {
    /// More is said.
    UnderWay,
    Finished,
    /// Nobody knows any more how it went.
    Forgotten,
}

/// How it stands with a reply.
async fn state(app: &App, conversation: &Conversation, reply: &Reply) -> Result<Is, Problem> {
    let (told, lives) = reply.last();
    if told.is_over {
        return Ok(Is::Finished);
    }
    for live in lives {
        if let Some(stream) = live.stream(&app.door, conversation).await?
            && stream.info().await?.closed.is_none()
        {
            return Ok(Is::UnderWay);
        }
    }
    Ok(match app.door.clock.now().since(told.at) < ANSWERS {
        true => Is::UnderWay,
        false => Is::Forgotten,
    })
}
