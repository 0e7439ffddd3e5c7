//! Closes a server's door before its lights go out: new requests are refused, and those inside are waited for.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;

use crate::{Problem, ProblemKind};

/// Stands before routes and counts the requests that bring something, which are all but `GET` and `HEAD`. Once it is
/// closed, these are answered `503` with `Retry-After`; those inside go on. Clones are one gate.
#[derive(Clone, Debug)]
pub struct Gate {
    inside: watch::Sender<Inside>,
    /// Apart, so that those who wait for it sleep while requests come and go.
    closed: watch::Sender<bool>,
}

/// Written by requests that come and go, and by whoever closes the gate.
#[derive(Clone, Copy, Debug, Default)]
struct Inside {
    requests: usize,
    closed: bool,
}

/// A request inside; dropped when it is answered or its client is gone.
struct Pass(Gate);

impl Gate {
    /// An open gate.
    pub fn new() -> Self {
        Self { inside: watch::Sender::new(Inside::default()), closed: watch::Sender::new(false) }
    }

    /// These routes behind the gate.
    pub fn before(&self, routes: Router) -> Router {
        routes.layer(from_fn_with_state(self.clone(), pass))
    }

    /// Lets nobody in any more.
    pub fn close(&self) {
        self.inside.send_modify(|inside| inside.closed = true);
        self.closed.send_replace(true);
    }

    /// Waits until it is closed. Cancel safe.
    pub async fn closed(&self) {
        // The sender is here, so that the wait ends well.
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }

    /// Waits until nobody is inside. Cancel safe.
    pub async fn empty(&self) {
        let empty = |inside: &Inside| inside.requests == 0;
        // The sender is here, so that the wait ends well.
        let _ = self.inside.subscribe().wait_for(empty).await;
    }

    fn enter(&self) -> Option<Pass> {
        let entered = self.inside.send_if_modified(|inside| {
            inside.requests += usize::from(!inside.closed);
            !inside.closed
        });
        entered.then(|| Pass(self.clone()))
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.inside.send_modify(|inside| inside.requests -= 1);
    }
}

async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    match gate.enter() {
        Some(_pass) => next.run(request).await,
        None => {
            Problem::new(ProblemKind::Unavailable, "the server is stopping and takes nothing new, ask again")
                .into_response()
        }
    }
}
