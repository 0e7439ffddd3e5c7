//! `GET /v1/ai/chat/{id}/messages`: what a page begins with, the messages whose live replies are kept.

use axum::Json;
use axum::extract::State;

use super::fold::Fold;
use super::reply::Reply;
use super::router::{self, Id, Shared};
use super::ui::UiMessage;
use super::{kept, lives};
use crate::Problem;

pub(super) async fn serve(State(app): State<Shared>, id: Id) -> Result<Json<Vec<UiMessage>>, Problem> {
    let conversation = router::conversation(id)?;
    let (lives, _) = lives::read(&app.door, &conversation).await?;
    let (mut messages, mut fold) = (Vec::new(), Fold::default());
    for reply in Reply::all(lives) {
        let id = reply.id();
        if let Some(question) = reply.question() {
            messages.push(UiMessage::of_user(&id, question));
        }
        fold = Fold::new(fold.into_calls().of_before());
        let chunks = kept::chunks(&app, &conversation, &reply, &mut fold).await?;
        messages.push(UiMessage::of_bot(id, chunks));
    }
    Ok(Json(messages))
}
