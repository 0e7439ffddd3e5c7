//! Tertulia's sessions, without runner or bot, asked for the same as other libraries that keep sessions.

use std::sync::Arc;

use clap::Parser;
use serde::{Deserialize, Serialize};
use session_cases::{Arguments, Counted, Counts, History, Keeper, Message, Small, Store};
use tertulia::error::Kind;
use tertulia::session::State;
use tertulia::storage::{Memory, Storage};
use tertulia::{Conversation, Log, Sessions};
use tertulia_sqlite::Sqlite;
use tertulia_testkit::Counting;

/// The history as a log of its own.
#[derive(Default, Serialize, Deserialize)]
struct Logged {
    messages: Log<Message>,
}

impl Counts for Logged {
    fn count(&mut self, number: u64) {
        self.messages.push(Message::new(number));
    }

    fn counted(&self) -> u64 {
        self.messages.len() as u64
    }
}

/// A client of a storage.
struct Client<S> {
    storage: Arc<dyn Storage>,
    counting: Option<Counting>,
    sessions: Sessions<S>,
}

impl<S: State> Client<S> {
    fn new(storage: Arc<dyn Storage>, counting: Option<Counting>) -> anyhow::Result<Self> {
        Ok(Self { sessions: Sessions::new(Arc::clone(&storage), "state")?, storage, counting })
    }
}

impl<S: State> Keeper<S> for Client<S> {
    async fn other(&self) -> anyhow::Result<Self> {
        Self::new(Arc::clone(&self.storage), self.counting.clone())
    }

    async fn update(&self, session: u64, change: impl Fn(&mut S) + Send + Sync) -> anyhow::Result<()> {
        Ok(self.sessions.update(key(session)?, change).await?)
    }

    async fn update_slowly(&self, session: u64, change: impl Fn(&mut S) + Send + Sync) -> anyhow::Result<()> {
        loop {
            let mut guard = self.sessions.load(key(session)?).await?;
            change(&mut guard);
            tokio::task::yield_now().await;
            match guard.save().await {
                Err(error) if error.kind() == Kind::Conflict => guard.discard(),
                saved => return Ok(saved?),
            }
        }
    }

    async fn read(&self, session: u64, look: impl Fn(&S) -> u64 + Send + Sync) -> anyhow::Result<u64> {
        Ok(look(&*self.sessions.get(key(session)?).await?))
    }

    fn counted(&self) -> Counted {
        let written = self.counting.as_ref().map(|counting| counting.written("session/"));
        let written = written.unwrap_or_default();
        Counted { writes: written.writes, bytes: Some(written.bytes()) }
    }
}

fn key(session: u64) -> tertulia::Result<Conversation> {
    Conversation::new("bench", &session.to_string())
}

async fn open<S: State>(arguments: &Arguments, counted: bool) -> anyhow::Result<Client<S>> {
    let storage: Arc<dyn Storage> = match arguments.store {
        Store::Memory => Arc::new(Memory::new()),
        Store::Sqlite => Arc::new(Sqlite::open(arguments.file(counted)?).await?),
    };
    if !counted {
        return Client::new(storage, None);
    }
    let counting = Counting::new(storage);
    Client::new(Arc::new(counting.clone()), Some(counting))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let peer = arguments.peer(if arguments.log { "tertulia-log" } else { "tertulia-sessions" });
    let report = if !arguments.run.case.starts_with("session-1mb") {
        session_cases::run::<Small, _>(&peer, &arguments.run, async |counted| open(&arguments, counted).await)
            .await
    } else if arguments.log {
        session_cases::run::<Logged, _>(&peer, &arguments.run, async |counted| {
            open(&arguments, counted).await
        })
        .await
    } else {
        session_cases::run::<History, _>(&peer, &arguments.run, async |counted| {
            open(&arguments, counted).await
        })
        .await
    };
    report?.print()
}
