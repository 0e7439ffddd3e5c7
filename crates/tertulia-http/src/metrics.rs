//! `GET /metrics`: what is counted, in the text form that Prometheus reads.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::router::Shared;
use crate::{Problem, ProblemKind};

pub(crate) async fn get(State(shared): State<Shared>) -> Response {
    match &shared.options.metrics {
        Some(render) => {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], render()).into_response()
        }
        None => Problem::new(ProblemKind::NotFound, "there is no such path").into_response(),
    }
}
