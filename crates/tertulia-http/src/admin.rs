//! `/v1/dead` and `/v1/parked`: what was given up or holds back its conversation, looked at and put right.

use axum::Json;
use axum::Router;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use tertulia::bot::Door;
use tertulia::error::Kind;
use tertulia::runner::{self, EntryId, Notice, dead, parked};
use tertulia::{Conversation, Error};

use crate::router::Shared;
use crate::view::{DeadLetter, Page, ParkedUpdate};
use crate::{Problem, ProblemKind};

/// The most entries of a page.
const MAX_PAGE: usize = 1_000;

/// Which entries are asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    conversation: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// What was done to an entry.
#[derive(Debug, Serialize)]
struct Done {
    id: String,
    done: &'static str,
}

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/v1/dead", get(list_dead))
        .route("/v1/dead/{id}", get(show_dead).delete(drop_dead))
        .route("/v1/dead/{id}/replay", post(replay))
        .route("/v1/parked", get(list_parked))
        .route("/v1/parked/{id}", get(show_parked).delete(give_up))
        .route("/v1/parked/{id}/release", post(release))
}

type Id = Result<Path<String>, PathRejection>;
type Ask = Result<Query<Asked>, QueryRejection>;

async fn list_dead(State(shared): State<Shared>, ask: Ask) -> Result<Json<Page<DeadLetter>>, Problem> {
    let listing = dead::list(&*shared.door.storage, &query(ask)?).await?;
    Ok(Json(Page::new(&listing, |letter| DeadLetter::new(letter, false))))
}

async fn show_dead(State(shared): State<Shared>, id: Id) -> Result<Json<DeadLetter>, Problem> {
    let id = read(id)?;
    let letter = dead::get(&*shared.door.storage, id).await?;
    let letter = letter.ok_or_else(|| not_found(format!("there is no dead letter {id}")))?;
    Ok(Json(DeadLetter::new(&letter, true)))
}

async fn drop_dead(State(shared): State<Shared>, id: Id) -> Result<Json<Done>, Problem> {
    let id = read(id)?;
    dead::drop(&*shared.door.storage, &shared.door.clock, id).await.map_err(told)?;
    Ok(done(id, "dropped"))
}

async fn replay(State(shared): State<Shared>, id: Id) -> Result<Json<Done>, Problem> {
    let id = read(id)?;
    let notice = dead::replay(&*shared.door.storage, &shared.door.clock, id).await.map_err(told)?;
    look(&shared, notice).await?;
    Ok(done(id, "replayed"))
}

async fn list_parked(State(shared): State<Shared>, ask: Ask) -> Result<Json<Page<ParkedUpdate>>, Problem> {
    let listing = parked::list(&*shared.door.storage, &query(ask)?).await?;
    Ok(Json(Page::new(&listing, ParkedUpdate::new)))
}

async fn show_parked(State(shared): State<Shared>, id: Id) -> Result<Json<ParkedUpdate>, Problem> {
    let id = read(id)?;
    let parked = parked::get(&*shared.door.storage, id).await?;
    let parked = parked.ok_or_else(|| not_found(format!("there is no parked update {id}")))?;
    Ok(Json(ParkedUpdate::new(&parked)))
}

async fn release(State(shared): State<Shared>, id: Id) -> Result<Json<Done>, Problem> {
    let id = read(id)?;
    let notice = parked::release(&*shared.door.storage, &shared.door.clock, id).await.map_err(told)?;
    look(&shared, notice).await?;
    Ok(done(id, "released"))
}

async fn give_up(State(shared): State<Shared>, id: Id) -> Result<Json<Done>, Problem> {
    let id = read(id)?;
    let Door { storage, clock, intake, .. } = &shared.door;
    let notice = parked::give_up_and_tell(&**storage, clock, id, intake).await.map_err(told)?;
    look(&shared, notice).await?;
    Ok(done(id, "given up"))
}

/// Has the runner notice. One that is stopping need not: the next start finds it.
async fn look(shared: &Shared, notice: Notice) -> Result<(), Problem> {
    match shared.door.intake.look(notice).await {
        Err(error) if error.kind() != Kind::Closed => Err(error.into()),
        _ => Ok(()),
    }
}

fn done(id: EntryId, done: &'static str) -> Json<Done> {
    Json(Done { id: id.to_string(), done })
}

fn query(ask: Ask) -> Result<runner::Query, Problem> {
    let Query(Asked { conversation, after, limit }) =
        ask.map_err(|rejection| Problem::new(ProblemKind::Invalid, rejection.body_text()))?;
    let limit = limit.unwrap_or(runner::Query::default().limit);
    if !(1..=MAX_PAGE).contains(&limit) {
        let text = format!("limit: {limit} is not allowed; allowed: 1 to {MAX_PAGE}");
        return Err(Problem::new(ProblemKind::Invalid, text));
    }
    let conversation = conversation.map(|text| Conversation::parse(&text)).transpose()?;
    let after = after.map(|text| text.parse()).transpose()?;
    Ok(runner::Query { conversation, after, limit })
}

fn read(id: Id) -> Result<EntryId, Problem> {
    let Path(id) = id.map_err(|_| Problem::new(ProblemKind::Invalid, "the id is not UTF-8"))?;
    Ok(id.parse()?)
}

fn not_found(text: String) -> Problem {
    Problem::new(ProblemKind::NotFound, text)
}

/// These speak of what was asked for, by its id, and of nothing else.
pub(crate) fn told(error: Error) -> Problem {
    match error.kind() {
        Kind::Gone => not_found(error.to_string()),
        Kind::Conflict => Problem::new(ProblemKind::Conflict, error.to_string()),
        Kind::Corrupt => Problem::new(ProblemKind::Invalid, error.to_string()),
        _ => error.into(),
    }
}
