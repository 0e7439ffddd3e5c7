//! tower-sessions, without HTTP: a session is loaded, and saved whole if it was modified.

mod counting;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use clap::Parser;
use serde::Serialize;
use serde::de::DeserializeOwned;
use session_cases::{Arguments, Counted, Counts, History, Keeper, Small, Store};
use tokio_rusqlite::Connection;
use tower_sessions::session::Id;
use tower_sessions::{MemoryStore, Session, SessionStore};
use tower_sessions_rusqlite_store::RusqliteStore;

use counting::{Counting, Tally};

/// Where in a session's record the state is.
const STATE: &str = "state";

/// A client of a store, which counts on the way there.
struct Client<St> {
    store: Arc<Counting<St>>,
    /// The ids that browsers would hold.
    cookies: Cookies,
}

type Cookies = Arc<Mutex<HashMap<u64, Id>>>;

impl<S, St> Keeper<S> for Client<St>
where
    S: Counts + Serialize + DeserializeOwned,
    St: SessionStore,
{
    /// A store has no state of its own: another client is another handle.
    async fn other(&self) -> anyhow::Result<Self> {
        Ok(Self { store: Arc::clone(&self.store), cookies: Arc::clone(&self.cookies) })
    }

    async fn update(&self, session: u64, change: impl Fn(&mut S) + Send + Sync) -> anyhow::Result<()> {
        let (number, session) = (session, self.session(session));
        let mut state: S = session.get(STATE).await?.unwrap_or_default();
        change(&mut state);
        session.insert(STATE, state).await?;
        self.respond(number, &session).await
    }

    async fn update_slowly(&self, session: u64, change: impl Fn(&mut S) + Send + Sync) -> anyhow::Result<()> {
        let (number, session) = (session, self.session(session));
        let mut state: S = session.get(STATE).await?.unwrap_or_default();
        change(&mut state);
        session.insert(STATE, state).await?;
        tokio::task::yield_now().await;
        self.respond(number, &session).await
    }

    async fn read(&self, session: u64, look: impl Fn(&S) -> u64 + Send + Sync) -> anyhow::Result<u64> {
        let (number, session) = (session, self.session(session));
        let state: Option<S> = session.get(STATE).await?;
        self.respond(number, &session).await?;
        Ok(look(&state.unwrap_or_default()))
    }

    fn counted(&self) -> Counted {
        self.store.tally.counted()
    }
}

impl<St: SessionStore> Client<St> {
    /// The session of a request, as the layer makes it from its cookie.
    fn session(&self, number: u64) -> Session {
        let id = self.cookies.lock().expect("nobody panics while holding it").get(&number).copied();
        Session::new(id, Arc::clone(&self.store), None)
    }

    /// What the layer does after the handler.
    async fn respond(&self, number: u64, session: &Session) -> anyhow::Result<()> {
        if session.is_modified() && !session.is_empty().await {
            session.save().await?;
            if let Some(id) = session.id() {
                self.cookies.lock().expect("nobody panics while holding it").insert(number, id);
            }
        }
        Ok(())
    }
}

async fn sqlite(arguments: &Arguments, counted: bool) -> anyhow::Result<Client<RusqliteStore>> {
    let connection = Connection::open(arguments.file(counted)?).await?;
    connection
        .call(|connection| {
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "synchronous", "full")
        })
        .await?;
    let store = RusqliteStore::new(connection);
    store.migrate().await?;
    Ok(client(store, Tally::of_bytes(counted)))
}

fn client<St>(store: St, tally: Tally) -> Client<St> {
    Client { store: Arc::new(Counting { store, tally }), cookies: Arc::default() }
}

async fn run<S>(arguments: &Arguments) -> anyhow::Result<()>
where
    S: Counts + Serialize + DeserializeOwned,
{
    let peer = arguments.peer("tower-sessions");
    let report = match arguments.store {
        Store::Memory => {
            let open = async |_| Ok(client(MemoryStore::default(), Tally::default()));
            session_cases::run::<S, _>(&peer, &arguments.run, open).await
        }
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
