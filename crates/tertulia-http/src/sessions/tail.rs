//! `GET ../tail`: a session as server-sent events, the value and then JSON Patches.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::unfold;
use serde_json::Value;
use tertulia::error::Kind;
use tertulia::session::Live;
use tokio::time::Instant;

use super::condition::tag;
use super::route::{Place, Shared};
use crate::{Gate, Grant, Problem, Right};

const LAST_EVENT_ID: &str = "last-event-id";
/// The wait after the storage could not be asked.
const AGAIN: Duration = Duration::from_secs(1);

/// Somebody follows a session.
struct Follower {
    live: Live,
    /// What is to be sent first.
    first: Option<Bytes>,
    heartbeat: Duration,
    until: Instant,
    gate: Option<Gate>,
}

/// Events are `snapshot` with the value, `null` if it is not stored; `patch` with the operations of a JSON Patch; `ping`.
/// The id of the first two is the tag of the value that is there then. Whoever names one that is current (`Last-Event-ID`)
/// gets no snapshot.
pub(super) async fn follow(
    State(shared): State<Shared>,
    grant: Grant,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let place = Place::find(&shared, path, &grant, Right::Read)?;
    let options = &shared.options;
    let live = place.face.follow(&place.conversation).await?;
    let tag = tag(live.value(), live.logs());
    let known = request.headers().get(LAST_EVENT_ID).is_some_and(|id| id.as_bytes() == tag.as_bytes());
    let first = match known {
        true => Bytes::from_static(b"retry: 1000\n\n"),
        false => format!("retry: 1000\n{}", event("snapshot", &tag, live.value())).into(),
    };
    let follower = Follower {
        live,
        first: Some(first),
        heartbeat: options.heartbeat,
        until: Instant::now() + grant.lasts().map_or(options.tail_for, |lasts| lasts.min(options.tail_for)),
        gate: options.gate.clone(),
    };
    let events = unfold(follower, async |mut follower| {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, Body::from_stream(events)).into_response())
}

impl Follower {
    /// The next event; `None` when it is to come back.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let Self { live, heartbeat, until, gate, .. } = self;
        let closed = async {
            match gate {
                Some(gate) => gate.closed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = closed => None,
            () = tokio::time::sleep_until(*until) => None,
            event = change(live) => event,
            () = tokio::time::sleep(*heartbeat) => Some(Bytes::from_static(b"event: ping\ndata: {}\n\n")),
        }
    }
}

/// What changes next; `None` if that cannot be found out.
async fn change(live: &mut Live) -> Option<Bytes> {
    loop {
        match live.changed().await {
            Ok(operations) => {
                let tag = tag(live.value(), live.logs());
                return Some(event("patch", &tag, &serde_json::json!(operations)).into());
            }
            Err(error) if matches!(error.kind(), Kind::Unavailable | Kind::Conflict | Kind::Timeout) => {
                tokio::time::sleep(AGAIN).await;
            }
            Err(error) => {
                tracing::error!(%error, "a session cannot be followed");
                return None;
            }
        }
    }
}

/// JSON has no line breaks but between its parts, and none are written there: nothing can pass for another event.
fn event(name: &str, id: &str, data: &Value) -> String {
    format!("event: {name}\nid: {id}\ndata: {data}\n\n")
}
