//! `GET /health`: whether updates are taken, where they are kept, and what that survives.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::router::Shared;
use crate::{Problem, ProblemKind};

#[derive(Serialize)]
pub(crate) struct Health {
    status: &'static str,
    storage: String,
    durability: Durability,
    /// Updates known and not finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<usize>,
}

#[derive(Serialize)]
struct Durability {
    process_kill: bool,
    power_loss: bool,
    failover: bool,
}

pub(crate) async fn get(State(shared): State<Shared>) -> Result<Json<Health>, Problem> {
    let size = match &shared.options.load {
        None => None,
        Some(load) => Some(load().ok_or_else(|| {
            Problem::new(ProblemKind::Unavailable, "the server is stopping and takes no messages")
        })?),
    };
    let properties = shared.door.storage.properties();
    let survives = properties.durability;
    Ok(Json(Health {
        status: "ok",
        // Where the file lies is nobody's business who asks over the network.
        storage: properties.name.split(':').next().unwrap_or_default().to_owned(),
        durability: Durability {
            process_kill: survives.process_kill,
            power_loss: survives.power_loss,
            failover: survives.failover,
        },
        size,
    }))
}
