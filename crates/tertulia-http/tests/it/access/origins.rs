//! Pages of other origins.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use axum::routing::get;
use tertulia_http::{Access, Origins, Scopes};

use super::support::{TOKEN, ask};

const PAGE: &str = "https://app.example.org";

fn routes(origins: &str) -> Router {
    let access = Access::local().token("page", TOKEN, Scopes::all()).origins(origins.parse().unwrap());
    let answer = || async { [("etag", "\"1\""), ("stream-next-offset", "7"), ("x-inner", "1")] };
    access.before(Router::new().route("/", get(answer)))
}

fn preflight(origin: &str, headers: &str) -> Request<Body> {
    let request = Request::options("/").header("host", "bot.example.org").header("origin", origin);
    let request = request.header("access-control-request-method", "PUT");
    request.header("access-control-request-headers", headers).body(Body::empty()).unwrap()
}

fn from(origin: &str) -> Request<Body> {
    let request = Request::get("/").header("host", "bot.example.org").header("origin", origin);
    request.header("authorization", format!("Bearer {TOKEN}")).body(Body::empty()).unwrap()
}

fn header<'a>(response: &'a Response<()>, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_browser_is_told_what_pages_of_an_origin_may_send() {
    let asked = "authorization,content-type,if-none-match,last-event-id,producer-epoch,stream-closed,x-other";
    let (answer, _) = ask(&routes(PAGE), preflight(PAGE, asked)).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(header(&answer, "access-control-allow-origin"), Some(PAGE));
    assert_eq!(header(&answer, "vary"), Some("origin"));
    assert_eq!(
        header(&answer, "access-control-allow-headers"),
        Some("authorization, content-type, if-none-match, last-event-id, producer-epoch, stream-closed")
    );
    assert!(header(&answer, "access-control-allow-methods").unwrap().contains("PUT"));
    assert_eq!(header(&answer, "access-control-allow-credentials"), None);
}

#[tokio::test]
async fn a_page_sees_the_headers_of_streams_and_failures_too() {
    let routes = routes(&format!("https://other.example.org, {PAGE}"));
    let (answer, _) = ask(&routes, from(PAGE)).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(header(&answer, "access-control-allow-origin"), Some(PAGE));
    assert_eq!(header(&answer, "access-control-expose-headers"), Some("etag, stream-next-offset"));
    let without_token = Request::get("/").header("origin", PAGE).body(Body::empty()).unwrap();
    let (answer, _) = ask(&routes, without_token).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(header(&answer, "access-control-allow-origin"), Some(PAGE));
}

#[tokio::test]
async fn other_origins_are_told_nothing() {
    for origins in [PAGE, ""] {
        let routes = routes(origins);
        for origin in ["https://evil.example", "https://app.example.org.evil.example", "null", ""] {
            let (answer, _) = ask(&routes, from(origin)).await;
            assert_eq!(header(&answer, "access-control-allow-origin"), None, "{origin}");
            let (answer, _) = ask(&routes, preflight(origin, "authorization")).await;
            assert_eq!(header(&answer, "access-control-allow-origin"), None, "{origin}");
            assert_ne!(answer.status(), StatusCode::NO_CONTENT);
        }
    }
    let (answer, _) = ask(&routes(""), from(PAGE)).await;
    assert_eq!((header(&answer, "access-control-allow-origin"), header(&answer, "vary")), (None, None));
}

#[tokio::test]
async fn any_origin_is_never_asked_for_cookies() {
    let routes = routes("*");
    for request in [from("https://any.example"), preflight("https://any.example", "authorization")] {
        let (answer, _) = ask(&routes, request).await;
        assert_eq!(header(&answer, "access-control-allow-origin"), Some("*"));
        assert_eq!(header(&answer, "access-control-allow-credentials"), None);
    }
}

#[tokio::test]
async fn without_a_token_a_page_is_refused_whatever_its_origin() {
    for origins in ["*", PAGE] {
        let access = Access::local().origins(origins.parse().unwrap());
        let routes = access.before(Router::new().route("/", get(|| async {})));
        let request = Request::get("/").header("host", "127.0.0.1:7700").header("origin", PAGE);
        let (answer, _) = ask(&routes, request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    }
}

#[test]
fn what_is_no_origin_is_named() {
    for wrong in [
        "app.example.org",
        "https://",
        "https://a.example/path",
        "https://A.example",
        "null",
        "* https://a.example",
    ] {
        let error = wrong.parse::<Origins>().unwrap_err().to_string();
        assert!(error.contains("is not an origin"), "{error}");
    }
    for right in ["http://localhost:5173", "https://[::1]:8", "capacitor://localhost", "*", ""] {
        right.parse::<Origins>().unwrap();
    }
}
