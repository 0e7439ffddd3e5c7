//! `GET /v1/chat/{id}`: what was said in a conversation, and what is being said.

use std::collections::HashSet;

use axum::Json;
use axum::extract::{RawQuery, State};
use serde::Serialize;

use super::journal::Turns;
use super::open::{self, Recent};
use super::origin::{self, Origin};
use super::place::Place;
use super::said::{self, Said};
use super::{Id, conversation, journal};
use crate::access::{Grant, Resource, Right, Scope};
use crate::router::Shared;
use crate::streams::query::Query;
use crate::{Problem, ProblemKind};

/// How many turns a page has, and at most.
const PAGE: usize = 50;
const MOST: usize = 200;

/// A page of a conversation.
#[derive(Debug, Serialize)]
pub(super) struct Transcript {
    conversation: String,
    /// The oldest first.
    messages: Vec<Said>,
    /// What `before` has to be for the page before this one; nothing at the beginning.
    before: Option<u64>,
    /// Where the feed goes on after the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    feed: Option<String>,
    /// At the beginning of a conversation that was forked: what came before.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
}

pub(super) async fn get(
    State(shared): State<Shared>,
    grant: Grant,
    id: Id,
    RawQuery(query): RawQuery,
) -> Result<Json<Transcript>, Problem> {
    let conversation = conversation(&shared.door, id)?;
    grant.needs_either(Scope::Chat, Resource::Conversation(&conversation), Right::Read)?;
    let query = Query::new(query.as_deref())?;
    let before = query.number::<u64>("before")?;
    let limit = query.number("limit")?.unwrap_or(PAGE);
    if !(1..=MOST).contains(&limit) {
        let text = format!("the parameter `limit` is from 1 to {MOST}");
        return Err(Problem::new(ProblemKind::Invalid, text));
    }
    let door = &shared.door;
    // In this order: what is committed in between is found among what was posted or is live, or comes in the feed.
    let turns = journal::last(&*door.storage, &conversation, before, limit).await?;
    let recent = Recent::read(door, &conversation).await?;
    let mut messages: Vec<Said> = turns
        .records
        .iter()
        .flat_map(|(number, record)| journal::said(door, &conversation, *number, record))
        .collect();
    for said in &mut messages {
        recent.complete(&conversation, said);
    }
    if before.is_none() {
        let mut known = updates(&turns);
        let earliest = messages.first().map_or(0, |said| said.at);
        if turns.more {
            // Clocks do not tell apart what came at once.
            let first = turns.records.first().map(|(number, _)| *number);
            known.extend(updates(&journal::last(&*door.storage, &conversation, first, PAGE).await?));
        }
        for (id, mut said) in recent.others(&conversation, &known) {
            open::settle(door, &conversation, &id, &mut said).await?;
            // Those of earlier pages are told there.
            if said.state == said::State::Accepted || !turns.more || said.at >= earliest {
                open::look(door, &conversation, &mut said).await;
                messages.push(said);
            }
        }
    }
    messages.sort_by_key(|said| said.at);
    let first = turns.records.first().map(|(number, _)| *number);
    let place = Place { journal: turns.next, live: recent.live_next, posted: recent.posted_next };
    Ok(Json(Transcript {
        conversation: conversation.to_string(),
        messages,
        before: first.filter(|_| turns.more),
        feed: before.is_none().then(|| place.to_string()),
        origin: match turns.more {
            true => None,
            false => origin::read(&*door.storage, &conversation).await?,
        },
    }))
}

/// The updates of turns.
pub(super) fn updates(turns: &Turns) -> HashSet<String> {
    turns.records.iter().flat_map(|(_, record)| journal::ids(record)).collect()
}
