//! teloxide's dialogues, without a bot: a state is read, and written whole.

mod counting;

use std::error::Error;
use std::sync::Arc;

use clap::Parser;
use serde::Serialize;
use serde::de::DeserializeOwned;
use session_cases::{Arguments, Counted, Counts, History, Keeper, Small, Store};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool};
use teloxide::dispatching::dialogue::{InMemStorage, SqliteStorage, Storage};
use teloxide::prelude::{ChatId, Dialogue};

use counting::{Counting, Tally, Weighing};

/// A client of a storage, which counts on the way there.
struct Client<St>(Arc<Counting<St>>);

impl<S, St> Keeper<S> for Client<St>
where
    S: Counts + Clone,
    St: Storage<S, Error: Error + Send + Sync> + Send + Sync + 'static,
{
    /// A storage has no state of its own: another client is another handle.
    async fn other(&self) -> anyhow::Result<Self> {
        Ok(Self(Arc::clone(&self.0)))
    }

    async fn update(&self, session: u64, change: impl Fn(&mut S) + Send + Sync) -> anyhow::Result<()> {
        let dialogue = self.dialogue(session);
        let mut state = dialogue.get().await?.unwrap_or_default();
        change(&mut state);
        Ok(dialogue.update(state).await?)
    }

    async fn update_slowly(&self, session: u64, change: impl Fn(&mut S) + Send + Sync) -> anyhow::Result<()> {
        let dialogue = self.dialogue(session);
        let mut state = dialogue.get().await?.unwrap_or_default();
        change(&mut state);
        tokio::task::yield_now().await;
        Ok(dialogue.update(state).await?)
    }

    /// As `enter_dialogue` reads for every update, whether its handler wants the state or not.
    async fn read(&self, session: u64, look: impl Fn(&S) -> u64 + Send + Sync) -> anyhow::Result<u64> {
        Ok(look(&self.dialogue(session).get_or_default().await?))
    }

    fn counted(&self) -> Counted {
        self.0.tally.counted()
    }
}

impl<St> Client<St> {
    fn dialogue<S>(&self, session: u64) -> Dialogue<S, Counting<St>>
    where
        S: Send + 'static,
        Counting<St>: Storage<S>,
    {
        Dialogue::new(Arc::clone(&self.0), ChatId(session as i64 + 1))
    }
}

async fn sqlite(arguments: &Arguments, counted: bool) -> anyhow::Result<Client<SqliteStorage<Weighing>>> {
    let file = arguments.file(counted)?;
    // The storage opens its file by name and takes the journal as it finds it; by itself it would be a slower one.
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    SqlitePool::connect_with(options.journal_mode(SqliteJournalMode::Wal)).await?.close().await;
    let tally = Arc::new(Tally::of_bytes());
    let storage = SqliteStorage::open(&file.display().to_string(), Weighing(Arc::clone(&tally))).await?;
    Ok(Client(Arc::new(Counting { storage, tally })))
}

fn memory<S>() -> Client<InMemStorage<S>> {
    Client(Arc::new(Counting { storage: InMemStorage::new(), tally: Arc::default() }))
}

async fn run<S>(arguments: &Arguments) -> anyhow::Result<()>
where
    S: Counts + Clone + Serialize + DeserializeOwned,
{
    let peer = arguments.peer("dialogues");
    let report = match arguments.store {
        Store::Memory => session_cases::run::<S, _>(&peer, &arguments.run, async |_| Ok(memory())).await,
        Store::Sqlite => {
            let open = async |counted| sqlite(arguments, counted).await;
            session_cases::run::<S, _>(&peer, &arguments.run, open).await
        }
    };
    report?.print()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.run.case.starts_with("session-1mb") {
        true => run::<History>(&arguments).await,
        false => run::<Small>(&arguments).await,
    }
}
