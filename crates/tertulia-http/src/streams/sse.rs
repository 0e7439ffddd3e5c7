//! `live=sse`: a stream of Durable Streams as server-sent events, `data` and `control`.

use std::io::Write;

use axum::http::HeaderValue;
use axum::response::Response;
use bytes::Bytes;
use tertulia::Clock;
use tertulia::stream::{self, Cursor, Page, Resync, Stream};

use super::app::{Asked, Shared};
use super::follow::{self, Frames, Until};
use super::frame::{self, Coding};
use super::refusal::Refusal;
use super::{headers, live};

/// Answers with what is there and what comes. `sent` is the token of the last live answer.
pub(crate) async fn serve(
    app: &Shared,
    asked: Asked,
    stream: Stream,
    from: stream::From,
    sent: Option<String>,
) -> Result<Response, Refusal> {
    let first = stream.read(from, follow::PAGE).await?;
    let coding = Coding::of(stream.content_type());
    let frames = Durable { coding, sent, clock: app.options.clock.clone() };
    let until = Until { lasts: Some(app.options.sse), granted: asked.grant.expires() };
    let mut response = follow::answer(app, stream, first, frames, until);
    if coding == Coding::Base64 {
        response.headers_mut().insert(&headers::SSE_ENCODING, HeaderValue::from_static("base64"));
    }
    Ok(response)
}

struct Durable {
    coding: Coding,
    /// The token of the client's last answer.
    sent: Option<String>,
    clock: Clock,
}

impl Frames for Durable {
    fn begin(&mut self, _: &mut Vec<u8>) {}

    fn page(&mut self, page: &Page, out: &mut Vec<u8>) {
        if !page.is_empty() {
            let pieces: Vec<Bytes> = page.joined().collect();
            let bytes: usize = pieces.iter().map(Bytes::len).sum();
            out.reserve(bytes + bytes / 2 + 160);
            out.extend_from_slice(b"event: data\n");
            frame::data(out, self.coding, pieces.iter().map(|piece| &piece[..]));
            out.push(b'\n');
        }
        let next = page.next();
        write!(out, "event: control\ndata:{{\"streamNextOffset\":\"{next}\"")
            .expect("a vector takes everything");
        if page.closed().is_some() {
            out.extend_from_slice(b",\"upToDate\":true,\"streamClosed\":true}\n\n");
            return;
        }
        let token = live::token(self.sent.as_deref(), self.clock.now(), self.clock.random());
        write!(out, ",\"streamCursor\":\"{token}\"").expect("a vector takes everything");
        if page.is_up_to_date() {
            out.extend_from_slice(b",\"upToDate\":true");
        }
        out.extend_from_slice(b"}\n\n");
    }

    /// The protocol has no word for it; the client is told when it comes back.
    fn reset(&mut self, _: &Resync, _: &mut Vec<u8>) -> Option<Cursor> {
        None
    }

    /// A comment, which clients pass over.
    fn idle(&mut self, _: Cursor, out: &mut Vec<u8>) {
        out.extend_from_slice(b": nothing new\n\n");
    }
}
