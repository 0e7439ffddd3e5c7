//! Stands before routes: refuses who may not come in, and tells the others' handlers what they may do.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Uri, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use super::{Access, Grant, Scope};

impl Access {
    /// These routes, for whoever may use them. Their handlers can take a [`Grant`], and have to check it: here only
    /// those are refused who may do nothing at all, and browsers are told what pages may do. What the query says of a token is removed before anybody else sees it.
    pub fn before<S: Clone + Send + Sync + 'static>(&self, routes: Router<S>) -> Router<S> {
        routes.layer(from_fn_with_state(self.clone(), check))
    }

    /// These routes, which tell nothing, for everybody; browsers are told what pages may do.
    pub(crate) fn before_none<S: Clone + Send + Sync + 'static>(&self, routes: Router<S>) -> Router<S> {
        routes.layer(from_fn_with_state(self.clone(), show))
    }
}

/// These routes, for whoever has this scope.
pub(crate) fn needing<S: Clone + Send + Sync + 'static>(scope: Scope, routes: Router<S>) -> Router<S> {
    routes.route_layer(from_fn(move |grant: Grant, request: Request, next: Next| async move {
        match grant.needs(scope) {
            Ok(()) => next.run(request).await,
            Err(problem) => problem.into_response(),
        }
    }))
}

async fn show(State(access): State<Access>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if let Some(response) = access.pages().preflight(&parts) {
        return response;
    }
    let page = access.pages().allowed(&parts.headers);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    access.pages().show(response.headers_mut(), page);
    response
}

async fn check(State(access): State<Access>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Some(response) = access.pages().preflight(&parts) {
        return response;
    }
    let page = access.pages().allowed(&parts.headers);
    let granted = access.check(&parts);
    let had_token = hide_token(&mut parts.uri);
    let mut response = match granted {
        Ok(grant) => {
            parts.extensions.insert(grant);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    access.pages().show(headers, page);
    if had_token {
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Removes every parameter `token`; tells whether there was one.
fn hide_token(uri: &mut Uri) -> bool {
    let Some(query) = uri.query() else { return false };
    let is_token = |pair: &&str| *pair == "token" || pair.starts_with("token=");
    if !query.split('&').any(|pair| is_token(&pair)) {
        return false;
    }
    let kept: Vec<_> = query.split('&').filter(|pair| !is_token(pair)).collect();
    let path = match kept.is_empty() {
        true => uri.path().to_owned(),
        false => format!("{}?{}", uri.path(), kept.join("&")),
    };
    let mut parts = std::mem::take(uri).into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).expect("a part of what it was"));
    *uri = Uri::from_parts(parts).expect("all it had");
    true
}
