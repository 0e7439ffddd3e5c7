//! Reading: one statement per call, which is one view of the store.

mod list;
mod page;
mod seen;

use tertulia::storage::{Head, ListQuery, Listing, Page, Read, SeenPage, SeenQuery};
use tertulia::{Error, Key, Result};

use crate::connection::Pool;

/// Reads from the server.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) pool: Pool,
    pub(crate) schema: String,
}

impl Reader {
    /// Answers all reads as of one moment.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn pages(&self, reads: &[Read]) -> Result<Vec<Result<Option<Page>>>> {
        page::pages(self, reads).await
    }

    /// The head of a log or queue.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    pub(crate) async fn head(&self, key: &Key) -> Result<Option<Head>> {
        let mut pages = self.pages(&[Read::head(key.clone())]).await?;
        let page = pages.pop().ok_or_else(|| Error::internal("a read was not answered"))??;
        Ok(page.map(|page| page.head()))
    }

    /// A page of keys.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`, `Invalid` for a foreign cursor.
    pub(crate) async fn list(&self, query: &ListQuery) -> Result<Listing> {
        list::list(self, query).await
    }

    /// A page of ids.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`, `Invalid` for a foreign cursor.
    pub(crate) async fn seen(&self, query: &SeenQuery) -> Result<SeenPage> {
        seen::seen(self, query).await
    }
}
