//! `POST /v1/ai/chat/{id}/stop`: asks the live replies under way to stop. That a reader leaves asks for nothing.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::lives;
use super::router::{self, Id, Shared};
use crate::Problem;

pub(super) async fn serve(State(app): State<Shared>, id: Id) -> Result<Json<Value>, Problem> {
    let conversation = router::conversation(id)?;
    let (lives, _) = lives::read(&app.door, &conversation).await?;
    let mut stopped = 0;
    for live in lives.iter().rev() {
        let Some(stream) = live.stream(&app.door, &conversation).await? else { continue };
        if stream.info().await?.closed.is_none() {
            app.door.streams.cancel(&live.id(&conversation)?).await?;
            stopped += 1;
        }
    }
    Ok(Json(json!({ "stopped": stopped })))
}
