//! A storage each of whose calls may take so long.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Kind;
use crate::storage::{
    Batch, BoxFuture, Committed, Etag, Head, ListQuery, Listing, Page, Properties, Read, SeenPage, SeenQuery,
    Storage,
};
use crate::{Error, Key, Result};

/// Gives up waiting for the storage under it after some time: for what waits for it in the background.
#[derive(Debug)]
pub(in crate::graph) struct Limited {
    pub(in crate::graph) storage: Arc<dyn Storage>,
    pub(in crate::graph) limit: Duration,
}

impl Limited {
    async fn within<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::time::timeout(self.limit, call).await.unwrap_or_else(|_| {
            let limit = self.limit;
            Err(Error::new(Kind::Timeout, format!("the storage did not answer within {limit:?}")))
        })
    }
}

#[deny(clippy::missing_trait_methods)]
impl Storage for Limited {
    fn commit<'a>(&'a self, batch: Batch) -> BoxFuture<'a, Result<Committed>> {
        Box::pin(self.within(self.storage.commit(batch)))
    }

    fn read<'a>(&'a self, reads: &'a [Read]) -> BoxFuture<'a, Result<Vec<Result<Option<Page>>>>> {
        Box::pin(self.within(self.storage.read(reads)))
    }

    fn list<'a>(&'a self, query: &'a ListQuery) -> BoxFuture<'a, Result<Listing>> {
        Box::pin(self.within(self.storage.list(query)))
    }

    fn seen<'a>(&'a self, query: &'a SeenQuery) -> BoxFuture<'a, Result<SeenPage>> {
        Box::pin(self.within(self.storage.seen(query)))
    }

    fn changed<'a>(&'a self, key: &'a Key, seen: Option<Etag>) -> BoxFuture<'a, Result<Option<Head>>> {
        self.storage.changed(key, seen)
    }

    fn properties(&self) -> Properties {
        self.storage.properties()
    }
}
