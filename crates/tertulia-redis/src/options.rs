//! How a store in Redis is connected to.

use std::fmt;
use std::time::Duration;

use tertulia::Result;
use tertulia::storage::Limits;

use crate::Redis;

/// What a commit waits for before it is acknowledged, beyond the server's own promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// How many replicas must have it.
    pub replicas: u32,
    /// Whether it must be on disk, here and on as many replicas (`WAITAOF`, from Redis 7.2 on). If not, replicas need
    /// to have it in memory only (`WAIT`).
    pub fsync: bool,
    /// For how long; a commit that has not come so far by then is `Unknown`, although it is applied.
    pub timeout: Duration,
}

/// Options of [`Redis::connect`].
#[derive(Clone)]
pub struct RedisOptions {
    pub(crate) prefix: Option<String>,
    pub(crate) limits: Limits,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) accept_eviction: bool,
    pub(crate) accept_no_aof: bool,
    pub(crate) unchecked: bool,
    pub(crate) wait: Option<Wait>,
    pub(crate) root_certificates: Option<Vec<u8>>,
    pub(crate) client_certificate: Option<(Vec<u8>, Vec<u8>)>,
    pub(crate) existing: bool,
    pub(crate) sentinel_user: Option<String>,
    pub(crate) sentinel_password: Option<String>,
    pub(crate) remembered: Option<usize>,
}

impl RedisOptions {
    /// The usual limits, 5 seconds to connect, 10 for a command.
    pub fn new() -> Self {
        Self {
            prefix: None,
            limits: Limits::default(),
            connect_timeout: None,
            timeout: None,
            accept_eviction: false,
            accept_no_aof: false,
            unchecked: false,
            wait: None,
            root_certificates: None,
            client_certificate: None,
            existing: false,
            sentinel_user: None,
            sentinel_password: None,
            remembered: None,
        }
    }

    /// What the names of everything in Redis begin with, so that several stores live in one: `tertulia` unless told
    /// otherwise, here or by `?prefix=` in the URL. 1 to 64 visible ASCII characters but braces.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Accepts up to these limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long connecting may take: 5 seconds unless told otherwise.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    /// How long an answer may take: 10 seconds unless told otherwise. A commit that has none by then is `Unknown`,
    /// and the connection is given up.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Accepts a server that throws keys away when its memory is full (`maxmemory-policy` is not `noeviction`).
    /// Whole logs may vanish then at any time; what is left of one is `Corrupt`.
    #[must_use]
    pub fn accept_eviction(mut self) -> Self {
        self.accept_eviction = true;
        self
    }

    /// Accepts a server without an append-only file (`appendonly` is `no`), which forgets what was committed when it
    /// restarts, wholly or since its last snapshot.
    #[must_use]
    pub fn accept_no_aof(mut self) -> Self {
        self.accept_no_aof = true;
        self
    }

    /// Accepts a server that does not tell its settings, since it allows no `INFO`: that they are as they should be
    /// is for the caller to know. [`properties`](tertulia::storage::Storage::properties) promise the least then.
    #[must_use]
    pub fn unchecked(mut self) -> Self {
        self.unchecked = true;
        self
    }

    /// Acknowledges a commit only when replicas, or disks, have it too. It narrows what a failover loses and does not
    /// end it: a replica that has less may still be promoted.
    #[must_use]
    pub fn wait(mut self, wait: Wait) -> Self {
        self.wait = Some(wait);
        self
    }

    /// Trusts the authorities in this PEM text, rather than the system's, to vouch for a server reached by `rediss:`.
    #[must_use]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// Shows this certificate and key, both PEM, to a server reached by `rediss:`.
    #[must_use]
    pub fn client_certificate(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.client_certificate = Some((certificate.into(), key.into()));
        self
    }

    /// Connects to a store that is there only, and makes none.
    #[must_use]
    pub fn existing(mut self) -> Self {
        self.existing = true;
        self
    }

    /// Whom sentinels know this process as, if not as their default user. The user and the password in the URL are for
    /// the server that sentinels tell of, and not for them.
    #[must_use]
    pub fn sentinel_user(mut self, user: impl Into<String>) -> Self {
        self.sentinel_user = Some(user.into());
        self
    }

    /// What sentinels want to hear from that user, if anything.
    #[must_use]
    pub fn sentinel_password(mut self, password: impl Into<String>) -> Self {
        self.sentinel_password = Some(password.into());
        self
    }

    /// Of how many logs and queues the last commit is remembered, to tell after a restart or a failover what was
    /// lost: 4,096 unless told otherwise, about 200 bytes each.
    #[must_use]
    pub fn remembered(mut self, keys: usize) -> Self {
        self.remembered = Some(keys);
        self
    }

    /// Connects to the server at `url`, over TLS where `redis` is `rediss`:
    ///
    /// - `redis://user:password@host:port/database?prefix=tertulia`: to this server. User, password, port (6379),
    ///   database (0) and prefix may be left out, here and below.
    /// - `redis-sentinel://user:password@host:port,host:port/database?master=name`: to the one that sentinels (26379)
    ///   tell; the user and the password are for that one, what sentinels ask for is in parameters.
    /// - `redis-cluster://user:password@host:port,host:port`: to the cluster that has these nodes, one of which has to
    ///   be there. A batch reaches one shard there.
    ///
    /// The URL's parameters set what these options do, for programs that take a URL alone. What is set in code stands
    /// before what the URL says. Times are in seconds, such as `0.5`; files hold PEM.
    ///
    /// | parameter | |
    /// |---|---|
    /// | `prefix` | [`prefix`](Self::prefix) |
    /// | `connect_timeout`, `timeout` | [`connect_timeout`](Self::connect_timeout), [`timeout`](Self::timeout) |
    /// | `wait_replicas`, `wait_fsync=yes`, `wait_timeout` (1 s) | [`wait`](Self::wait) |
    /// | `accept_eviction=yes`, `accept_no_aof=yes`, `unchecked=yes` | [`accept_eviction`](Self::accept_eviction) and so on |
    /// | `root_certificates`, `client_certificate`, `client_key` | files; with `rediss` |
    /// | `master`, `sentinel_user`, `sentinel_password` | with sentinels |
    /// | `remembered` | [`remembered`](Self::remembered) |
    ///
    /// # Errors
    /// `Invalid` for a URL that cannot be read, a parameter of it that is wrong or not known, a user or password that is not accepted, a server older than Redis
    /// 7.0, one that may throw away what it is told (the text names the setting and what to do), and a store of a
    /// newer version; `Unavailable` if it cannot be reached.
    ///
    /// # Cancel safety
    /// Leaves nothing behind.
    pub async fn connect(self, url: &str) -> Result<Redis> {
        Redis::connect_with(self, url).await
    }
}

/// Without the certificates, one of which comes with its key, and the password.
impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("prefix", &self.prefix)
            .field("limits", &self.limits)
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .field("accept_eviction", &self.accept_eviction)
            .field("accept_no_aof", &self.accept_no_aof)
            .field("unchecked", &self.unchecked)
            .field("wait", &self.wait)
            .field("existing", &self.existing)
            .field("sentinel_user", &self.sentinel_user)
            .field("remembered", &self.remembered)
            .finish_non_exhaustive()
    }
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_a_password_are_not_shown() {
        let options =
            RedisOptions::new().client_certificate("certificate", "secret").sentinel_password("secret");
        let shown = format!("{options:?}");
        assert!(!shown.contains("secret") && !shown.contains(&format!("{:?}", b"secret")), "{shown}");
    }
}
