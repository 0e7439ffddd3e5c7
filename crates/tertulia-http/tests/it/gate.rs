//! A gate before the routes.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use tertulia_http::Gate;

use crate::support::{Site, post};

#[tokio::test(start_paused = true)]
async fn who_is_inside_is_waited_for_and_who_comes_later_is_sent_away() {
    let mut site = Site::new().await;
    let gate = Gate::new();
    site.router = gate.before(site.router.clone());
    // Its body does not end until it is told to.
    let (rest, body) = tokio::sync::oneshot::channel::<&'static str>();
    let body = futures_util::stream::once(async { body.await.map_err(std::io::Error::other) });
    let inside = site.ask(post("a").body(Body::from_stream(body)).unwrap());
    tokio::pin!(inside);
    let pass = tokio::time::Duration::from_millis(1);
    assert!(tokio::time::timeout(pass, &mut inside).await.is_err(), "it is being read");
    gate.close();
    assert!(tokio::time::timeout(pass, gate.empty()).await.is_err(), "somebody is inside");
    let late = site.say("b", "hello", None).await;
    assert_eq!((late.status(), late.error().0), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    assert_eq!(late.head.headers()["retry-after"], "1");
    let health = Request::get("/health").header("host", "localhost").body(Body::empty()).unwrap();
    assert_eq!(site.ask(health).await.status(), StatusCode::OK, "whoever only looks is answered");
    rest.send("{\"text\":\"hello\"}").unwrap();
    assert_eq!(inside.await.replies(), ["hello", "hello again"]);
    gate.empty().await;
    assert_eq!(site.runs.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_is_no_longer_inside() {
    let mut site = Site::new().await;
    let gate = Gate::new();
    site.router = gate.before(site.router.clone());
    let pass = tokio::time::Duration::from_millis(1);
    assert!(tokio::time::timeout(pass, site.say("a", "hang", None)).await.is_err());
    gate.close();
    gate.empty().await;
}
