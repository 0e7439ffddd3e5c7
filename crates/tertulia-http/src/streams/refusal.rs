//! A problem with the headers that tell a client of Durable Streams what to do next.

use std::borrow::Cow;

use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use tertulia::Error;
use tertulia::stream::{Refused, Resync};

use super::headers;
use crate::{Problem, ProblemKind};

/// Why a request about a stream failed.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) problem: Box<Problem>,
    headers: Vec<(&'static HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(crate) fn new(kind: ProblemKind, message: impl Into<String>) -> Self {
        Problem::new(kind, message).into()
    }

    /// There is no such stream; who may not know of one is told the same.
    pub(crate) fn absent() -> Self {
        Self::new(ProblemKind::NotFound, "there is no such stream")
    }

    fn with(mut self, name: &'static HeaderName, value: impl ToString) -> Self {
        let value = HeaderValue::try_from(value.to_string()).expect("numbers and cursors are plain");
        self.headers.push((name, value));
        self
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem), headers: Vec::new() }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        if let Some(Resync { earliest, .. }) = error.detail() {
            let text = "the cursor is of what is no longer there, read again from the earliest one";
            let earliest = earliest.to_string();
            return Problem::new(ProblemKind::ResyncRequired, text).earliest(earliest).into();
        }
        match error.detail::<Refused>() {
            Some(refused) => of(refused),
            None => Problem::from(error).into(),
        }
    }
}

impl From<&Refused> for Refusal {
    fn from(refused: &Refused) -> Self {
        of(refused)
    }
}

fn of(refused: &Refused) -> Refusal {
    let (kind, text): (_, Cow<'_, str>) = match refused {
        Refused::Closed { .. } => (ProblemKind::Closed, "the stream is closed and takes nothing more".into()),
        Refused::StaleEpoch { .. } => {
            (ProblemKind::Fenced, "a later epoch of this producer has begun".into())
        }
        Refused::Gap { expected, received } => {
            (ProblemKind::Gap, format!("the producer's sequence {expected} comes before {received}").into())
        }
        Refused::EpochBegin { .. } => {
            (ProblemKind::Invalid, "a producer's epoch begins with sequence 0".into())
        }
        Refused::Sequence { last } => {
            (ProblemKind::Conflict, format!("the Stream-Seq is not greater than the last, `{last}`").into())
        }
        Refused::Superseded => (ProblemKind::Fenced, "a later attempt writes this stream".into()),
    };
    let refusal = Refusal::new(kind, text);
    match refused {
        Refused::Closed { end, .. } => {
            refusal.with(&headers::CLOSED, "true").with(&headers::NEXT_OFFSET, end)
        }
        Refused::StaleEpoch { current } => refusal.with(&headers::PRODUCER_EPOCH, current),
        Refused::Gap { expected, received } => {
            refusal.with(&headers::PRODUCER_EXPECTED, expected).with(&headers::PRODUCER_RECEIVED, received)
        }
        _ => refusal,
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.problem.into_response();
        let headers = response.headers_mut();
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response
    }
}
