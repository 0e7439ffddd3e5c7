//! Asks a source for updates and has them kept, until the runner stops.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::panics::caught_async;
use super::{Incoming, Intake, Source};
use crate::error::Kind;
use crate::{Clock, Error, Result};

/// How many updates a source is asked for at once.
const FETCH: usize = 100;

/// The wait after a source could not be asked; it doubles each time in a row.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Asks a source for updates until told to stop: fetches, has the whole batch put into the inbox, fetches again.
pub(super) async fn feed(
    mut source: Box<dyn Source>,
    intake: Intake,
    clock: Clock,
    mut stopping: watch::Receiver<bool>,
    failed: watch::Sender<Option<Arc<Error>>>,
) {
    let mut wait = FIRST_WAIT;
    while !*stopping.borrow() {
        let fetched = tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => break,
            fetched = fetch(&mut *source) => fetched,
        };
        let error = match fetched {
            // A source that always has nothing must not keep others from running.
            Ok(updates) if updates.is_empty() => {
                wait = FIRST_WAIT;
                tokio::task::yield_now().await;
                continue;
            }
            Ok(updates) => match intake.submit_fetched(updates).await {
                Ok(_) => {
                    wait = FIRST_WAIT;
                    continue;
                }
                Err(error) => error,
            },
            Err(error) => error,
        };
        match error.kind() {
            // The inbox closes only when the runner stops: what is not in it is not confirmed.
            Kind::Closed => return,
            Kind::Unavailable | Kind::Timeout | Kind::Unknown => {
                tracing::warn!(?source, %error, "a source cannot be asked, trying again in {} ms", wait.as_millis());
                tokio::select! {
                    biased;
                    _ = stopping.wait_for(|stop| *stop) => break,
                    () = clock.sleep(wait) => {}
                }
                wait = (wait * 2).min(Duration::from_secs(30));
            }
            _ => {
                tracing::error!(?source, %error, "a source cannot go on");
                failed.send_replace(Some(Arc::new(error)));
                return;
            }
        }
    }
    let confirmed = caught_async("the source", async { source.confirm().await }).await;
    if let Err(error) = confirmed.and_then(|confirmed| confirmed) {
        tracing::warn!(?source, %error, "the last updates were not confirmed, they are given again and recognised");
    }
}

async fn fetch(source: &mut dyn Source) -> Result<Vec<Incoming>> {
    // Asking may panic before there is a future, so that is inside too.
    caught_async("the source", async { source.fetch(FETCH).await }).await?
}
