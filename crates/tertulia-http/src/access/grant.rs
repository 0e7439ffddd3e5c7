//! What whoever makes a request may do.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tertulia::{Error, Timestamp};

use super::capability::Capability;
use super::{Resource, Right, Scope, Scopes};
use crate::{Problem, ProblemKind};

/// What a request may do, as [`Access`](super::Access) found it. A handler behind
/// [`Access::before`](super::Access::before) takes it as an argument.
#[derive(Clone, Debug)]
pub struct Grant(Holder);

#[derive(Clone, Debug)]
enum Holder {
    /// A program on this machine, where no credential is asked for.
    Local,
    /// The holder of an API token.
    Token(Scopes),
    /// The holder of a capability token, and when it was shown.
    Capability(Capability, Timestamp),
    /// The holder of a capability token that is forged, expired, or not meant for a query. It opens nothing, and what it
    /// does not open is not there.
    Nothing,
}

impl Grant {
    pub(super) fn local() -> Self {
        Self(Holder::Local)
    }

    pub(super) fn token(scopes: Scopes) -> Self {
        Self(Holder::Token(scopes))
    }

    pub(super) fn capability(shown: Option<(Capability, Timestamp)>) -> Self {
        Self(shown.map_or(Holder::Nothing, |(capability, now)| Holder::Capability(capability, now)))
    }

    /// Whether this may be done.
    pub fn allows(&self, resource: Resource<'_>, right: Right) -> bool {
        match &self.0 {
            Holder::Local => true,
            Holder::Token(scopes) => resource.scopes(right).iter().all(|scope| scopes.contains(scope)),
            Holder::Capability(of, _) => of.rights.contains(right) && of.resource().covers(resource),
            Holder::Nothing => false,
        }
    }

    /// Refuses what may not be done.
    ///
    /// # Errors
    /// `Forbidden`, naming the scope, for an API token; for a capability token what is answered where there is no such
    /// thing, so that nobody learns what there is.
    pub fn check(&self, resource: Resource<'_>, right: Right) -> Result<(), Problem> {
        match &self.0 {
            Holder::Token(scopes) => resource.scopes(right).iter().try_for_each(|scope| has(*scopes, scope)),
            _ if self.allows(resource, right) => Ok(()),
            _ => Err(resource.absent()),
        }
    }

    /// Refuses who does not have this scope.
    ///
    /// # Errors
    /// `Forbidden`, naming the scope, for an API token; `Unauthorized` for a capability token, which opens no route but
    /// those of streams and sessions.
    pub fn needs(&self, scope: Scope) -> Result<(), Problem> {
        match &self.0 {
            Holder::Local => Ok(()),
            Holder::Token(scopes) => has(*scopes, scope),
            Holder::Capability(..) | Holder::Nothing => {
                Err(unauthorized(&format!("an API token with the scope {scope}")))
            }
        }
    }

    /// Refuses who has neither this scope nor, with a capability token, this right on what is asked for.
    ///
    /// # Errors
    /// `Forbidden`, naming the scope, for an API token; for a capability token as [`check`](Self::check).
    pub(crate) fn needs_either(
        &self,
        scope: Scope,
        resource: Resource<'_>,
        right: Right,
    ) -> Result<(), Problem> {
        match &self.0 {
            Holder::Token(scopes) => has(*scopes, scope),
            _ => self.check(resource, right),
        }
    }

    /// Refuses whoever has no API token where one is asked for.
    ///
    /// # Errors
    /// `Unauthorized`.
    pub(crate) fn needs_token(&self) -> Result<(), Problem> {
        match &self.0 {
            Holder::Local | Holder::Token(_) => Ok(()),
            Holder::Capability(..) | Holder::Nothing => Err(unauthorized("an API token")),
        }
    }

    /// When it ends, if it does.
    pub fn expires(&self) -> Option<Timestamp> {
        match &self.0 {
            Holder::Capability(capability, _) => Some(capability.expires),
            _ => None,
        }
    }

    /// How long it lasts from when the request came, if it ends.
    pub fn lasts(&self) -> Option<Duration> {
        match &self.0 {
            Holder::Capability(capability, now) => Some(capability.expires.since(*now)),
            _ => None,
        }
    }
}

fn has(scopes: Scopes, scope: Scope) -> Result<(), Problem> {
    match scopes.contains(scope) {
        true => Ok(()),
        false => Err(Problem::new(ProblemKind::Forbidden, format!("the token lacks the scope {scope}"))),
    }
}

fn unauthorized(what: &str) -> Problem {
    Problem::new(ProblemKind::Unauthorized, format!("{what} is needed"))
}

impl<S: Sync> FromRequestParts<S> for Grant {
    type Rejection = Problem;

    /// # Errors
    /// `Internal` where the routes are not behind an [`Access`](super::Access).
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let found = parts.extensions.get::<Self>().cloned();
        found.ok_or_else(|| Error::internal("this route is not behind an access").into())
    }
}
