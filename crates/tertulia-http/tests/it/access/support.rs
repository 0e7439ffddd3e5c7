//! Routes that tell what a request may do, and requests to them.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, RawQuery};
use axum::http::{Request, Response, StatusCode};
use axum::{Json, Router, routing};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tertulia::{Clock, Conversation, Timestamp};
use tertulia_http::{Access, Capabilities, Grant, Mint, Problem, Resource, Right, Scope};
use tower::ServiceExt;

pub(crate) const TOKEN: &str = "an-api-token-0123456789";
pub(crate) const KEY: &[u8] = b"a key of capabilities";

pub(crate) fn clock() -> Clock {
    Clock::starting_at(Timestamp(1_000_000), 7)
}

pub(crate) fn alice() -> Conversation {
    Conversation::new("http", "alice").unwrap()
}

pub(crate) fn capabilities() -> Capabilities {
    Capabilities::new(clock(), KEY).unwrap()
}

pub(crate) fn for_a_minute(right: Right) -> Mint {
    Mint::new(right, Duration::from_secs(60))
}

/// `GET` and `POST /{name}` look at and change the stream of that name of `http:alice`, of which only `there` is there.
pub(crate) fn streams(access: &Access) -> Router {
    async fn look(grant: Grant, Path(name): Path<String>, query: RawQuery) -> Result<Json<Value>, Problem> {
        answer(&grant, &name, Right::Read, query)
    }
    async fn change(grant: Grant, Path(name): Path<String>, query: RawQuery) -> Result<Json<Value>, Problem> {
        answer(&grant, &name, Right::Write, query)
    }
    fn answer(grant: &Grant, name: &str, right: Right, query: RawQuery) -> Result<Json<Value>, Problem> {
        let alice = alice();
        let stream = Resource::Stream(&alice, name);
        grant.check(stream, right)?;
        match name {
            "there" => Ok(Json(json!({ "query": query.0 }))),
            _ => Err(stream.absent()),
        }
    }
    async fn admin(grant: Grant) -> Result<Json<Value>, Problem> {
        grant.needs(Scope::Admin).map(|()| Json(Value::Null))
    }
    access.before(
        Router::new()
            .route("/{name}", routing::get(look).post(change))
            .route("/admin/all", routing::get(admin)),
    )
}

/// A response: the status, the headers apart from the date, and the body.
pub(crate) async fn ask(routes: &Router, request: Request<Body>) -> (Response<()>, String) {
    let (parts, body) = routes.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (Response::from_parts(parts, ()), String::from_utf8(body.to_vec()).unwrap())
}

pub(crate) async fn status(routes: &Router, request: Request<Body>) -> StatusCode {
    ask(routes, request).await.0.status()
}

pub(crate) fn get_with(path: &str, token: &str) -> Request<Body> {
    let request = Request::get(path).header("host", "bot.example.org");
    request.header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()
}

pub(crate) fn post_with(path: &str, token: &str) -> Request<Body> {
    let request = Request::post(path).header("host", "bot.example.org");
    request.header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path).header("host", "bot.example.org").body(Body::empty()).unwrap()
}
