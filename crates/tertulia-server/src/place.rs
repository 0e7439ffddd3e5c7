//! Where things are kept, as the configuration writes it, and how that is opened.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use tertulia::storage::{Limits, Memory, Storage};
use tertulia::{Clock, Result};
use tertulia_postgres::{Postgres, PostgresOptions};
use tertulia_redis::{Redis, RedisOptions};
use tertulia_sqlite::{Sqlite, SqliteOptions};

use crate::config::without_password;
use crate::failure::Failure;

/// `memory:`, `sqlite:<path>`, or the URL of a database server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Memory,
    Sqlite(PathBuf),
    /// With one of the schemes [`REDIS`], and a password perhaps.
    Redis(String),
    /// `postgres:`, with a password perhaps.
    Postgres(String),
}

/// One server, a cluster, and a server that sentinels tell of; over TLS with a second `s`.
const REDIS: [&str; 6] =
    ["redis", "rediss", "redis-cluster", "rediss-cluster", "redis-sentinel", "rediss-sentinel"];

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() && !path.contains('\0') => {
                Ok(Self::Sqlite(path.into()))
            }
            Some((scheme, rest)) if REDIS.contains(&scheme) && rest.starts_with("//") => {
                Ok(Self::Redis(text.to_owned()))
            }
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                Ok(Self::Postgres(text.to_owned()))
            }
            _ => Err(()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Redis(url) | Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

/// A storage that is open for writing.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) storage: Arc<dyn Storage>,
    sqlite: Option<Sqlite>,
}

impl Opened {
    /// Whether what is kept survives this process.
    pub(crate) fn survives(&self) -> bool {
        self.storage.properties().durability.process_kill
    }
}

impl Place {
    /// Opens it for reading and writing.
    ///
    /// # Errors
    /// What the storage gives.
    pub(crate) async fn open(&self, clock: &Clock) -> Result<Opened> {
        Ok(match self {
            Self::Memory => {
                let memory = Memory::with(clock.clone(), Limits::default(), Memory::DEFAULT_MAX_BYTES);
                Opened { storage: Arc::new(memory), sqlite: None }
            }
            Self::Sqlite(path) => {
                let sqlite = SqliteOptions::new().clock(clock.clone()).open(path).await?;
                Opened { storage: Arc::new(sqlite.clone()), sqlite: Some(sqlite) }
            }
            Self::Redis(url) => Opened { storage: Arc::new(Redis::connect(url).await?), sqlite: None },
            Self::Postgres(url) => Opened { storage: Arc::new(Postgres::connect(url).await?), sqlite: None },
        })
    }

    /// Opens it for reading, beside whoever writes. It is not made if it is not there.
    ///
    /// # Errors
    /// Those of the storage; for `memory:`, that there is nothing to be seen.
    pub(crate) async fn open_read_only(&self) -> Result<Arc<dyn Storage>, Failure> {
        match self {
            Self::Memory => {
                Err(Failure::Usage("`memory:` keeps nothing that another process could read".into()))
            }
            Self::Sqlite(path) => Ok(Arc::new(Sqlite::open_read_only(path).await?)),
            Self::Redis(url) => Ok(Arc::new(RedisOptions::new().existing().connect(url).await?)),
            Self::Postgres(url) => Ok(Arc::new(PostgresOptions::new().existing().connect(url).await?)),
        }
    }

    /// Whether several processes may have it open for writing, so that nobody can tell whether one has.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Redis(_) | Self::Postgres(_))
    }

    /// Where the process that has it open can be reached, if there is one that said so.
    ///
    /// # Errors
    /// What the storage gives.
    pub(crate) fn server(&self) -> Result<Option<String>> {
        match self {
            Self::Memory | Self::Redis(_) | Self::Postgres(_) => Ok(None),
            Self::Sqlite(path) => Ok(Sqlite::owner(path)?.and_then(|owner| owner.address)),
        }
    }
}

impl Opened {
    /// Says where this process can be reached, for tools that find the storage in use.
    ///
    /// # Errors
    /// What the storage gives.
    pub(crate) fn set_address(&self, address: &str) -> Result<()> {
        self.sqlite.as_ref().map_or(Ok(()), |sqlite| sqlite.set_address(address))
    }

    /// Waits until everything is written and the storage is closed.
    pub(crate) async fn close(self) {
        let Self { storage, sqlite } = self;
        drop(storage);
        if let Some(sqlite) = sqlite {
            sqlite.close().await;
        }
    }
}
