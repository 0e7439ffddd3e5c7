//! Who changes the queues: the server that has the storage open, or this process.

use reqwest::{Method, StatusCode, Url};
use tertulia::error::Kind;
use tertulia::runner::{EntryId, dead, parked};
use tertulia::{Clock, Error};
use tertulia_http::Scope;

use crate::client;
use crate::config::{Config, Secret};
use crate::failure::Failure;
use crate::place::Opened;

/// What is done with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Replay,
    Drop,
    Release,
    GiveUp,
}

impl Action {
    /// The table: what has been done, and the request that does it.
    fn row(self) -> (&'static str, Method, &'static str, Option<&'static str>) {
        match self {
            Self::Replay => ("replayed", Method::POST, "dead", Some("replay")),
            Self::Drop => ("dropped", Method::DELETE, "dead", None),
            Self::Release => ("released", Method::POST, "parked", Some("release")),
            Self::GiveUp => ("given up", Method::DELETE, "parked", None),
        }
    }

    pub(super) fn done(self) -> &'static str {
        self.row().0
    }
}

/// Whoever may write.
pub(super) enum Peer {
    Server { http: reqwest::Client, url: Url, token: Option<Secret> },
    Storage { opened: Opened, clock: Clock },
}

impl Peer {
    /// The server, if one has the storage open and said where it is; else the storage is opened here.
    pub(super) async fn find(config: &Config) -> Result<Self, Failure> {
        let Some(url) = config.storage.server()? else {
            let clock = Clock::system();
            return Ok(Self::Storage { opened: config.storage.open(&clock).await?, clock });
        };
        let url = client::parse(&url)?;
        Ok(Self::Server { http: client::http(config, &url)?, url, token: config.token_for(Scope::Admin) })
    }

    /// Does it; the inner error speaks of this entry only, so that others may be gone on with.
    pub(super) async fn act(&self, action: Action, id: EntryId) -> Result<Result<(), String>, Failure> {
        match self {
            Self::Server { http, url, token } => ask(http, url, token.as_ref(), action, id).await,
            Self::Storage { opened, clock } => {
                let storage = &*opened.storage;
                // Nobody runs over it, so nobody is to be told.
                let done = match action {
                    Action::Replay => dead::replay(storage, clock, id).await.map(drop),
                    Action::Drop => dead::drop(storage, clock, id).await,
                    Action::Release => parked::release(storage, clock, id).await.map(drop),
                    Action::GiveUp => parked::give_up(storage, clock, id).await.map(drop),
                };
                done.map_or_else(of_this_entry, |()| Ok(Ok(())))
            }
        }
    }

    pub(super) async fn close(self) {
        if let Self::Storage { opened, .. } = self {
            opened.close().await;
        }
    }
}

fn of_this_entry(error: Error) -> Result<Result<(), String>, Failure> {
    match error.kind() {
        Kind::Gone | Kind::Conflict | Kind::Corrupt | Kind::Invalid => Ok(Err(error.to_string())),
        _ => Err(error.into()),
    }
}

async fn ask(
    http: &reqwest::Client,
    url: &Url,
    token: Option<&Secret>,
    action: Action,
    id: EntryId,
) -> Result<Result<(), String>, Failure> {
    let (_, method, queue, verb) = action.row();
    let mut to = url.clone();
    let id = id.to_string();
    if let Ok(mut path) = to.path_segments_mut() {
        path.pop_if_empty().extend(["v1", queue, &id]).extend(verb);
    }
    let mut request = http.request(method, to);
    if let Some(token) = token {
        request = request.bearer_auth(token.reveal());
    }
    let cannot = |error: reqwest::Error| {
        let error = error.without_url();
        Failure::Run(format!(
            "the server at {} cannot be reached: {error}; whether {id} was {} is told by `tertulia {queue} list`",
            url.authority(),
            action.done()
        ))
    };
    let response = request.send().await.map_err(cannot)?;
    let status = response.status();
    if status.is_success() {
        return Ok(Ok(()));
    }
    let body = response.bytes().await.map_err(cannot)?;
    let text = client::refusal(status, &body).unwrap_or_else(|| format!("the server answered {status}"));
    match status {
        StatusCode::NOT_FOUND | StatusCode::CONFLICT | StatusCode::BAD_REQUEST => Ok(Err(text)),
        _ => Err(Failure::Run(text)),
    }
}
