//! A running server, as its own process sees it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::faults::Faults;
use super::journal::{Journal, Summary};
use super::limits::Refuse;
use super::options::Options;
use super::state::Shared;
use super::update::NewUpdate;
use super::{http, webhook};

/// A running Bot API server with one bot. It ends when dropped.
///
/// ```
/// # use tertulia_testkit::bot_api::{BotApi, NewUpdate, Options};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let api = BotApi::start(Options::default()).await?;
/// api.push(NewUpdate::message(7, "hello"));
/// // A bot with any token, at `api.url()`, would get it and answer; then:
/// // api.until(|journal| !journal.sent(7).is_empty()).await;
/// assert_eq!(api.summary().waiting, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "the server ends when this is dropped"]
pub struct BotApi {
    shared: Arc<Shared>,
    address: SocketAddr,
    tasks: [AbortHandle; 2],
}

impl BotApi {
    /// Starts one on the Tokio runtime of the caller.
    ///
    /// # Errors
    /// What the system gives if it cannot listen.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(&options));
        let serving = tokio::spawn(http::serve(listener, Arc::clone(&shared))).abort_handle();
        let delivering = tokio::spawn(webhook::deliver(Arc::clone(&shared))).abort_handle();
        Ok(Self { shared, address, tasks: [serving, delivering] })
    }

    /// Where it is: methods are at `<url>/bot<token>/<method>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Pushes an update and gives its id; `None` if too many wait, or if the bot does not want its kind.
    pub fn push(&self, update: NewUpdate) -> Option<i32> {
        self.shared.with(|held| held.push(update))
    }

    /// Sets what goes wrong from here on.
    pub fn faults(&self, faults: Faults) {
        self.shared.with(|held| held.set_faults(faults));
    }

    /// Refuses calls with a 429.
    pub fn refuse(&self, refuse: Refuse) {
        self.shared.with(|held| held.state.limits.ask(refuse));
    }

    /// Makes the group `from` the supergroup `to`: both get a service message, and calls to the old id are refused
    /// with the new one.
    pub fn migrate(&self, from: i64, to: i64) {
        self.shared.with(|held| held.migrate(from, to));
    }

    /// Moves the server's clock on.
    pub fn advance(&self, by: Duration) {
        self.shared.time.advance(by);
    }

    /// Looks at what happened so far. The server stands still meanwhile.
    pub fn journal<T>(&self, look: impl FnOnce(&Journal) -> T) -> T {
        self.shared.with(|held| look(&held.state.journal))
    }

    /// How often what happened so far.
    pub fn summary(&self) -> Summary {
        self.journal(|journal| journal.summary().clone())
    }

    /// The texts that were sent to a chat, in order.
    pub fn sent(&self, chat: i64) -> Vec<String> {
        self.journal(|journal| journal.sent(chat).into_iter().map(str::to_owned).collect())
    }

    /// What the messages of a chat say after all edits, as [`Journal::shown`].
    pub fn shown(&self, chat: i64) -> Vec<String> {
        self.journal(|journal| journal.shown(chat).into_iter().map(str::to_owned).collect())
    }

    /// Waits until something is true of what happened. Cancel safe.
    pub async fn until(&self, mut holds: impl FnMut(&Journal) -> bool) {
        let mut written = self.shared.written();
        while !self.journal(&mut holds) {
            // The sender is in `shared`.
            let _ = written.changed().await;
        }
    }
}

impl Drop for BotApi {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
