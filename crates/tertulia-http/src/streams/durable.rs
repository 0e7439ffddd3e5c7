//! `/v1/stream/{*path}`: a stream as the Durable Streams protocol knows it.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use tertulia::stream::{Expiry, Info};

use super::app::{self, Asked, Shared, at, empty, finish, say, value};
use super::refusal::Refusal;
use super::{append, create, headers, path, read, rfc3339};
use crate::access::{Grant, Right};
use crate::{Problem, ProblemKind};

pub(crate) const METHODS: &str = "GET, HEAD, POST, PUT, DELETE, OPTIONS";

pub(crate) async fn serve(State(app): State<Shared>, grant: Grant, request: Request) -> Response {
    finish(answer(&app, grant, request).await)
}

async fn answer(app: &Shared, grant: Grant, request: Request) -> Result<Response, Refusal> {
    let method = match *request.method() {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::DELETE => request.method().clone(),
        _ => return Ok(app::wrong_method(METHODS)),
    };
    let path = path::of_stream(request.uri().path());
    let path = path.ok_or_else(|| Problem::new(ProblemKind::NotFound, "there is no such path"))?;
    let id = path::id(path)?;
    let (parts, body) = request.into_parts();
    let asked = Asked { id, grant, parts };
    match method {
        Method::GET => read::get(app, asked).await,
        Method::HEAD => head(app, asked).await,
        Method::POST => append::post(app, asked, body).await,
        Method::PUT => create::put(app, asked, body).await,
        _ => delete(app, asked).await,
    }
}

/// What the stream is, without anything of it. Does not keep it alive.
async fn head(app: &Shared, asked: Asked) -> Result<Response, Refusal> {
    asked.may(Right::Read)?;
    let info = app.stream(&asked.id).await?.info().await?;
    let mut response = described(StatusCode::OK, &info);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match info.expiry {
        Expiry::Never => {}
        Expiry::Sliding(ttl) => drop(headers.insert(&headers::TTL, value(ttl.as_secs()))),
        Expiry::At(moment) => drop(headers.insert(&headers::EXPIRES_AT, value(rfc3339::format(moment)))),
    }
    Ok(response)
}

async fn delete(app: &Shared, asked: Asked) -> Result<Response, Refusal> {
    asked.may(Right::Write)?;
    match app.streams.delete(&asked.id).await? {
        true => Ok(empty(StatusCode::NO_CONTENT)),
        false => Err(Refusal::absent()),
    }
}

/// Where a stream ends, of what type it is, and whether it is closed.
pub(crate) fn described(status: StatusCode, info: &Info) -> Response {
    let mut response = at(status, info.end);
    if let Ok(content_type) = HeaderValue::from_str(&info.content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    if info.closed.is_some() {
        say(&mut response, &headers::CLOSED);
    }
    *response.body_mut() = Body::empty();
    response
}
