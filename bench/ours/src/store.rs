//! Where everything is kept; servers are this program's own.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use clap::ValueEnum;
use tertulia::storage::{Memory, Storage};
use tertulia_postgres::Postgres;
use tertulia_redis::Redis;
use tertulia_sqlite::Sqlite;
use tertulia_testkit::servers::Server;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Store {
    Memory,
    Sqlite,
    Redis,
    Postgres,
}

/// A storage, and the server that it is on, if it is on one. The server ends when dropped.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) storage: Arc<dyn Storage>,
    _server: Option<Server>,
}

impl Store {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
        }
    }

    /// Opens it, in `dir` if it is a file.
    pub(crate) async fn open(self, dir: Option<&Path>) -> anyhow::Result<Open> {
        let mut running = None;
        let storage: Arc<dyn Storage> = match self {
            Self::Memory => Arc::new(Memory::new()),
            Self::Sqlite => Arc::new(Sqlite::open(dir.context("--dir is missing")?.join("ours.db")).await?),
            Self::Redis => {
                let server = running.insert(Server::redis());
                Arc::new(Redis::connect(&format!("redis://127.0.0.1:{}", server.port())).await?)
            }
            Self::Postgres => {
                let server = running.insert(Server::postgres());
                Arc::new(Postgres::connect(&server.postgres_url()).await?)
            }
        };
        Ok(Open { storage, _server: running })
    }
}
