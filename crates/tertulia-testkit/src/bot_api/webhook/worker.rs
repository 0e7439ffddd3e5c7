//! The workers of a webhook: one for each connection it allows.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::delivery::Next;
use super::post::{Outcome, post};
use crate::bot_api::state::Shared;

/// How long a webhook may take to answer.
const WITHIN: Duration = Duration::from_secs(60);

/// Keeps as many workers as the present webhook allows, for ever; when dropped, all end.
pub(in crate::bot_api) async fn deliver(shared: Arc<Shared>) -> Infallible {
    let mut news = shared.news();
    let mut present = 0;
    let mut workers = JoinSet::new();
    loop {
        let (generation, count) = shared.with(|held| held.state.webhook.workers());
        if generation != present {
            present = generation;
            workers.shutdown().await;
            for _ in 0..count {
                workers.spawn(work(Arc::clone(&shared), generation));
            }
        }
        // The sender is in `shared`.
        let _ = news.changed().await;
    }
}

async fn work(shared: Arc<Shared>, generation: u64) {
    let mut news = shared.news();
    let mut connection = None;
    loop {
        match shared.with(|held| held.next_delivery(generation)) {
            Next::End => return,
            Next::Wait(due) => wait(&shared, &mut news, due).await,
            Next::Post(mut delivery) => {
                let late = shared.time.sleep_until(shared.time.now().after(WITHIN));
                let body = std::mem::take(&mut delivery.body);
                let outcome = tokio::select! {
                    outcome = post(&mut connection, &delivery.target, body) => outcome,
                    () = late => Outcome::default(),
                };
                shared.with(|held| held.delivered(generation, &delivery, outcome));
            }
        }
    }
}

async fn wait(shared: &Shared, news: &mut watch::Receiver<()>, due: Option<tertulia::Timestamp>) {
    let due = async {
        match due {
            Some(due) => shared.time.sleep_until(due).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = due => {}
        // The sender is in `shared`.
        _ = news.changed() => {}
    }
}
