//! What all requests about streams share, and what each of them goes through.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tertulia::stream::{Cursor, Stream, StreamId, Streams};

use super::refusal::Refusal;
use super::{StreamsHttpOptions, headers};
use crate::access::{Grant, Resource, Right};
use crate::{Problem, ProblemKind};

static RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
static TRUE: HeaderValue = HeaderValue::from_static("true");

/// The streams and the bounds.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) streams: Streams,
    pub(crate) options: StreamsHttpOptions,
}

pub(crate) type Shared = Arc<App>;

/// A request about one stream.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) id: StreamId,
    pub(crate) grant: Grant,
    pub(crate) parts: Parts,
}

impl App {
    /// The stream that is asked for.
    ///
    /// # Errors
    /// `NotFound` if there is none; `Gone` if there was one whose name is not free.
    pub(crate) async fn stream(&self, id: &StreamId) -> Result<Stream, Refusal> {
        self.streams.get(id).await?.ok_or_else(Refusal::absent)
    }

    /// Resolves when the server stops. Cancel safe.
    pub(crate) fn stopping(&self) -> impl Future<Output = ()> + Send + use<> {
        let gate = self.options.gate.clone();
        async move {
            match gate {
                Some(gate) => gate.closed().await,
                None => std::future::pending().await,
            }
        }
    }

    /// How a page may be cached.
    pub(crate) fn cache_control(&self) -> HeaderValue {
        HeaderValue::from_static(match self.options.public {
            true => "public, max-age=60, stale-while-revalidate=300",
            false => "private, max-age=60, stale-while-revalidate=300",
        })
    }

    /// The body of a request.
    ///
    /// # Errors
    /// `TooLarge`, before anything is read if the headers tell; `SlowBody`; `Invalid` if it ended early.
    ///
    /// # Cancel safety
    /// If dropped, what was read is lost.
    pub(crate) async fn body(&self, body: Body) -> Result<Bytes, Problem> {
        let StreamsHttpOptions { body_bytes, body_within, .. } = self.options;
        super::body::read(body, body_bytes, body_within).await
    }
}

impl Asked {
    /// Refuses what may not be done with the stream.
    ///
    /// # Errors
    /// What the grant says.
    pub(crate) fn may(&self, right: Right) -> Result<(), Problem> {
        may(&self.grant, &self.id, right)
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }
}

/// Refuses what may not be done with a stream.
///
/// # Errors
/// What the grant says.
pub(crate) fn may(grant: &Grant, id: &StreamId, right: Right) -> Result<(), Problem> {
    grant.check(Resource::Stream(id.conversation(), id.name()), right)
}

/// A response without a body.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// A response that names a place in its stream.
pub(crate) fn at(status: StatusCode, next: Cursor) -> Response {
    let mut response = empty(status);
    response.headers_mut().insert(&headers::NEXT_OFFSET, value(next));
    response
}

/// Says `true`.
pub(crate) fn say(response: &mut Response, name: &'static HeaderName) {
    response.headers_mut().insert(name, TRUE.clone());
}

/// A number, a cursor or another plain text as the value of a header.
pub(crate) fn value(text: impl ToString) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(text.to_string())).expect("numbers and cursors are plain")
}

/// An answer or a refusal, as it is sent.
pub(crate) fn finish(answer: Result<Response, Refusal>) -> Response {
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    protect(&mut response);
    response
}

/// What each answer says to browsers: that it is what its type says, that no other page may embed it, and that it runs
/// nothing, since anybody may have written it.
fn protect(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(&RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let is_inert = kind.is_empty() || kind.starts_with(b"application/json") || kind == b"text/event-stream";
    if !is_inert {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    }
}

/// What a path answers to a method it does not know.
pub(crate) fn wrong_method(allowed: &'static str) -> Response {
    let problem = Problem::new(ProblemKind::MethodNotAllowed, "this path does not know that method");
    let mut response = problem.into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// Says what could be asked. Which origins may ask is said elsewhere.
pub(crate) fn preflight(allowed: &'static str) -> Response {
    let mut response = empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(allowed));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(headers::ASKED));
    protect(&mut response);
    response
}
