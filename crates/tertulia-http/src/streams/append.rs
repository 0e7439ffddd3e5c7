//! `POST`: appends to a stream, closes it, or both at once.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use tertulia::stream::{Append, Appended, End, Refused, Stream};

use super::app::{Asked, Shared, at, say, value};
use super::refusal::Refusal;
use super::{headers, json};
use crate::access::Right;
use crate::{Problem, ProblemKind};

pub(crate) async fn post(app: &Shared, asked: Asked, body: Body) -> Result<Response, Refusal> {
    asked.may(Right::Write)?;
    let Asked { id, parts, .. } = asked;
    let closes = headers::closes(&parts.headers);
    let producer = headers::producer(&parts.headers)?;
    let seq = headers::sequence(&parts.headers)?;
    let body = app.body(body).await?;
    let stream = app.stream(&id).await?;
    let is_empty = body.is_empty();
    let entries = match is_empty {
        true if closes => Vec::new(),
        true => return Err(invalid("the body is empty, and the header Stream-Closed is not there")),
        false => {
            let given = headers::content_type(&parts.headers)?;
            let given = given.ok_or_else(|| invalid("the header Content-Type is missing"))?;
            match entries(stream.content_type(), given, body) {
                Ok(entries) if entries.is_empty() => return Err(invalid("the array is empty")),
                Ok(entries) => entries,
                Err(problem) => return Err(closed_first(&stream, problem).await?),
            }
        }
    };
    let told = producer.as_ref().map(|producer| (producer.epoch, producer.seq));
    let close = closes.then_some(End::Complete);
    let appended = stream.write(Append { entries, producer, seq, close }).await?;
    Ok(answer(appended, told, closes, is_empty))
}

fn answer(appended: Appended, producer: Option<(u64, u64)>, closes: bool, is_empty: bool) -> Response {
    let (end, is_new, last) = match appended {
        Appended::New(end) => (end, true, None),
        Appended::Duplicate { end, last } => (end, false, last),
    };
    let status = match producer {
        Some(_) if is_new && !is_empty => StatusCode::OK,
        _ => StatusCode::NO_CONTENT,
    };
    let mut response = at(status, end);
    if closes {
        say(&mut response, &headers::CLOSED);
    }
    if let Some((epoch, seq)) = producer {
        let headers = response.headers_mut();
        headers.insert(&headers::PRODUCER_EPOCH, value(epoch));
        headers.insert(&headers::PRODUCER_SEQ, value(last.unwrap_or(seq)));
    }
    response
}

/// The entries of a body, which has to be of the stream's type.
fn entries(of: &str, given: &str, body: Bytes) -> Result<Vec<Bytes>, Problem> {
    if !headers::essence(of).eq_ignore_ascii_case(headers::essence(given)) {
        let text = format!("the stream is of type {of}");
        return Err(Problem::new(ProblemKind::TypeMismatch, text));
    }
    match headers::is_json(of) {
        true => json::messages(&body),
        false => Ok(vec![body]),
    }
}

/// Whatever else is wrong, a closed stream is told first: it will never take anything.
async fn closed_first(stream: &Stream, problem: Problem) -> Result<Refusal, Refusal> {
    let info = stream.info().await?;
    Ok(match info.closed {
        Some(how) => Refusal::from(&Refused::Closed { end: info.end, how }),
        None => problem.into(),
    })
}

fn invalid(text: &str) -> Refusal {
    Refusal::new(ProblemKind::Invalid, text)
}
