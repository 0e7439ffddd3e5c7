//! Sessions for axum: a random cookie names one, a handler that takes it loads it, and what the handler changed is
//! saved after it succeeded.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::{StatusCode, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use tertulia::error::Kind;
use tertulia::session::Guard;
use tertulia::{Conversation, Error, Sessions};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::Visitor;

/// The sessions of all visitors.
#[derive(Clone)]
pub(crate) struct Visitors {
    pub(crate) sessions: Sessions<Visitor>,
    /// Whether cookies go over HTTPS alone. Off for localhost only.
    pub(crate) secure: bool,
}

impl Visitors {
    /// The stored session that the cookie names, else a new one. An id that is not stored is never taken over: its
    /// session was ended, or somebody made it up.
    async fn open(&self, cookie: Option<&Conversation>) -> tertulia::Result<Guard<Visitor>> {
        if let Some(id) = cookie {
            let guard = self.sessions.load(id).await?;
            if guard.is_stored() {
                return Ok(guard);
            }
        }
        self.fresh().await
    }

    async fn fresh(&self) -> tertulia::Result<Guard<Visitor>> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| Error::internal(format!("no randomness: {error}")))?;
        self.sessions.load(Conversation::new("web", &format!("{:032x}", u128::from_be_bytes(id)))?).await
    }

    fn named(&self, jar: &CookieJar) -> Option<Conversation> {
        let id = jar.get(self.cookie_name())?.value();
        let is_ours = id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_ours.then(|| Conversation::new("web", id).ok())?
    }

    fn cookie(&self, id: String) -> Cookie<'static> {
        let cookie = Cookie::build((self.cookie_name(), id)).path("/").http_only(true);
        cookie.same_site(SameSite::Lax).secure(self.secure).build()
    }

    /// Browsers take a `__Host-` cookie from this host over HTTPS only, so no subdomain can plant one.
    fn cookie_name(&self) -> &'static str {
        if self.secure { "__Host-visitor" } else { "visitor" }
    }
}

/// What one request did with its session.
#[derive(Default)]
struct Visit {
    cookie: Option<Conversation>,
    session: Option<Guard<Visitor>>,
    /// The session under the id that the login replaces.
    replaced: Option<Guard<Visitor>>,
    ended: bool,
}

/// The session, as a handler takes it. It belongs to the request: let it go before the handler returns.
pub(crate) struct Session {
    visitors: Visitors,
    visit: OwnedMutexGuard<Visit>,
}

impl Session {
    /// Goes on under a new id, so that nobody who knew the old one shares what comes now. Call it at login. Nothing
    /// is written yet: the middleware stores the new session, and removes the old one after that.
    pub(crate) async fn renew(&mut self) -> tertulia::Result<()> {
        let mut new = self.visitors.fresh().await?;
        new.set(Visitor::clone(self));
        let old = self.visit.session.replace(new);
        match self.visit.replaced {
            None => self.visit.replaced = old,
            Some(_) => old.into_iter().for_each(Guard::discard),
        }
        Ok(())
    }

    /// Removes the session at once. Requests still under way cannot bring it back: what they loaded is gone, so
    /// that saving it is a conflict.
    pub(crate) async fn end(mut self) -> tertulia::Result<()> {
        let visit = &mut *self.visit;
        for guard in visit.session.take().into_iter().chain(visit.replaced.take()) {
            let id = guard.conversation().clone();
            guard.discard();
            self.visitors.sessions.delete(&id).await?;
        }
        visit.ended = true;
        Ok(())
    }
}

impl Deref for Session {
    type Target = Visitor;

    fn deref(&self) -> &Visitor {
        self.visit.session.as_ref().expect("opened by the extractor, closed by `end` only")
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Visitor {
        self.visit.session.as_mut().expect("opened by the extractor, closed by `end` only")
    }
}

impl FromRequestParts<Visitors> for Session {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, visitors: &Visitors) -> Result<Self, Failure> {
        let visit = parts.extensions.get::<Arc<Mutex<Visit>>>().cloned();
        let visit = visit.ok_or_else(|| Error::internal("the sessions' middleware is missing"))?;
        let mut visit =
            visit.try_lock_owned().map_err(|_| Error::internal("a handler takes the session twice"))?;
        if visit.session.is_none() {
            visit.session = Some(visitors.open(visit.cookie.as_ref()).await?);
        }
        Ok(Self { visitors: visitors.clone(), visit })
    }
}

/// The middleware: saves what the handler changed if it succeeded, and sets the cookie if the id is new.
pub(crate) async fn keep(
    State(visitors): State<Visitors>,
    jar: CookieJar,
    mut request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let visit = Visit { cookie: visitors.named(&jar), ..Visit::default() };
    let visit = Arc::new(Mutex::new(visit));
    request.extensions_mut().insert(Arc::clone(&visit));
    let response = next.run(request).await;

    let mut visit =
        visit.try_lock().map_err(|_| Error::internal("a session outlived its handler: not saved"))?;
    if visit.ended {
        return Ok((jar.remove(visitors.cookie(String::new())), response).into_response());
    }
    let Some(mut session) = visit.session.take() else { return Ok(response) };
    if !response.status().is_success() && !response.status().is_redirection() {
        session.discard();
        visit.replaced.take().into_iter().for_each(Guard::discard);
        return Ok(response);
    }
    session.save().await?;
    let id = session.conversation();
    if let Some(old) = visit.replaced.take()
        && let Err(error) = old.delete().await
    {
        // Somebody wrote to the old one meanwhile. It stays, with its cookie, and the login is to be repeated.
        visitors.sessions.delete(id).await?;
        return Err(error.into());
    }
    if session.is_stored() && visit.cookie.as_ref() != Some(id) {
        let cookie = visitors.cookie(id.id().into_owned());
        return Ok((jar.add(cookie), response).into_response());
    }
    Ok(response)
}

/// An error of the storage, as the visitor sees it.
pub(crate) struct Failure(Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match self.0.kind() {
            Kind::Conflict => {
                return (StatusCode::CONFLICT, "the session changed meanwhile\n").into_response();
            }
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        eprintln!("{}", self.0);
        status.into_response()
    }
}
