//! `GET /v1/ai/chat/{id}/messages`: what a page begins with, the messages that are kept.

use axum::Json;
use axum::extract::State;

use super::fold::Fold;
use super::reply::Reply;
use super::router::{self, Id, Shared};
use super::ui::UiMessage;
use super::{kept, lives};
use crate::{Problem, chat};

/// How many turns of the conversation's journal it goes back.
const TURNS: usize = 200;

pub(super) async fn serve(State(app): State<Shared>, id: Id) -> Result<Json<Vec<UiMessage>>, Problem> {
    let conversation = router::conversation(id)?;
    let told = chat::told(&app.door, &conversation, TURNS).await?;
    let (lives, _) = lives::read(&app.door, &conversation).await?;
    let (mut messages, mut fold) = (Vec::new(), Fold::default());
    for reply in Reply::all(told, &lives) {
        if let Some((id, question)) = reply.question() {
            messages.push(UiMessage::of_user(id, question));
        }
        fold = Fold::new(fold.into_calls().of_before());
        let message =
            UiMessage::of_bot(reply.id(), kept::chunks(&app, &conversation, &reply, &mut fold).await?);
        // What has no reply is a message of the user alone.
        if !message.parts.is_empty() {
            messages.push(message);
        }
    }
    Ok(Json(messages))
}
