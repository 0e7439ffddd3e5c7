//! `GET`: what is there, at once or, in a long poll, as soon as something comes.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use tertulia::stream::{self, Limit, Page, Stream};

use super::app::{App, Asked, Shared, at, empty, say, value};
use super::pieces::Pieces;
use super::query::{Live, Query};
use super::refusal::Refusal;
use super::{etag, headers, live, sse};
use crate::ProblemKind;
use crate::access::Right;

pub(crate) async fn get(app: &Shared, asked: Asked) -> Result<Response, Refusal> {
    asked.may(Right::Read)?;
    let query = Query::new(asked.parts.uri.query())?;
    let (offset, live) = (query.offset()?, query.live()?);
    let stream = app.stream(&asked.id).await?;
    let from = match (offset, live) {
        (None, Some(_)) => {
            return Err(Refusal::new(ProblemKind::Invalid, "a live read needs the parameter `offset`"));
        }
        (offset, _) => offset.unwrap_or(stream::From::Start),
    };
    match live {
        None => at_once(app, &asked, &stream, from).await,
        Some(Live::LongPoll) => {
            let token = app.token(query.get("cursor")?.as_deref());
            long_poll(app, &asked, &stream, from, token).await
        }
        Some(Live::Sse) => {
            let sent = query.get("cursor")?.map(|sent| sent.into_owned());
            sse::serve(app, asked, stream, from, sent).await
        }
    }
}

impl App {
    /// The token of a live answer.
    pub(crate) fn token(&self, sent: Option<&str>) -> u64 {
        let clock = &self.options.clock;
        live::token(sent, clock.now(), clock.random())
    }

    pub(crate) fn limit(&self) -> Limit {
        Limit { entries: usize::MAX, bytes: self.options.page_bytes }
    }
}

async fn at_once(app: &App, asked: &Asked, stream: &Stream, from: stream::From) -> Result<Response, Refusal> {
    let page = stream.read(from, app.limit()).await?;
    if from != stream::From::End {
        return Ok(paged(app, asked.headers(), stream.content_type(), &page));
    }
    // Where the end is now, nobody may keep.
    let mut response = with_body(stream.content_type(), &page);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn long_poll(
    app: &App,
    asked: &Asked,
    stream: &Stream,
    from: stream::From,
    token: u64,
) -> Result<Response, Refusal> {
    let mut page = stream.read(from, app.limit()).await?;
    if page.is_empty() && page.closed().is_none() {
        let next = page.next();
        // However the wait ends, what is there now is what is answered.
        tokio::select! {
            _ = stream.ready(&next) => {}
            () = tokio::time::sleep(app.options.long_poll) => {}
            () = app.stopping() => {}
        }
        page = stream.read_known(stream::From::At(next), app.limit()).await?;
    }
    let mut response = match page.is_empty() {
        false => paged(app, asked.headers(), stream.content_type(), &page),
        true => {
            let mut response = at(StatusCode::NO_CONTENT, page.next());
            mark(&mut response, &page);
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
    };
    if page.closed().is_none() {
        response.headers_mut().insert(&headers::CURSOR, value(token));
    }
    Ok(response)
}

/// A page that may be kept, or the word that the client has it.
fn paged(app: &App, asked: &HeaderMap, of: &str, page: &Page) -> Response {
    let tag = etag::of(page);
    let mut response = match etag::is_known(asked, &tag) {
        true => {
            let mut response = empty(StatusCode::NOT_MODIFIED);
            mark(&mut response, page);
            response
        }
        false => with_body(of, page),
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, value(tag));
    headers.insert(header::CACHE_CONTROL, app.cache_control());
    response
}

/// What a page says, in the pieces in which it lies in memory.
fn with_body(of: &str, page: &Page) -> Response {
    let pieces: Vec<Bytes> = match page.is_json() {
        false => page.joined().collect(),
        true if page.is_empty() => vec![Bytes::from_static(b"[]")],
        true => {
            let (begin, end) = (Bytes::from_static(b"["), Bytes::from_static(b"]"));
            [begin].into_iter().chain(page.joined()).chain([end]).collect()
        }
    };
    let mut response = Response::new(Body::new(Pieces::new(pieces)));
    if let Ok(content_type) = HeaderValue::from_str(of) {
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    mark(&mut response, page);
    response
}

/// Says where the page ends, and whether the stream ends there too.
fn mark(response: &mut Response, page: &Page) {
    response.headers_mut().insert(&headers::NEXT_OFFSET, value(page.next()));
    if page.is_up_to_date() {
        say(response, &headers::UP_TO_DATE);
    }
    if page.closed().is_some() {
        say(response, &headers::CLOSED);
    }
}
