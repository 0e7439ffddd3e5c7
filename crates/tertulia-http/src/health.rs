//! `GET /health`: whether updates are taken, how much there is to do, where things are kept, and what that survives.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tertulia::runner::dead;

use crate::Problem;
use crate::access::Grant;
use crate::options::Load;
use crate::router::Shared;

#[derive(Serialize)]
struct Health {
    /// `ok`, or `stopping`.
    status: &'static str,
    storage: String,
    durability: Durability,
    #[serde(flatten)]
    load: Option<Load>,
    /// Dead letters.
    dead: u64,
}

#[derive(Serialize)]
struct Durability {
    process_kill: bool,
    power_loss: bool,
    failover: bool,
}

/// While the bot takes nothing the status is `503`, with the same body: how much is left can be watched.
pub(crate) async fn get(State(shared): State<Shared>, grant: Grant) -> Result<Response, Problem> {
    grant.needs_token()?;
    let load = shared.options.load.as_ref().map(|load| load());
    let running = load.as_ref().is_none_or(|load| load.running);
    let properties = shared.door.storage.properties();
    let survives = properties.durability;
    let health = Json(Health {
        status: if running { "ok" } else { "stopping" },
        // Where the file lies is nobody's business who asks over the network.
        storage: properties.name.split(':').next().unwrap_or_default().to_owned(),
        durability: Durability {
            process_kill: survives.process_kill,
            power_loss: survives.power_loss,
            failover: survives.failover,
        },
        load,
        dead: dead::count(&*shared.door.storage).await?,
    });
    Ok(match running {
        true => health.into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], health).into_response(),
    })
}
