//! Whose posts are read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures_util::StreamExt;

use super::support::{Posted, Told, bare, message, post, post_bytes};

const HEADER: &str = "x-telegram-bot-api-secret-token";

/// A body that tells whether anything of it was read.
fn watched(body: String) -> (Body, Arc<AtomicBool>) {
    let read = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&read);
    let once = futures_util::stream::once(async move { Ok::<_, std::io::Error>(body) });
    (Body::from_stream(once.inspect(move |_| noted.store(true, Ordering::SeqCst))), read)
}

#[tokio::test]
async fn without_the_one_right_secret_a_post_is_401_and_its_body_is_not_read() {
    let posted = Posted::new().await;
    let wrong: [&[&str]; 7] = [
        &[],
        &[""],
        &["canary_secret-2"],
        &["canary_secret-"],
        &["canary_secret-11"],
        &["canary_secret-1", "canary_secret-1"],
        &["canary_secret-1", "canary_secret-2"],
    ];
    for secrets in wrong {
        let request = secrets.iter().fold(bare(), |request, secret| request.header(HEADER, *secret));
        let (body, read) = watched(message(1, 42, "hello").to_string());
        let told = posted.ask(request.body(body).unwrap()).await;
        assert_eq!(told.status, StatusCode::UNAUTHORIZED, "{secrets:?}");
        assert!(!read.load(Ordering::SeqCst), "{secrets:?}");
    }
    let (body, read) = watched(message(1, 42, "hello").to_string());
    assert_eq!(posted.ask(post_bytes(body)).await, Told::OK);
    assert!(read.load(Ordering::SeqCst));
    posted.finish().await;
    assert_eq!(posted.ran(), 1, "nothing of the others ran");
}

#[tokio::test]
async fn a_webhook_takes_only_posts() {
    let posted = Posted::new().await;
    let mut request = post(&message(1, 42, "hello"));
    *request.method_mut() = axum::http::Method::PUT;
    assert_eq!(posted.ask(request).await.status, StatusCode::METHOD_NOT_ALLOWED);
    let get = Request::get("/webhook/telegram").body(Body::empty()).unwrap();
    assert_eq!(posted.ask(get).await.status, StatusCode::METHOD_NOT_ALLOWED);
}
