//! A running server, as its own process sees it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::answer::completions;
use super::asked::Asked;
use super::state::Shared;
use super::turn::Turn;

/// How an [`OpenAi`] is set up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Where to listen: a free port of 127.0.0.1.
    pub listen: SocketAddr,
    /// How long a token takes unless its turn says otherwise: no time.
    pub pace: Duration,
    /// What is answered when nothing was pushed; unless given, what the last message says.
    pub otherwise: Option<Turn>,
}

impl Default for Options {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), pace: Duration::ZERO, otherwise: None }
    }
}

/// A running model server. It ends when dropped.
///
/// ```
/// # use tertulia_testkit::openai::{OpenAi, Options, Turn};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let model = OpenAi::start(Options::default()).await?;
/// model.push(Turn::says("Hello!").thinking("A greeting."));
/// // A client at `model.url()`, with any key, would be answered so; then:
/// // assert_eq!(model.asked().len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "the server ends when this is dropped"]
pub struct OpenAi {
    shared: Arc<Shared>,
    address: SocketAddr,
    serving: AbortHandle,
}

impl OpenAi {
    /// Starts one on the Tokio runtime of the caller.
    ///
    /// # Errors
    /// What the system gives if it cannot listen.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(options.pace, options.otherwise));
        let routes = Router::new()
            .route("/v1/chat/completions", post(completions))
            .route("/control/turns", post(turns))
            .route("/control/journal", get(journal))
            .with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await }).abort_handle();
        Ok(Self { shared, address, serving })
    }

    /// What clients call the base URL; the path of completions follows it.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Has a request answered so, after all that were pushed before.
    pub fn push(&self, turn: Turn) {
        self.shared.state.send_modify(|state| state.turns.push_back(turn));
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.state.borrow().asked.clone()
    }

    /// Waits until something is true of what it was asked. Cancel safe.
    pub async fn until(&self, mut holds: impl FnMut(&[Asked]) -> bool) {
        let mut state = self.shared.state.subscribe();
        // The sender is in `shared`.
        let _ = state.wait_for(|state| holds(&state.asked)).await;
    }
}

impl Drop for OpenAi {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn turns(State(shared): State<Arc<Shared>>, Json(turns): Json<Vec<Turn>>) {
    shared.state.send_modify(|state| state.turns.extend(turns));
}

async fn journal(State(shared): State<Arc<Shared>>) -> Json<Vec<Asked>> {
    Json(shared.state.borrow().asked.clone())
}
