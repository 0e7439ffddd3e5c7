//! Finds out what a request may do: by its token, or, where none is asked for, by where it comes from.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header, uri::Authority};
use sha2::{Digest, Sha256};

use super::{Capabilities, Grant, Origins, Scopes};
use crate::{Problem, ProblemKind};

/// Who may use routes. Cheap to clone.
///
/// Without an API token only requests that name this machine as their host, and no other origin, are answered: no web page
/// can make them, and they may do everything. With API tokens every request needs one of them, or a
/// [capability](Capabilities).
#[derive(Clone, Default)]
pub struct Access(Arc<Inner>);

#[derive(Clone, Default)]
struct Inner {
    tokens: Vec<ApiToken>,
    capabilities: Option<Capabilities>,
    origins: Origins,
}

#[derive(Clone)]
struct ApiToken {
    name: String,
    /// Tokens are compared by their digests, so that the time it takes tells nothing about them.
    digest: [u8; 32],
    scopes: Scopes,
}

/// A credential as it was presented.
enum Presented<'a> {
    Header(&'a str),
    Query(&'a str),
}

impl Access {
    /// Only for programs on this machine, until a token is added.
    pub fn local() -> Self {
        Self::default()
    }

    /// Lets in whoever has this token, to do what the scopes say. The name is for people.
    #[must_use]
    pub fn token(mut self, name: &str, token: &str, scopes: Scopes) -> Self {
        let digest = Sha256::digest(token).into();
        Arc::make_mut(&mut self.0).tokens.push(ApiToken { name: name.to_owned(), digest, scopes });
        self
    }

    /// Lets in holders of capability tokens, which [`router`](crate::router()) then mints too.
    #[must_use]
    pub fn capabilities(mut self, capabilities: Capabilities) -> Self {
        Arc::make_mut(&mut self.0).capabilities = Some(capabilities);
        self
    }

    /// Lets pages of these origins use the routes, each with a token.
    #[must_use]
    pub fn origins(mut self, origins: Origins) -> Self {
        Arc::make_mut(&mut self.0).origins = origins;
        self
    }

    /// What mints capability tokens, if they are used.
    pub(super) fn mints(&self) -> Option<&Capabilities> {
        self.0.capabilities.as_ref()
    }

    pub(super) fn pages(&self) -> &Origins {
        &self.0.origins
    }

    /// What a request may do. A credential is `Authorization: Bearer ..`; a capability for queries may also be the
    /// parameter `token` of a `GET`.
    ///
    /// A capability that is forged, expired, or not for a query is no error: it gives a grant that opens nothing, which
    /// is answered as if what is asked for were not there.
    ///
    /// # Errors
    /// `Unauthorized` if there is no credential where one is needed, more than one, or an API token that is not known;
    /// `Forbidden` for what comes from a web page or over another name where none is needed.
    pub fn check(&self, parts: &Parts) -> Result<Grant, Problem> {
        let Inner { tokens, capabilities, .. } = &*self.0;
        let (text, in_query) = match presented(parts) {
            Ok(Some(Presented::Header(text))) => (text, false),
            Ok(Some(Presented::Query(text))) => (text, true),
            _ if tokens.is_empty() => return local(parts),
            Ok(None) => return Err(unauthorized("a header `Authorization: Bearer <token>` is needed")),
            Err(problem) => return Err(problem),
        };
        if Capabilities::is_one(text) {
            let read = capabilities.as_ref().and_then(|capabilities| capabilities.read(text));
            return Ok(Grant::capability(read.filter(|(capability, _)| capability.query || !in_query)));
        }
        if tokens.is_empty() {
            return local(parts);
        }
        if in_query {
            return Err(unauthorized("an API token is not taken from a query, it belongs in a header"));
        }
        let digest: [u8; 32] = Sha256::digest(text).into();
        let known = tokens.iter().find(|token| token.digest == digest);
        known
            .map(|token| Grant::token(token.scopes))
            .ok_or_else(|| unauthorized("the token is not the right one"))
    }
}

/// The credential of a request.
///
/// # Errors
/// `Unauthorized` if there is more than one.
fn presented(parts: &Parts) -> Result<Option<Presented<'_>>, Problem> {
    let header = bearer(&parts.headers)?.map(Presented::Header);
    let mut queried = match parts.method {
        Method::GET => parts.uri.query().unwrap_or_default(),
        _ => "",
    }
    .split('&')
    .filter_map(|pair| pair.strip_prefix("token="));
    let query = queried.next().map(Presented::Query);
    match (header, query, queried.next()) {
        (header, None, _) => Ok(header),
        (None, query, None) => Ok(query),
        _ => Err(unauthorized("there is more than one token")),
    }
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = given.next() else { return Ok(None) };
    let wrong = || unauthorized("a header `Authorization: Bearer <token>` is needed, once");
    let value = value.to_str().ok().filter(|_| given.next().is_none()).ok_or_else(wrong)?;
    let (scheme, token) = value.split_once(' ').ok_or_else(wrong)?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Some(token.trim())).ok_or_else(wrong)
}

fn unauthorized(text: &str) -> Problem {
    Problem::new(ProblemKind::Unauthorized, text)
}

/// A browser says where a page that posts comes from; and a page that had its own name point at this machine would
/// carry that name as the host.
fn local(parts: &Parts) -> Result<Grant, Problem> {
    let text = |name| parts.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text(header::HOST).or_else(|| parts.uri.authority().map(Authority::as_str));
    let Some(host) = host else { return Ok(Grant::local()) };
    if !names_this_machine(host) {
        let message = "without a token only requests to localhost or to an IP address are answered";
        return Err(Problem::new(ProblemKind::Forbidden, message));
    }
    match text(header::ORIGIN) {
        Some(origin) if origin.split_once("://").is_none_or(|(_, of)| of != host) => {
            Err(Problem::new(ProblemKind::Forbidden, "without a token no page of another origin is answered"))
        }
        _ => Ok(Grant::local()),
    }
}

fn names_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tokens = self.0.tokens.iter().map(|token| (&token.name, token.scopes));
        f.debug_struct("Access")
            .field("tokens", &tokens.collect::<Vec<_>>())
            .field("capabilities", &self.0.capabilities)
            .field("origins", &self.0.origins)
            .finish()
    }
}
