//! API tokens and their scopes.

use std::sync::Arc;

use axum::http::StatusCode;
use tertulia::storage::Memory;
use tertulia_http::{Access, Options, Scope, Scopes};

use super::support::{TOKEN, ask, get, get_with, post_with, status, streams};
use crate::support::Site;

const OTHER: &str = "another-token-0123456789";

fn scopes(text: &str) -> Scopes {
    text.parse().unwrap()
}

#[tokio::test]
async fn each_token_opens_what_its_scopes_say() {
    let access =
        Access::local().token("page", TOKEN, scopes("chat")).token("ops", OTHER, scopes("metrics, admin"));
    let mut options = Options::new().metrics(String::new);
    options.access = access;
    let site = Site::with(Arc::new(Memory::new()), options).await;
    // 400 is the answer to a body that is empty.
    for (request, path, page, ops) in [
        (post_with as fn(&str, &str) -> _, "/chat/alice", 400, 403),
        (get_with, "/health", 200, 200),
        (get_with, "/metrics", 403, 200),
        (get_with, "/v1/dead", 403, 200),
        (get_with, "/v1/parked", 403, 200),
        (post_with, "/v1/fork", 403, 400),
        (get_with, "/nowhere", 404, 404),
    ] {
        let of_page = status(&site.router, request(path, TOKEN)).await.as_u16();
        let of_ops = status(&site.router, request(path, OTHER)).await.as_u16();
        assert_eq!((of_page, of_ops), (page, ops), "{path}");
    }
}

#[tokio::test]
async fn a_token_that_lacks_a_scope_is_told_which() {
    let routes = streams(&Access::local().token("reader", TOKEN, scopes("streams:read")));
    assert_eq!(status(&routes, get_with("/there", TOKEN)).await, StatusCode::OK);
    assert_eq!(status(&routes, get_with("/absent", TOKEN)).await, StatusCode::NOT_FOUND);
    let (answer, body) = ask(&routes, post_with("/there", TOKEN)).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert!(body.contains("lacks the scope streams:write"), "{body}");
}

#[tokio::test]
async fn with_tokens_there_is_no_way_in_without_one_from_this_machine_either() {
    let routes = streams(&Access::local().token("reader", TOKEN, Scopes::all()));
    let local = |path| axum::http::Request::get(path).header("host", "localhost").body("".into()).unwrap();
    assert_eq!(status(&routes, local("/there")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&routes, get_with("/there", OTHER)).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&streams(&Access::local()), local("/there")).await, StatusCode::OK);
}

#[tokio::test]
async fn an_api_token_is_not_taken_from_a_query() {
    let routes = streams(&Access::local().token("all", TOKEN, Scopes::all()));
    let path = format!("/there?token={TOKEN}");
    assert_eq!(status(&routes, get(&path)).await, StatusCode::UNAUTHORIZED);
}

#[test]
fn a_scope_that_is_none_is_named_with_those_there_are() {
    let error = "chat, stream:read".parse::<Scopes>().unwrap_err().to_string();
    assert_eq!(
        error,
        "`stream:read` is not a scope; scopes: chat, streams:read, streams:write, sessions:read, sessions:write, \
         admin, metrics"
    );
    assert!(" ,".parse::<Scopes>().unwrap_err().to_string().contains("at least one scope"));
    for scope in Scope::ALL {
        assert_eq!(scopes(scope.as_str()), Scopes::from(scope));
    }
}

#[test]
fn tokens_are_not_shown() {
    let access = Access::local().token("page", TOKEN, Scopes::all());
    let shown = format!("{access:?}");
    assert!(shown.contains("page") && shown.contains("streams:read") && !shown.contains(TOKEN), "{shown}");
}
