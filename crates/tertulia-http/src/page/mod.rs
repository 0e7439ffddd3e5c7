//! The page at `/`: a conversation in the browser. Its files are in this program; nothing is built, and nothing is loaded
//! from elsewhere.

mod file;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;

use self::file::{File, JSON};

/// Options of [`page`](page()).
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct PageOptions {
    /// What somebody may say who does not know what to say: none.
    pub suggestions: Vec<String>,
}

/// `GET /`: a page that speaks with the bot through the routes of [`router`](crate::router()) and
/// [`streams`](crate::streams()), which have to be beside it. Everybody may load it, since it tells nothing; where tokens are
/// asked for, it asks its reader for one.
///
/// It loads nothing of other origins and runs nothing but its own files, by a strict content security policy, and no other
/// page may embed it.
pub fn page(options: &PageOptions) -> Router {
    let settings = serde_json::to_vec(options).expect("texts can be written");
    let settings = Arc::new(File::new(JSON, settings));
    Router::new()
        .route("/", get(async |headers: HeaderMap| file::index().answer(&headers)))
        .route("/page/settings.json", get(show))
        .route("/page/{*name}", get(serve))
        .with_state(settings)
}

async fn show(State(settings): State<Arc<File>>, headers: HeaderMap) -> Response {
    settings.answer(&headers)
}

async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match file::find(&name) {
        Some(file) => file.answer(&headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
