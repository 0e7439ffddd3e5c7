//! Where things are kept, as the configuration writes it, and how that is opened.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use tertulia::storage::{Limits, Memory, Storage};
use tertulia::{Clock, Result};
use tertulia_sqlite::{Sqlite, SqliteOptions};

use crate::failure::Failure;

/// `memory:` or `sqlite:<path>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Memory,
    Sqlite(PathBuf),
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() && !path.contains('\0') => {
                Ok(Self::Sqlite(path.into()))
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
        self.sqlite.is_some()
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
        })
    }

    /// Opens it for reading, beside whoever writes.
    ///
    /// # Errors
    /// Those of the storage; for `memory:`, that there is nothing to be seen.
    pub(crate) async fn open_read_only(&self) -> Result<Arc<dyn Storage>, Failure> {
        match self {
            Self::Memory => {
                Err(Failure::Usage("`memory:` keeps nothing that another process could read".into()))
            }
            Self::Sqlite(path) => Ok(Arc::new(Sqlite::open_read_only(path).await?)),
        }
    }

    /// Where the process that has it open can be reached, if there is one that said so.
    ///
    /// # Errors
    /// What the storage gives.
    pub(crate) fn server(&self) -> Result<Option<String>> {
        match self {
            Self::Memory => Ok(None),
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
