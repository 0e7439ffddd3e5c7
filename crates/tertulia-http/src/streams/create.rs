//! `PUT`: makes a stream, empty, with its first entries, or as a fork of another one.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use tertulia::error::Kind;
use tertulia::stream::{self, CreateOptions, Created, Expiry, ForkFrom, Info};

use super::app::{Asked, Shared, may};
use super::durable::described;
use super::headers::Fork;
use super::refusal::Refusal;
use super::{headers, json};
use crate::access::{Grant, Right};
use crate::{Problem, ProblemKind};

/// What a stream is of that is not said to be of anything.
const UNKNOWN: &str = "application/octet-stream";

pub(crate) async fn put(app: &Shared, asked: Asked, body: Body) -> Result<Response, Refusal> {
    asked.may(Right::Write)?;
    let Asked { id, grant, parts } = asked;
    let given = headers::content_type(&parts.headers)?;
    let expiry = headers::expiry(&parts.headers)?;
    let closed = headers::closes(&parts.headers);
    let body = app.body(body).await?;
    let mut options = CreateOptions { closed, ..CreateOptions::default() };
    let fork = match headers::fork(&parts.headers)? {
        None => {
            options.content_type = given.unwrap_or(UNKNOWN).to_owned();
            options.expiry = expiry.unwrap_or(Expiry::Never);
            None
        }
        Some(fork) => Some(inherit(app, &grant, fork, given, expiry, &mut options).await?),
    };
    if !body.is_empty() {
        options.entries = match headers::is_json(&options.content_type) {
            true => json::messages(&body)?,
            false => vec![body],
        };
    }
    let wanted = Wanted { content_type: options.content_type.clone(), expiry: options.expiry, closed, fork };
    match app.streams.create(&id, options).await.map_err(|error| not_free(error, ProblemKind::Exists))? {
        Created::New(stream) => {
            let mut response = described(StatusCode::CREATED, &stream.info().await?);
            response.headers_mut().insert(header::LOCATION, location(&parts));
            Ok(response)
        }
        Created::Existing(stream) => {
            let info = stream.info().await?;
            match wanted.is(&info) {
                true => Ok(described(StatusCode::OK, &info)),
                false => {
                    let text = "there is a stream of another type, expiry, state or origin in its place";
                    Err(Refusal::new(ProblemKind::Exists, text))
                }
            }
        }
    }
}

/// What is the same each time the same is asked for.
struct Wanted {
    content_type: String,
    expiry: Expiry,
    closed: bool,
    /// What was asked for, and where it begins if that was said.
    fork: Option<(ForkFrom, bool)>,
}

impl Wanted {
    fn is(&self, info: &Info) -> bool {
        let of_origin = match (&self.fork, &info.origin) {
            (None, None) => true,
            (Some((fork, is_placed)), Some(origin)) => {
                let place = fork.at.map(|at| at.offset);
                fork.source == origin.source
                    && fork.sub == origin.sub
                    && (!is_placed || place == Some(origin.at.offset))
            }
            _ => false,
        };
        let of_type =
            headers::essence(&self.content_type).eq_ignore_ascii_case(headers::essence(&info.content_type));
        of_origin && of_type && self.expiry == info.expiry && self.closed == info.closed.is_some()
    }
}

/// Takes from the source what the request does not say.
///
/// # Errors
/// `NotFound` if there is no source; `Conflict` if it is deleted; `TypeMismatch`.
async fn inherit(
    app: &Shared,
    grant: &Grant,
    fork: Fork,
    given: Option<&str>,
    expiry: Option<Expiry>,
    options: &mut CreateOptions,
) -> Result<(ForkFrom, bool), Refusal> {
    let Fork { source, at, sub } = fork;
    may(grant, &source, Right::Read)?;
    let found = app.streams.get(&source).await.map_err(|error| not_free(error, ProblemKind::Conflict))?;
    let info = found.ok_or_else(Refusal::absent)?.info().await?;
    if given.is_some_and(|given| {
        !headers::essence(given).eq_ignore_ascii_case(headers::essence(&info.content_type))
    }) {
        let text = format!("the stream to be forked is of type {}", info.content_type);
        return Err(Problem::new(ProblemKind::TypeMismatch, text).into());
    }
    let place = match at {
        None | Some(stream::From::End) => None,
        Some(stream::From::Start) => Some(info.start),
        Some(stream::From::At(cursor)) => Some(cursor),
    };
    if place.is_none() && sub > 0 {
        return Err(Refusal::new(
            ProblemKind::Invalid,
            "there is nothing after the end of the stream to be forked",
        ));
    }
    let fork = ForkFrom { source, at: place, sub };
    options.content_type = info.content_type;
    options.expiry = expiry.unwrap_or(info.expiry);
    options.fork = Some(fork.clone());
    Ok((fork, at.is_some()))
}

/// A name that is kept for the sake of forks is not free; a place to fork at that is not there is a wrong one.
fn not_free(error: tertulia::Error, kind: ProblemKind) -> Refusal {
    if error.kind() != Kind::Gone {
        return error.into();
    }
    match error.detail::<stream::Resync>() {
        Some(_) => Refusal::new(ProblemKind::Invalid, "the Stream-Fork-Offset is no offset of that stream"),
        None => Refusal::new(kind, "the stream was deleted, and others that were forked from it are left"),
    }
}

/// Where the stream is, as the client wrote it.
fn location(parts: &Parts) -> HeaderValue {
    let path = parts.uri.path();
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let secure = parts.headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let scheme = if secure { "https" } else { "http" };
    let url = host.map_or_else(|| path.to_owned(), |host| format!("{scheme}://{host}{path}"));
    HeaderValue::try_from(url).expect("a path and a host are plain")
}
