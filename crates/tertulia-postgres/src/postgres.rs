//! The handle: a storage whose commits go to the writer task and whose reads go to the readers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::error::Kind;
use tertulia::storage::{
    Batch, BoxFuture, Committed, Durability, Etag, Head, Hub, ListQuery, Listing, Page, Properties, Read,
    Scope, SeenPage, SeenQuery, Storage,
};
use tertulia::{Error, Key, Result};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, coop};

use crate::PostgresOptions;
use crate::connection::{Connector, Pool};
use crate::error::late;
use crate::handoff::Handoff;
use crate::hearing::{Hearing, Listener, Notifier};
use crate::install::install;
use crate::reader::Reader;
use crate::schema;
use crate::sweep::Sweeper;
use crate::url::Url;
use crate::writer::Writer;

/// How many connections read, unless told otherwise.
const READERS: usize = 4;

/// How long the server may take to answer, unless told otherwise.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// How long a server may take to let us in, unless told otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A store in a PostgreSQL database. Clones share it. When the last one is dropped, what is queued is still written,
/// in the background.
#[derive(Clone)]
pub struct Postgres(Arc<Inner>);

struct Inner {
    properties: Properties,
    reader: Arc<Reader>,
    shared: Arc<Shared>,
    /// Ends by itself once the handoff is closed and empty.
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Aborted with the last handle.
    tasks: Vec<JoinHandle<()>>,
}

/// What the handles and the tasks share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) handoff: Handoff,
    pub(crate) hub: Hub,
    pub(crate) hearing: Hearing,
    /// There is something to free.
    pub(crate) sweep: Notify,
}

impl Postgres {
    /// Connects with the usual options. See [`PostgresOptions::connect`], also for what the URL may say.
    ///
    /// # Errors
    /// Those of [`PostgresOptions::connect`].
    ///
    /// # Cancel safety
    /// Leaves nothing behind but perhaps the schema.
    pub async fn connect(url: &str) -> Result<Self> {
        PostgresOptions::new().connect(url).await
    }

    /// Drops this handle and, if it is the last one, waits until everything queued is written.
    ///
    /// # Cancel safety
    /// If dropped, closing goes on in the background.
    pub async fn close(self) {
        let Some(inner) = Arc::into_inner(self.0) else { return };
        inner.shared.handoff.close();
        let writer = inner.writer.lock().take();
        if let Some(writer) = writer {
            // It fails only if the writer panicked, which its callers were told.
            let _ = writer.await;
        }
    }

    pub(crate) async fn connect_with(options: PostgresOptions, url: &str) -> Result<Self> {
        let url = Url::parse(url)?;
        let schema = options.schema.or(url.schema.clone()).unwrap_or_else(|| "tertulia".into());
        schema::check_name(&schema)?;
        let limits = options.limits;
        let readers = options.readers.or(url.readers).unwrap_or(READERS);
        let time_limit = options.time_limit.or(url.time_limit).unwrap_or(TIME_LIMIT);
        let connecting = options.connect_timeout.or(url.connect_timeout).unwrap_or(CONNECT_TIMEOUT);
        let connector = Arc::new(Connector::new(&url, time_limit, connecting)?);
        let direct = match options.direct_url.as_ref().or(url.direct_url.as_ref()) {
            None => connector.clone(),
            Some(direct) => {
                let direct = Url::parse_direct(direct)?;
                let connecting = direct.connect_timeout.unwrap_or(connecting);
                Arc::new(Connector::new(&direct, time_limit, connecting)?)
            }
        };
        let link = connector.start().await?;
        let looked = tokio::time::timeout(time_limit, schema::inspect(&link)).await;
        let server = looked.unwrap_or_else(|_| Err(late(&format!("cannot ask {}", url.name), time_limit)))?;
        install(&link, &schema, options.existing, time_limit).await?;
        drop(link);
        let properties = Properties {
            name: format!("{}?schema={schema}", url.name),
            scope: Scope::Store,
            durability: Durability {
                process_kill: true,
                power_loss: server.flushes,
                failover: server.flushes && server.has_standby,
            },
            limits,
        };
        let shared = Arc::new(Shared {
            handoff: Handoff::new(),
            hub: Hub::default(),
            hearing: Hearing::new(&schema),
            sweep: Notify::new(),
        });
        let reader = Arc::new(Reader { pool: Pool::new(connector.clone(), readers), schema: schema.clone() });
        let writer = Writer::new(connector.clone(), schema.clone(), limits, shared.clone());
        let notifier = Notifier { connector: connector.clone(), shared: shared.clone() };
        let sweeper = Sweeper { connector: connector.clone(), schema, shared: shared.clone() };
        let listener = Listener { direct, connector, reader: reader.clone(), shared: shared.clone() };
        let tasks =
            vec![tokio::spawn(notifier.run()), tokio::spawn(sweeper.run()), tokio::spawn(listener.run())];
        let writer = Mutex::new(Some(tokio::spawn(writer.run())));
        Ok(Self(Arc::new(Inner { properties, reader, shared, writer, tasks })))
    }

    async fn commit_batch(&self, batch: Batch) -> Result<Committed> {
        coop::consume_budget().await;
        batch.check(&self.0.properties.limits)?;
        if batch.writes.is_empty() {
            return Ok(Committed::default());
        }
        let answer = self.0.shared.handoff.push(batch).await?;
        answer.await.unwrap_or_else(|_| Err(Error::new(Kind::Unknown, "the writer ended before it answered")))
    }

    async fn changed_from(&self, key: &Key, seen: Option<Etag>) -> Result<Option<Head>> {
        let Shared { hub, hearing, .. } = &*self.0.shared;
        let _watching = hearing.watch(key);
        hub.changed(key, seen, || self.0.reader.head(key)).await
    }
}

impl Storage for Postgres {
    fn commit<'a>(&'a self, batch: Batch) -> BoxFuture<'a, Result<Committed>> {
        Box::pin(self.commit_batch(batch))
    }

    fn read<'a>(&'a self, reads: &'a [Read]) -> BoxFuture<'a, Result<Vec<Result<Option<Page>>>>> {
        Box::pin(self.0.reader.pages(reads))
    }

    fn list<'a>(&'a self, query: &'a ListQuery) -> BoxFuture<'a, Result<Listing>> {
        Box::pin(self.0.reader.list(query))
    }

    fn seen<'a>(&'a self, query: &'a SeenQuery) -> BoxFuture<'a, Result<SeenPage>> {
        Box::pin(self.0.reader.seen(query))
    }

    fn changed<'a>(&'a self, key: &'a Key, seen: Option<Etag>) -> BoxFuture<'a, Result<Option<Head>>> {
        Box::pin(self.changed_from(key, seen))
    }

    fn properties(&self) -> Properties {
        self.0.properties.clone()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.handoff.close();
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("name", &self.0.properties.name).finish_non_exhaustive()
    }
}
