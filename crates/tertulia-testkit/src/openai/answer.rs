//! Answers a request, as far as its fate lets it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, header};
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;

use super::asked::Ended;
use super::frames::{error, frame, frames, whole};
use super::state::Shared;
use super::turn::{Fate, Turn};

/// `POST /v1/chat/completions`
pub(super) async fn completions(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let key = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = key.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
    let (streams, usage) = (body["stream"] == true, body["stream_options"]["include_usage"] == true);
    let (number, turn) = shared.ask(body, key);
    if let Fate::Refused(status, after) = turn.fate {
        shared.end(number, Ended::Given);
        return refused(status, after);
    }
    if !streams {
        shared.end(number, Ended::Given);
        return json(StatusCode::OK, &whole(&turn, number));
    }
    let pace = turn.pace.map_or(shared.pace, Duration::from_millis);
    let answering = Answering { shared, number, ended: false };
    let pieces = fated(&turn, frames(&turn, number, usage)).into_iter();
    let body = stream::unfold((answering, pieces), move |(mut answering, mut pieces)| async move {
        let piece = pieces.next();
        if matches!(&piece, Some(Piece::Says(_))) && !pace.is_zero() {
            tokio::time::sleep(pace).await;
        }
        let item = match piece {
            Some(Piece::Says(bytes)) => Ok(bytes),
            Some(Piece::Hangs) => std::future::pending().await,
            Some(Piece::Cuts) => {
                // What was said before is sent first.
                tokio::task::yield_now().await;
                answering.given();
                Err(io::Error::other("cut"))
            }
            None => {
                answering.given();
                return None;
            }
        };
        Some((item, (answering, pieces)))
    });
    let response = Response::builder().header(header::CONTENT_TYPE, "text/event-stream");
    response.body(Body::from_stream(body)).expect("the parts are right")
}

/// A piece of a body.
enum Piece {
    Says(Bytes),
    Hangs,
    Cuts,
}

/// What of the events is given.
fn fated(turn: &Turn, frames: Vec<Bytes>) -> Vec<Piece> {
    let events = |count: usize| frames.iter().take(count).cloned().map(Piece::Says);
    let bytes = |mut left: usize, then: Piece| {
        let cut = frames.iter().map_while(|frame| {
            let taken = frame.slice(..frame.len().min(left));
            left -= taken.len();
            (!taken.is_empty()).then_some(Piece::Says(taken))
        });
        let mut cut: Vec<_> = cut.collect();
        cut.push(then);
        cut
    };
    match turn.fate {
        Fate::Whole | Fate::Refused(..) => events(frames.len()).collect(),
        Fate::Cut(after) => bytes(after, Piece::Cuts),
        Fate::Hang(after) => bytes(after, Piece::Hangs),
        Fate::Short(after) => events(after).collect(),
        Fate::Fails(after, status) => events(after).chain([Piece::Says(frame(&error(status)))]).collect(),
        Fate::Malformed(after) => {
            events(after).chain([Piece::Says(Bytes::from_static(b"data: {\"choices\":[{\n\n"))]).collect()
        }
    }
}

fn refused(status: u16, after: Option<u64>) -> Response<Body> {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(code, &error(status));
    if let Some(seconds) = after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn json(status: StatusCode, body: &Value) -> Response<Body> {
    let response = Response::builder().status(status).header(header::CONTENT_TYPE, "application/json");
    response.body(Body::from(body.to_string())).expect("the parts are right")
}

/// An answer under way: dropped before its end, whoever asked has left.
#[derive(Debug)]
struct Answering {
    shared: Arc<Shared>,
    number: usize,
    ended: bool,
}

impl Answering {
    fn given(&mut self) {
        self.ended = true;
        self.shared.end(self.number, Ended::Given);
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if !self.ended {
            self.shared.end(self.number, Ended::Left);
        }
    }
}
