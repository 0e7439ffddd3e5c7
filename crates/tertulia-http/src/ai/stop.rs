//! `POST /v1/ai/chat/{id}/stop`: asks the live replies under way to stop. That a reader leaves asks for nothing.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::router::{self, Id, Shared};
use crate::Problem;

pub(super) async fn serve(State(app): State<Shared>, id: Id) -> Result<Json<Value>, Problem> {
    let stopped = app.door.stop_live(&router::conversation(id)?).await?;
    Ok(Json(json!({ "stopped": stopped })))
}
