//! `/v1/events/{*path}`: a stream as a browser's `EventSource` reads it, which comes back by itself where it was.

use std::io::Write;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use tertulia::stream::{self, Cursor, Lost, Page, Resync, Stream};

use super::app::{self, Asked, Shared, empty, finish};
use super::follow::{self, Frames, Until};
use super::frame::{self, Coding};
use super::query::Query;
use super::refusal::Refusal;
use super::{named, path};
use crate::access::{Grant, Right};
use crate::{Problem, ProblemKind};

pub(crate) const METHODS: &str = "GET, OPTIONS";
/// What the id of the last event has behind its cursor, so that its reader is known to have seen the end.
const ENDED: &str = "_end";

/// Where a reader wants to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    from: stream::From,
    /// It has been told of the end.
    ended: bool,
}

pub(crate) async fn serve(State(app): State<Shared>, grant: Grant, request: Request) -> Response {
    finish(answer(&app, grant, request).await)
}

async fn answer(app: &Shared, grant: Grant, request: Request) -> Result<Response, Refusal> {
    if *request.method() != Method::GET {
        return Ok(app::wrong_method(METHODS));
    }
    let path = request.uri().path().split_once(EVENTS).map(|(_, path)| path).unwrap_or_default();
    let id = path::id(path)?;
    let asked = Asked { id, grant, parts: request.into_parts().0 };
    asked.may(Right::Read)?;
    let stream = app.stream(&asked.id).await?;
    let place = place(&asked, &stream).await?;
    let coding = Coding::of(stream.content_type());
    let mut frames = Events { coding, retry: app.options.retry, reset: None };
    let first = match stream.read(place.from, follow::PAGE).await {
        Ok(page) => page,
        // What this reader has seen is said anew, which it is told.
        Err(error) => match error.detail().copied() {
            Some(resync @ Resync { why: Lost::Superseded, earliest }) => {
                frames.reset = Some(resync);
                stream.read(stream::From::At(earliest), follow::PAGE).await?
            }
            _ => return Err(error.into()),
        },
    };
    if place.ended && first.is_empty() && first.closed().is_some() {
        return Ok(empty(StatusCode::NO_CONTENT));
    }
    let until = Until { lasts: None, granted: asked.grant.expires() };
    Ok(follow::answer(app, stream, first, frames, until))
}

/// Where the routes are.
pub(crate) const EVENTS: &str = "/v1/events/";

/// What the reader says it has seen: the header of a browser that comes back, else the query.
async fn place(asked: &Asked, stream: &Stream) -> Result<Place, Refusal> {
    let query = Query::new(asked.parts.uri.query())?;
    if let Some(id) = last_event_id(asked.headers())?.filter(|id| !id.is_empty()) {
        return Ok(seen(id)?);
    }
    if let Some(id) = query.get("last_event_id")? {
        return Ok(seen(&id)?);
    }
    let from = match query.number("starting_after")? {
        None => query.offset()?.unwrap_or(stream::From::Start),
        Some(number) => after(stream, number).await?,
    };
    Ok(Place { from, ended: false })
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let text = headers.get("last-event-id").map(|id| id.to_str());
    text.transpose()
        .map_err(|_| Problem::new(ProblemKind::Invalid, "the Last-Event-ID is not one of this server's"))
}

/// The place that an id stands for.
fn seen(id: &str) -> Result<Place, Problem> {
    let (cursor, ended) = id.strip_suffix(ENDED).map_or((id, false), |cursor| (cursor, true));
    Ok(Place { from: stream::From::At(cursor.parse()?), ended })
}

/// The place after the entry of that number. Entries are numbered from 0.
async fn after(stream: &Stream, number: u64) -> Result<stream::From, Refusal> {
    let info = stream.info().await?;
    let offset = number.saturating_add(1);
    if offset > info.end.offset {
        let text = format!("there is no entry {number} yet, the stream has {}", info.end.offset);
        return Err(Refusal::new(ProblemKind::Invalid, text));
    }
    let cursor = Cursor { offset, branch: info.end.branch };
    Ok(stream::From::At(cursor))
}

struct Events {
    coding: Coding,
    retry: Duration,
    /// What the reader is told first.
    reset: Option<Resync>,
}

impl Frames for Events {
    fn begin(&mut self, out: &mut Vec<u8>) {
        write!(out, "retry:{}\n\n", self.retry.as_millis()).expect("a vector takes everything");
        if let Some(resync) = self.reset.take() {
            reset(&resync, out);
        }
    }

    fn page(&mut self, page: &Page, out: &mut Vec<u8>) {
        // An entry is one event here, and not an array of messages.
        let coding = if self.coding == Coding::Json { Coding::Text } else { self.coding };
        for (next, entry) in page.iter() {
            writeln!(out, "id:{next}").expect("a vector takes everything");
            if let Some(name) = Some(&entry).filter(|_| page.is_json()).and_then(|entry| named::name(entry)) {
                writeln!(out, "event:{name}").expect("a vector takes everything");
            }
            frame::data(out, coding, [&entry[..]].into_iter());
            out.push(b'\n');
        }
        if let Some(how) = page.closed() {
            let next = page.next();
            write!(out, "id:{next}{ENDED}\nevent:end\ndata:{how}\n\n").expect("a vector takes everything");
        }
    }

    fn reset(&mut self, resync: &Resync, out: &mut Vec<u8>) -> Option<Cursor> {
        (resync.why != Lost::Foreign).then(|| {
            reset(resync, out);
            resync.earliest
        })
    }

    /// An event and not a comment, which scripts would not see.
    fn idle(&mut self, next: Cursor, out: &mut Vec<u8>) {
        write!(out, "event:ping\ndata:{next}\n\n").expect("a vector takes everything");
    }
}

/// What was read after this place is superseded and is said anew, or what comes next was dropped because the reader is
/// too far behind.
fn reset(resync: &Resync, out: &mut Vec<u8>) {
    let (earliest, why) =
        (resync.earliest, if resync.why == Lost::Superseded { "superseded" } else { "trimmed" });
    let event =
        format_args!("id:{earliest}\nevent:reset\ndata:{{\"from\":\"{earliest}\",\"why\":\"{why}\"}}\n\n");
    out.write_fmt(event).expect("a vector takes everything");
}

#[cfg(test)]
mod tests {
    use tertulia::stream::BranchId;

    use super::*;

    #[test]
    fn the_id_of_the_end_says_that_it_was_seen() {
        let cursor = Cursor { offset: 3, branch: BranchId(9) };
        let from = stream::From::At(cursor);
        assert_eq!(seen(&cursor.to_string()).unwrap(), Place { from, ended: false });
        assert_eq!(seen(&format!("{cursor}{ENDED}")).unwrap(), Place { from, ended: true });
        for id in ["7", "_end", "", "now", "-1_end"] {
            assert!(seen(id).is_err(), "{id}");
        }
    }
}
