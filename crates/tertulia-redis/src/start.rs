//! What a server is asked before it is trusted with anything: who it is, and whether it keeps what it is told.

use std::collections::HashMap;

use redis::{Value, cmd, pipe};
use tertulia::storage::Durability;
use tertulia::{Error, Result};

use crate::RedisOptions;
use crate::address::Address;
use crate::error::{failed, is_moved, unexpected};
use crate::link::Connection;

/// The first version whose scripts declare what they do, and which has channels of shards.
const OLDEST: (u32, u32) = (7, 0);

/// What a store is, in the key that every store has.
const STORE: &str = "tertulia 1";

/// Who answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Server {
    /// Of this run of the server. Empty if it does not tell.
    run: String,
    pub(crate) durability: Option<Durability>,
}

impl Server {
    /// Promises no more than another one does, too.
    pub(crate) fn weaken(&mut self, other: &Self) {
        self.durability = match (self.durability, other.durability) {
            (Some(one), Some(other)) => {
                let power_loss = one.power_loss && other.power_loss;
                Some(Durability { power_loss, ..one })
            }
            _ => None,
        };
    }

    /// Whether it is the server that it was, not started since. One that does not tell counts as another.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.run == other.run && !self.run.is_empty()
    }
}

/// Refuses a server that may lose what it is told, and a store that is not ours or newer.
///
/// # Errors
/// `Invalid`, naming the setting and what to do; `Unavailable`.
pub(crate) async fn check(
    connection: &mut Connection,
    options: &RedisOptions,
    shown: &str,
) -> Result<Server> {
    let server = match info(connection, options).await? {
        None => Server::default(),
        Some(info) => {
            info.check(options, shown)?;
            let always = info.is_yes("aof_enabled") && fsyncs_always(connection).await?;
            let durability = Durability { process_kill: true, power_loss: always, failover: false };
            Server { run: info.text("run_id").to_owned(), durability: Some(durability) }
        }
    };
    if options.wait.is_some_and(|wait| wait.fsync) {
        let known = cmd("COMMAND").arg("INFO").arg("WAITAOF").to_owned();
        let answer =
            connection.send(&known).await.map_err(|cause| failed("cannot ask for WAITAOF", cause))?;
        if matches!(&answer, Value::Array(commands) if commands.iter().all(|command| *command == Value::Nil))
        {
            return Err(Error::invalid(format!(
                "{shown} has no WAITAOF, which Redis has from 7.2 on: wait for replicas without the disk, or upgrade"
            )));
        }
    }
    Ok(server)
}

/// Who answers, when connected again.
///
/// # Errors
/// `Unavailable`, also if it is a replica now.
pub(crate) async fn identify(connection: &mut Connection, options: &RedisOptions) -> Result<Server> {
    let Some(info) = info(connection, options).await? else { return Ok(Server::default()) };
    if info.text("role") == "slave" {
        return Err(Error::unavailable("connected to a replica, which takes no commits"));
    }
    if info.is_yes("loading") {
        return Err(Error::unavailable("the server is still loading what it has"));
    }
    Ok(Server { run: info.text("run_id").to_owned(), durability: None })
}

/// Whether a node of a cluster said that another one has what it was asked for.
pub(crate) fn is_elsewhere(error: &Error) -> bool {
    error.detail::<redis::RedisError>().is_some_and(is_moved)
}

/// Says in Redis that here is a store, unless only one that is there is wanted.
///
/// # Errors
/// `Invalid` if it is not ours, newer, or not there though it is to be; `Unavailable`.
pub(crate) async fn claim(connection: &mut Connection, address: &Address, existing: bool) -> Result<()> {
    let key = address.names.store();
    let mut claim = pipe();
    if !existing {
        claim.cmd("SET").arg(&key).arg(STORE).arg("NX");
    }
    claim.cmd("GET").arg(&key);
    let doing = "cannot look for the store";
    let answers = connection.send_all(&claim).await.map_err(|cause| failed(doing, cause))?;
    let found = match answers.last() {
        Some(Value::BulkString(found)) => found,
        Some(Value::Nil) if existing => {
            return Err(Error::invalid(format!("there is no store at {}", address.shown)));
        }
        _ => return Err(unexpected(doing)),
    };
    if found == STORE.as_bytes() {
        return Ok(());
    }
    let found = String::from_utf8_lossy(found);
    Err(Error::invalid(match found.strip_prefix("tertulia ") {
        Some(version) => {
            format!("{} has a store of version {version}, this program knows version 1", address.shown)
        }
        None => format!("{} has something else under `{key}`: choose another prefix", address.shown),
    }))
}

/// Whether every commit is on disk before it is acknowledged; no, if the server does not say.
async fn fsyncs_always(connection: &mut Connection) -> Result<bool> {
    match connection.send(cmd("CONFIG").arg("GET").arg("appendfsync")).await {
        Ok(answer) => {
            let pairs: HashMap<String, String> = redis::from_redis_value(answer).unwrap_or_default();
            Ok(pairs.get("appendfsync").is_some_and(|when| when == "always"))
        }
        Err(cause) if cause.is_io_error() => Err(failed("cannot ask for appendfsync", cause)),
        Err(_) => Ok(false),
    }
}

/// What `INFO` tells; `None` if it is not to be asked.
async fn info(connection: &mut Connection, options: &RedisOptions) -> Result<Option<Info>> {
    let text = match connection.send(&cmd("INFO")).await {
        Ok(Value::BulkString(text)) => String::from_utf8_lossy(&text).into_owned(),
        Ok(Value::VerbatimString { text, .. }) => text,
        Ok(_) => return Err(unexpected("cannot ask for INFO")),
        Err(_) if options.unchecked => return Ok(None),
        Err(cause) if cause.to_string().contains("NOPERM") || cause.code() == Some("NOPERM") => {
            return Err(Error::invalid(
                "this user may not ask for INFO, which tells whether the server keeps what it is told: \
                 allow it (`ACL SETUSER <user> +info`), or vouch for the settings with `unchecked=yes` in the URL",
            )
            .with_source(cause));
        }
        Err(cause) => return Err(failed("cannot ask for INFO", cause)),
    };
    Ok(Some(Info(
        text.lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect(),
    )))
}

struct Info(HashMap<String, String>);

impl Info {
    fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn is_yes(&self, name: &str) -> bool {
        self.text(name) == "1"
    }

    fn check(&self, options: &RedisOptions, shown: &str) -> Result<()> {
        let version = self.text("redis_version");
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
        if (parts.next().unwrap_or_default(), parts.next().unwrap_or_default()) < OLDEST {
            return Err(Error::invalid(format!("{shown} is Redis {version}, at least 7.0 is needed")));
        }
        if self.text("role") == "slave" {
            return Err(Error::invalid(format!("{shown} is a replica: connect to its primary")));
        }
        if self.is_yes("loading") {
            return Err(Error::unavailable(format!("{shown} is still loading what it has")));
        }
        let policy = self.text("maxmemory_policy");
        if policy != "noeviction" && !options.accept_eviction {
            return Err(Error::invalid(format!(
                "{shown} has `maxmemory-policy {policy}` and would throw conversations away when its memory is full: \
                 set it to `noeviction`, or admit it with `accept_eviction=yes` in the URL"
            )));
        }
        if !self.is_yes("aof_enabled") && !options.accept_no_aof {
            return Err(Error::invalid(format!(
                "{shown} has `appendonly no` and would forget commits when it restarts: \
                 set it to `yes`, or admit it with `accept_no_aof=yes` in the URL"
            )));
        }
        Ok(())
    }
}
