//! `POST /v1/ai/chat`: what the user says, or answers, becomes updates; the reply is told as it is said.

use axum::extract::{Request, State};
use axum::response::Response;
use tertulia::Conversation;
use tertulia::bot::answer;
use tertulia::storage::ItemId;

use super::fold::Fold;
use super::router::{App, Shared};
use super::telling::Telling;
use super::wire::{Body, Said, Update};
use super::{reply, sse, wire};
use crate::{Problem, ProblemKind, SOURCE, body, chat, exchange, request};

pub(super) async fn serve(State(app): State<Shared>, request: Request) -> Result<Response, Problem> {
    let body = read(&app, request).await?;
    let conversation = Conversation::new(SOURCE, &body.id)?;
    let said = body.said()?;
    let (message, fold) = (said.goes_on.clone(), Fold::new(said.calls.clone()));
    let updates = submit(&app, &conversation, said).await?;
    let message = message.unwrap_or_else(|| reply::id(&updates[0]));
    Ok(sse::answer(&app, Telling::new(&app.door, &conversation, message, updates, fold)))
}

async fn read(app: &App, request: Request) -> Result<Body, Problem> {
    body::check_type(request.headers())?;
    let bytes = body::bytes(request, app.options.body_bytes, app.options.body_within).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let what = if error.is_data() { "no chat's" } else { "not JSON" };
        Problem::new(ProblemKind::Invalid, format!("the body is {what}, {error}"))
    })
}

/// Puts what is said into the inbox; gives the updates whose replies are to be told. Of several those that were answered
/// before are left out: the message shows what was replied to them.
async fn submit(app: &App, conversation: &Conversation, said: Said) -> Result<Vec<ItemId>, Problem> {
    let (mut all, mut new) = (Vec::new(), Vec::new());
    for Update { message, key, or_key } in &said.updates {
        let accept = |key| exchange::accept(&app.door, conversation, message, key, app.options.accept_within);
        let known = key.as_ref().map(|key| request::id(conversation, key));
        let is_answered = match &known {
            Some(id) => answer::read(&*app.door.storage, conversation, id).await?.is_some(),
            None => false,
        };
        let (id, key) = match (accept(key.as_deref()).await, or_key) {
            (Err(problem), Some(_)) if problem.kind() == ProblemKind::KeyReused => {
                (accept(or_key.as_deref()).await?, or_key)
            }
            (accepted, _) => (accepted?, key),
        };
        let named = key.as_deref().filter(|key| wire::id_of(key).is_some());
        chat::note(&app.door, conversation, &id, named, message).await;
        if !is_answered {
            new.push(id.clone());
        }
        all.push(id);
    }
    Ok(if new.is_empty() { all } else { new })
}
