//! Telegram's webhook over SQLite, across restarts.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use tertulia_sqlite::{Sqlite, SqliteOptions};

use super::support::{Posted, Told, bare, message};

/// A bot over the database in `folder`, and how to end it.
struct Run {
    posted: Posted,
    sqlite: Sqlite,
}

impl Run {
    async fn start(folder: &Path) -> Self {
        let sqlite = SqliteOptions::new().open(folder.join("bot.db")).await.unwrap();
        Self { posted: Posted::on(Arc::new(sqlite.clone())).await, sqlite }
    }

    /// Ends it without letting anything finish, as a kill would.
    async fn kill(self) {
        let Self { posted, sqlite } = self;
        drop(posted);
        sqlite.close().await;
    }
}

#[tokio::test]
async fn the_same_update_posted_again_after_a_restart_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::start(folder.path()).await;
    assert_eq!(run.posted.post(1, "hello").await, Told::OK);
    run.posted.finish().await;
    assert_eq!(run.posted.ran(), 1);
    run.kill().await;
    let run = Run::start(folder.path()).await;
    assert_eq!(run.posted.post(1, "hello").await, Told::OK);
    run.posted.finish().await;
    assert_eq!(run.posted.ran(), 0);
}

/// Scenario F.14: a handler slower than any limit, the same update posted twice and across a restart.
#[tokio::test]
async fn f14_webhook_redelivery() {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::start(folder.path()).await;
    // The handler hangs, and the posts are answered all the same.
    let (a, b) = tokio::join!(run.posted.post(1, "hang"), run.posted.post(1, "hang"));
    assert_eq!([a, b], [Told::OK, Told::OK]);
    while run.posted.ran() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(run.posted.post(1, "hang").await, Told::OK);
    assert_eq!(run.posted.ran(), 1);
    run.kill().await;

    // It did not end, so it runs again after the restart: once, though it is posted again.
    let run = Run::start(folder.path()).await;
    assert_eq!(run.posted.post(1, "hang").await, Told::OK);
    while run.posted.ran() == 0 {
        tokio::task::yield_now().await;
    }
    // What fails later is tried again and kept, whatever its post was answered.
    assert_eq!(run.posted.ask(super::support::post(&message(2, 43, "fail"))).await, Told::OK);
    while run.posted.dead().await.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(run.posted.ran(), 3, "one that hangs, and one that was tried twice");
    assert_eq!(run.posted.dead().await[0].attempts, 2);
    let stranger = bare().header("x-telegram-bot-api-secret-token", "x").body("{".into()).unwrap();
    assert_eq!(run.posted.ask(stranger).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(run.posted.running.shutdown(Duration::ZERO).await.len(), 1);
    run.kill().await;
}
