//! How the server stops: nothing new comes in, what runs gets until one deadline, and what is left is named.

use std::fmt;
use std::time::Duration;

use tertulia::Clock;
use tertulia::bot::Running;
use tertulia::runner::Unfinished;
use tertulia_http::Gate;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::output;

/// How many unfinished updates are named.
const NAMED: usize = 20;
/// The least time for connections to be closed in order, once nothing is answered any more.
const CLOSING: Duration = Duration::from_millis(100);

/// A server that is to stop.
pub(crate) struct Stopping<'a> {
    pub(crate) running: &'a Running,
    pub(crate) gate: &'a Gate,
    /// Ends the HTTP server.
    pub(crate) close: oneshot::Sender<()>,
    pub(crate) http: JoinHandle<usize>,
    /// How long all of it may take; marks of what is done take a moment more.
    pub(crate) within: Duration,
}

/// What was not finished.
#[derive(Debug)]
pub(crate) struct Left {
    updates: Vec<Unfinished>,
    calls: usize,
}

impl Stopping<'_> {
    /// Stops. Platforms are asked for nothing more and requests that bring something are refused; then those inside
    /// get their answers; then what came from elsewhere runs and calls are made, while HTTP still tells how much is
    /// left; then HTTP ends.
    pub(crate) async fn stop(self, clock: &Clock) -> Left {
        let Self { running, gate, close, mut http, within } = self;
        let began = clock.now();
        let left = || within.saturating_sub(clock.now().since(began));
        gate.close();
        running.stop_sources();
        if tokio::time::timeout(left(), gate.empty()).await.is_err() {
            tracing::warn!("requests under way are not waited for any longer");
        }
        let updates = running.shutdown(left()).await;
        let _ = close.send(());
        if !http.is_finished() && tokio::time::timeout(left().max(CLOSING), &mut http).await.is_err() {
            tracing::warn!("requests under way are cut off");
            http.abort();
            let _ = http.await;
        }
        Left { updates, calls: running.stats().calls }
    }
}

impl Left {
    pub(crate) fn print(&self) {
        output::text(&self.to_string());
    }
}

impl fmt::Display for Left {
    /// A line for each of the first updates, nothing if nothing is left.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Unfinished { conversation, update } in self.updates.iter().take(NAMED) {
            writeln!(f, "left      {conversation}, update {update}")?;
        }
        if let Some(more @ 1..) = self.updates.len().checked_sub(NAMED) {
            writeln!(f, "          and {more} more")?;
        }
        match self.calls {
            0 => Ok(()),
            1 => writeln!(f, "left      1 call"),
            calls => writeln!(f, "left      {calls} calls"),
        }
    }
}
