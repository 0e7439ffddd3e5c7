//! `POST /v1/chat/{id}/stop`: asks the live replies under way to stop.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tertulia::stream::StreamId;

use super::open::{self, Recent};
use super::said;
use super::{Id, conversation, journal, transcript};
use crate::access::{Grant, Resource, Right, Scope};
use crate::router::Shared;
use crate::streams::path;
use crate::{Problem, request};

/// How many turns are looked at, the last ones.
const TURNS: usize = 64;

/// What was done.
#[derive(Debug, Serialize)]
pub(super) struct Stopped {
    /// How many replies were asked to stop.
    stopped: usize,
}

pub(super) async fn post(
    State(shared): State<Shared>,
    grant: Grant,
    id: Id,
) -> Result<Json<Stopped>, Problem> {
    let conversation = conversation(&shared.door, id)?;
    grant.needs_either(Scope::Chat, Resource::Streams(&conversation), Right::Cancel)?;
    let door = &shared.door;
    let turns = journal::last(&*door.storage, &conversation, None, TURNS).await?;
    let over: HashSet<String> =
        turns.records.iter().map(|(_, record)| request::hex(&record.update.id)).collect();
    let recent = Recent::read(door, &conversation).await?;
    let mut under_way: Vec<StreamId> = Vec::new();
    for live in recent.lives.iter().filter(|live| !over.contains(&request::hex(&live.update))) {
        let Ok(id) = StreamId::new(conversation.clone(), &live.stream) else { continue };
        if let Some(stream) = door.streams.get(&id).await.ok().flatten()
            && stream.info().await?.closed.is_none()
        {
            under_way.push(id);
        }
    }
    if under_way.is_empty() {
        // Of a message that no handler has begun to answer it is known what its first reply will be called.
        for (id, mut said) in recent.others(&conversation, &transcript::updates(&turns)) {
            open::settle(door, &conversation, &id, &mut said).await?;
            let waits = said.state == said::State::Accepted && said.lives.is_empty() && said.text.is_some();
            if waits && let Ok(id) = path::id(&format!("{conversation}/{id}/reply-0")) {
                under_way.push(id);
            }
        }
    }
    for id in &under_way {
        door.streams.cancel(id).await?;
    }
    Ok(Json(Stopped { stopped: under_way.len() }))
}
