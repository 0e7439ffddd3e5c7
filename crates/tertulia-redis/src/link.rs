//! The connection that commits and reads go over: made when first needed, shared by all callers, made again when lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, PushInfo, PushKind, RedisResult, Value, cmd};
use tertulia::error::Kind;
use tertulia::storage::Read;
use tertulia::{Error, Key, Result};
use tokio::time::Instant;

use crate::RedisOptions;
use crate::address::Address;
use crate::answer;
use crate::error::{failed, is_demoted, is_lost, is_moved, unexpected};
use crate::lost::Recent;
use crate::script::READ;
use crate::start::{self, Server};
use crate::wire::{self, Call};

/// The wait after a first failure to connect; each is twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How long connecting may take, unless told otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer may take, unless told otherwise.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// What to do where a sentinel lets nobody in.
const OF_SENTINELS: &str = "what sentinels ask for is `sentinel_user` and `sentinel_password` in the URL, not its \
    user and its password";

/// A connection that many callers send over at once.
#[derive(Clone)]
pub(crate) struct Connection(MultiplexedConnection);

impl Connection {
    /// Connects to a server. Messages that nobody asked for go to `heard`.
    ///
    /// # Errors
    /// The connection's, and the server's if it lets nobody in.
    pub(crate) async fn open(
        client: &Client,
        options: &RedisOptions,
        heard: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> RedisResult<Self> {
        // A connection that waits for replicas answers nothing else meanwhile.
        let timeout =
            options.timeout.unwrap_or(TIMEOUT) + options.wait.map_or(Duration::ZERO, |wait| wait.timeout);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.connect_timeout.unwrap_or(CONNECT_TIMEOUT)))
            .set_response_timeout(Some(timeout))
            .set_push_sender(move |push| {
                heard(push);
                Ok::<_, redis::aio::SendError>(())
            });
        client.get_multiplexed_async_connection_with_config(&config).await.map(Self)
    }

    /// Sends one command.
    ///
    /// # Errors
    /// The server's, and the connection's.
    pub(crate) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.0.req_packed_command(command).await?.extract_error()
    }

    /// Sends commands together, and gives their answers.
    ///
    /// # Errors
    /// The first of the server's, and the connection's.
    pub(crate) async fn send_all(&mut self, commands: &Pipeline) -> RedisResult<Vec<Value>> {
        let answers = self.0.req_packed_commands(commands, 0, commands.len()).await?;
        answers.into_iter().map(Value::extract_error).collect()
    }
}

/// A connection that is in use, until it is lost.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) connection: Connection,
    /// Set by the connection when it ends.
    gone: Arc<AtomicBool>,
}

/// How it is found out where the server is.
pub(crate) enum Way {
    /// It is there.
    Server(Box<Client>),
    /// The sentinels of the address tell, by this name.
    Sentinels(String),
}

/// How a server is reached.
pub(crate) struct Link {
    way: Way,
    pub(crate) address: Arc<Address>,
    options: RedisOptions,
    /// What this process committed last, to be compared with what a server has that was started since.
    recent: Arc<Recent>,
    /// Whether a server that was not known yet is compared too.
    suspect: bool,
    live: Mutex<Option<Live>>,
    /// Held by who connects; the others wait for it.
    connecting: tokio::sync::Mutex<Backoff>,
}

/// When to try again, and whom it was connected to.
#[derive(Default)]
struct Backoff {
    failures: u32,
    /// With what was told then.
    not_before: Option<(Instant, String)>,
    server: Option<Server>,
}

impl Link {
    pub(crate) fn new(
        way: Way,
        address: Arc<Address>,
        options: RedisOptions,
        recent: Arc<Recent>,
        suspect: bool,
    ) -> Self {
        let (live, connecting) = (Mutex::new(None), tokio::sync::Mutex::default());
        Self { way, address, options, recent, suspect, live, connecting }
    }

    pub(crate) fn way(&self) -> &Way {
        &self.way
    }

    /// Connects for the first time, and tells to whom.
    ///
    /// # Errors
    /// `Invalid`, `Unavailable`: see [`RedisOptions::connect`].
    pub(crate) async fn start(&self) -> Result<Server> {
        let mut backoff = self.connecting.lock().await;
        let mut live = self.connect().await?;
        let server = start::check(&mut live.connection, &self.options, &self.address.shown).await?;
        backoff.server = Some(server.clone());
        *self.live.lock() = Some(live);
        Ok(server)
    }

    /// The connection; another one if it was lost.
    ///
    /// # Errors
    /// `Unavailable`: nothing was sent.
    pub(crate) async fn get(&self) -> Result<Live> {
        if let Some(live) = self.current() {
            return Ok(live);
        }
        let mut backoff = self.connecting.lock().await;
        // Another one may have made it meanwhile.
        if let Some(live) = self.current() {
            return Ok(live);
        }
        if let Some((until, said)) = &backoff.not_before
            && Instant::now() < *until
        {
            return Err(Error::unavailable(said.clone()));
        }
        // Who was let in at the start and is refused now is to wait until that is put right, whatever it wanted to do.
        let connected = self.connect_again(&mut backoff).await.map_err(|error| match error.kind() {
            Kind::Invalid => Error::unavailable(error.to_string()).with_source(error),
            _ => error,
        });
        match connected {
            Ok(live) => {
                backoff.failures = 0;
                backoff.not_before = None;
                *self.live.lock() = Some(live.clone());
                Ok(live)
            }
            Err(error) => {
                let wait = (FIRST_WAIT * 2_u32.saturating_pow(backoff.failures.min(10))).min(LONGEST_WAIT);
                let wait = wait.mul_f64(0.5 + fastrand::f64() / 2.0);
                backoff.failures += 1;
                backoff.not_before = Some((Instant::now() + wait, error.to_string()));
                Err(error)
            }
        }
    }

