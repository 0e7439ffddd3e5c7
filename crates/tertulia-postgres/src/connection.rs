//! Connections to the server: one at a time for whoever needs its own, and a few shared ones for readers.
//!
//! A pool crate would bring recycling, health checks and limits of its own: there are never more than a handful of
//! connections here, each with one use, and a dead one is replaced by whoever notices.

use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::{Error, Result};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Cause, failed, is_lost, late};
use crate::tls;
use crate::url::{Tls, Url};
use crate::values::Value;

/// Makes connections.
pub(crate) struct Connector {
    config: Config,
    /// `None` where nothing is secret.
    tls: Option<MakeRustlsConnect>,
    name: String,
    /// How long a statement may take.
    pub(crate) limit: Duration,
    /// How long all servers together may take to let us in.
    connecting: Duration,
}

/// A connection. Closed when dropped.
#[derive(Debug)]
pub(crate) struct Link {
    client: Client,
    /// Moves bytes. Ends by itself once the client is dropped and the server has heard of it.
    driver: JoinHandle<()>,
}

/// Texts that other processes sent, as long as the connection that hears them lives.
pub(crate) type Heard = mpsc::Receiver<String>;

impl Connector {
    /// # Errors
    /// `Invalid`.
    pub(crate) fn new(url: &Url, limit: Duration, connecting: Duration) -> Result<Self> {
        let tls = match url.tls {
            Tls::Disable => None,
            _ => Some(tls::connector(url)?),
        };
        let mut config = url.config.clone();
        if config.get_application_name().is_none() {
            config.application_name("tertulia");
        }
        // Where the URL names several servers, the one that writes is meant: a standby is behind it.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if !url.sets("keepalives_idle") {
            config.keepalives_idle(Duration::from_secs(15));
        }
        if !url.sets("tcp_user_timeout") {
            config.tcp_user_timeout(limit);
        }
        config.connect_timeout(connecting);
        let servers = config.get_hosts().len().max(config.get_hostaddrs().len());
        let connecting = connecting * u32::try_from(servers).unwrap_or(u32::MAX);
        Ok(Self { config, tls, name: url.name.clone(), limit, connecting })
    }

    /// The first connection.
    ///
    /// # Errors
    /// `Unavailable`; `Invalid` where the server does not let us in.
    pub(crate) async fn start(&self) -> Result<Link> {
        self.open(None).await
    }

    /// Another one. Who was let in at the start and is refused now is to wait until that is put right, whatever it wanted
    /// to do.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn connect(&self) -> Result<Link> {
        self.open(None).await.map_err(|error| match error.kind() {
            Kind::Invalid => Error::unavailable(error.to_string()).with_source(error),
            _ => error,
        })
    }

    /// A connection that hears. What is not taken in time ends it, so that nobody misses anything unnoticed.
    ///
    /// # Errors
    /// Like [`start`](Self::start).
    pub(crate) async fn connect_to_hear(&self) -> Result<(Link, Heard)> {
        let (said, heard) = mpsc::channel(4_096);
        Ok((self.open(Some(said)).await?, heard))
    }

    async fn open(&self, said: Option<mpsc::Sender<String>>) -> Result<Link> {
        let doing = || format!("cannot connect to {}", self.name);
        let opened = tokio::time::timeout(self.connecting, async {
            match &self.tls {
                None => self.config.connect(NoTls).await.map(|(client, connection)| Link {
                    client,
                    driver: tokio::spawn(drive(connection, said)),
                }),
                Some(tls) => self.config.connect(tls.clone()).await.map(|(client, connection)| Link {
                    client,
                    driver: tokio::spawn(drive(connection, said)),
                }),
            }
        });
        match opened.await {
            Ok(Ok(link)) => Ok(link),
            Ok(Err(cause)) if cause.code().is_none() => {
                let error = failed(&doing(), cause);
                // A driver that could not even begin says so in many ways.
                Err(Error::unavailable(error.to_string()).with_source(error))
            }
            Ok(Err(cause)) => Err(failed(&doing(), cause)),
            Err(_) => Err(late(&doing(), self.connecting)),
        }
    }
}

async fn drive<S, T>(mut connection: Connection<S, T>, said: Option<mpsc::Sender<String>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notification(notification)) => {
                if let Some(said) = &said
                    && said.try_send(notification.payload().to_owned()).is_err()
                {
                    return;
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(%error, "a connection to the database ended");
                return;
            }
        }
    }
}

impl Link {
    /// Calls a function of the schema and gives its rows. Calls that are polled one after the other arrive so, without
    /// waiting for each other's answers.
    pub(crate) async fn call(
        &self,
        schema: &str,
        name: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, Cause> {
        let mut sql = format!("SELECT * FROM {schema}.{name}(");
        for number in 1..=values.len() {
            sql.push_str(if number == 1 { "$" } else { ", $" });
            sql.push_str(&number.to_string());
        }
        sql.push(')');
        self.query(&sql, values).await
    }

    /// Runs a statement that is not prepared.
    pub(crate) async fn query(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Cause> {
        self.client.query_typed(sql, values).await
    }

    /// Runs statements without values.
    pub(crate) async fn run(&self, sql: &str) -> Result<(), Cause> {
        self.client.batch_execute(sql).await
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed() || self.driver.is_finished()
    }

    /// Closes it without a word, for a server that does not answer.
    pub(crate) fn cut(&self) {
        self.driver.abort();
    }
}

/// Connections that readers share. Each is opened when first needed.
pub(crate) struct Pool {
    connector: Arc<Connector>,
    slots: Vec<Slot>,
}

#[derive(Default)]
struct Slot {
    /// Held while it is opened.
    link: Mutex<Option<Arc<Link>>>,
    /// How many use it now.
    busy: AtomicUsize,
}

impl Pool {
    pub(crate) fn new(connector: Arc<Connector>, slots: usize) -> Self {
        Self { connector, slots: (0..slots.max(1)).map(|_| Slot::default()).collect() }
    }

    /// Runs what changes nothing on the least busy connection, once more on a new one if that turns out to be dead.
    ///
    /// # Errors
    /// What `work` gives, as `doing` puts it; `Unavailable` if there is no connection or no answer.
    pub(crate) async fn with<T, F>(&self, doing: &str, work: impl Fn(Arc<Link>) -> F) -> Result<T>
    where
        F: Future<Output = Result<T, Cause>>,
    {
        let slot =
            self.slots.iter().min_by_key(|slot| slot.busy.load(Ordering::Relaxed)).expect("at least one");
        let _busy = Busy::new(&slot.busy);
        let mut tried = false;
        loop {
            let link = slot.link(&self.connector).await?;
            match tokio::time::timeout(self.connector.limit, work(link.clone())).await {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(cause)) if is_lost(&cause) => {
                    link.cut();
                    if std::mem::replace(&mut tried, true) {
                        return Err(failed(doing, cause));
                    }
                }
                Ok(Err(cause)) => return Err(failed(doing, cause)),
                Err(_) => {
                    link.cut();
                    return Err(late(doing, self.connector.limit));
                }
            }
        }
    }
}

impl Slot {
    async fn link(&self, connector: &Connector) -> Result<Arc<Link>> {
        let mut slot = self.link.lock().await;
        if let Some(link) = slot.as_ref().filter(|link| !link.is_closed()) {
            return Ok(link.clone());
        }
        *slot = None;
        let link = Arc::new(connector.connect().await?);
        *slot = Some(link.clone());
        Ok(link)
    }
}

struct Busy<'a>(&'a AtomicUsize);

impl<'a> Busy<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("slots", &self.slots.len()).finish_non_exhaustive()
    }
}
