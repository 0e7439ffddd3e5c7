//! Who may ask: holders of the token, or, without one, programs on this machine but no web page.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header, uri::Authority};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::options::digest;
use crate::router::Shared;
use crate::{Problem, ProblemKind};

/// Lets a request through or refuses it, before anything of its body is read.
pub(crate) async fn check(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let allowed = match &shared.options.token {
        Some(expected) => bearer(request.headers(), expected),
        None => local(&request),
    };
    match allowed {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn bearer(headers: &HeaderMap, expected: &[u8; 32]) -> Result<(), Problem> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let token = given.next().filter(|_| given.next().is_none()).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    match token {
        Some(token) if digest(token) == *expected => Ok(()),
        Some(_) => Err(Problem::new(ProblemKind::Unauthorized, "the token is not the right one")),
        None => {
            Err(Problem::new(ProblemKind::Unauthorized, "a header `Authorization: Bearer <token>` is needed"))
        }
    }
}

/// A browser says where a page that posts comes from; and a page that had its own name point at this machine would
/// carry that name as the host.
fn local(request: &Request) -> Result<(), Problem> {
    let text = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text(header::HOST).or_else(|| request.uri().authority().map(Authority::as_str));
    let Some(host) = host else { return Ok(()) };
    if !names_this_machine(host) {
        let message = "without a token only requests to localhost or to an IP address are answered";
        return Err(Problem::new(ProblemKind::Forbidden, message));
    }
    match text(header::ORIGIN) {
        Some(origin) if origin.split_once("://").is_none_or(|(_, of)| of != host) => {
            Err(Problem::new(ProblemKind::Forbidden, "without a token no page of another origin is answered"))
        }
        _ => Ok(()),
    }
}

fn names_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}