    /// Forgets a connection over which a command failed, if the failure says that it is of no more use.
    pub(crate) fn failed(&self, live: &Live, cause: &redis::RedisError) {
        if !is_lost(cause) && !is_demoted(cause) {
            return;
        }
        live.gone.store(true, Ordering::Release);
        self.live.lock().take_if(|current| Arc::ptr_eq(&current.gone, &live.gone));
    }

    fn current(&self) -> Option<Live> {
        let mut live = self.live.lock();
        live.take_if(|live| live.gone.load(Ordering::Acquire));
        live.clone()
    }

    async fn connect_again(&self, backoff: &mut Backoff) -> Result<Live> {
        let mut live = self.connect().await?;
        let server = start::identify(&mut live.connection, &self.options).await?;
        if backoff.server.as_ref().map_or(self.suspect, |before| !before.is_same(&server)) {
            tracing::warn!(store = %self.address.shown, "connected to a server that was started since");
            self.compare(&mut live.connection).await?;
        }
        backoff.server = Some(server);
        Ok(live)
    }

    /// Finds out what a server lacks of the last commits, before anything else is committed to it.
    async fn compare(&self, connection: &mut Connection) -> Result<()> {
        let mut keys = self.recent.keys();
        keys.sort_by_cached_key(Key::shard);
        for keys in keys.chunk_by(|one, next| one.shard() == next.shard()) {
            let reads: Vec<Read> = keys.iter().cloned().map(Read::head).collect();
            let mut call = Call::default();
            for read in &reads {
                wire::read(read, &self.address.names, &mut call);
            }
            let answer = match READ.call(connection, &call).await {
                // Another node of the cluster has it.
                Err(cause) if is_moved(&cause) => continue,
                answer => answer.map_err(|cause| failed("cannot compare the last commits", cause))?,
            };
            let pages = answer::pages(reads.iter(), answer)?;
            // One that cannot be read is not lost, and whoever reads it is told.
            let heads = keys.iter().zip(pages);
            let heads = heads.filter_map(|(key, page)| Some((key, page.ok()?.map(|page| page.head()))));
            self.recent.compare(&self.address.shown, heads);
        }
        Ok(())
    }

    async fn connect(&self) -> Result<Live> {
        let gone = Arc::new(AtomicBool::new(false));
        let flag = gone.clone();
        let connection = self.open(move |push| {
            if push.kind == PushKind::Disconnection {
                flag.store(true, Ordering::Release);
            }
        });
        Ok(Live { connection: connection.await?, gone })
    }

    /// Opens a connection whose messages go to `heard`.
    ///
    /// # Errors
    /// `Unavailable`, `Invalid`.
    pub(crate) async fn open(&self, heard: impl Fn(PushInfo) + Send + Sync + 'static) -> Result<Connection> {
        let found;
        let client = match &self.way {
            Way::Server(client) => client,
            Way::Sentinels(master) => {
                found = self.ask_sentinels(master).await?;
                &found
            }
        };
        let connection = Connection::open(client, &self.options, heard).await;
        let doing = format!("cannot connect to {}", self.address.shown);
        connection.map_err(|cause| match cause.code() {
            Some("NOAUTH") => Error::invalid(format!(
                "{doing}: it wants a password, which stands before the `@` of the URL"
            ))
            .with_source(cause),
            _ => failed(&doing, cause),
        })
    }

    /// Where the server is, by the first sentinel that tells.
    async fn ask_sentinels(&self, master: &str) -> Result<Box<Client>> {
        let doing = || format!("cannot ask the sentinels of {}", self.address.shown);
        let mut last = None;
        for sentinel in &self.address.servers {
            let asked = async {
                let mut connection = Connection::open(sentinel, &self.options, |_| {}).await?;
                connection.send(cmd("SENTINEL").arg("get-master-addr-by-name").arg(master)).await
            };
            match asked.await {
                Ok(Value::Nil) => last = Some(Error::unavailable(format!("no sentinel knows of `{master}`"))),
                Ok(answer) => {
                    let place: Option<(String, u16)> = redis::from_redis_value(answer).ok();
                    let (host, port) = place.ok_or_else(|| unexpected(&doing()))?;
                    return self.address.at(&host, port).map(Box::new);
                }
                Err(cause) => {
                    let error = failed(&doing(), cause);
                    last = Some(match error.kind() {
                        Kind::Invalid => {
                            Error::invalid(format!("{error}; {OF_SENTINELS}")).with_source(error)
                        }
                        _ => error,
                    });
                }
            }
        }
        Err(last.unwrap_or_else(|| Error::unavailable("there are no sentinels")))
    }
}
