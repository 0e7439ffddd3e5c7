//! `POST /v1/cancel/{*path}`: asks whoever writes a stream to stop. That a reader leaves asks for nothing.

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;

use super::app::{self, Asked, Shared, empty, finish};
use super::path;
use super::refusal::Refusal;
use crate::access::{Grant, Right};

pub(crate) const METHODS: &str = "POST, OPTIONS";
/// Where the routes are.
pub(crate) const CANCEL: &str = "/v1/cancel/";

pub(crate) async fn serve(State(app): State<Shared>, grant: Grant, request: Request) -> Response {
    finish(answer(&app, grant, request).await)
}

async fn answer(app: &Shared, grant: Grant, request: Request) -> Result<Response, Refusal> {
    if *request.method() != Method::POST {
        return Ok(app::wrong_method(METHODS));
    }
    let path = request.uri().path().split_once(CANCEL).map(|(_, path)| path).unwrap_or_default();
    let id = path::id(path)?;
    let asked = Asked { id, grant, parts: request.into_parts().0 };
    asked.may(Right::Cancel)?;
    app.streams.cancel(&asked.id).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
