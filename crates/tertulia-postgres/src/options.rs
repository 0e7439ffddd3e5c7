//! How a database is used.

use std::time::Duration;

use tertulia::Result;
use tertulia::storage::Limits;

use crate::Postgres;

/// Options of [`Postgres::connect`].
#[derive(Clone)]
pub struct PostgresOptions {
    pub(crate) limits: Limits,
    pub(crate) schema: Option<String>,
    pub(crate) direct_url: Option<String>,
    pub(crate) readers: Option<usize>,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) existing: bool,
}

impl PostgresOptions {
    /// The usual limits, the schema `tertulia`, four connections that read, 10 seconds to connect and 30 for a
    /// statement.
    pub fn new() -> Self {
        Self {
            limits: Limits::default(),
            schema: None,
            direct_url: None,
            readers: None,
            time_limit: None,
            connect_timeout: None,
            existing: false,
        }
    }

    /// Accepts up to these limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Keeps everything in this schema, so that several stores share a database: 1 to 40 small letters, digits and
    /// underscores. It stands before a `schema=` in the URL. `tertulia` unless told otherwise.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// Where the server itself is reached, if the URL leads to a pooler such as pgbouncer: for the one connection that
    /// hears what other processes change. Without it, behind a pooler, what others change is looked for each second.
    #[must_use]
    pub fn direct_url(mut self, url: impl Into<String>) -> Self {
        self.direct_url = Some(url.into());
        self
    }

    /// How many connections read at most: 4 unless told otherwise. One more writes, and up to three look after the
    /// store and tell and hear of changes.
    #[must_use]
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = Some(readers);
        self
    }

    /// How long a server may take to let us in: 10 seconds unless told otherwise. Where the URL names several, each has
    /// as long.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    /// How long the server may take to answer: 30 seconds unless told otherwise.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Connects to a store that is there only, and makes no schema. One of an older version is brought up to date.
    #[must_use]
    pub fn existing(mut self) -> Self {
        self.existing = true;
        self
    }

    /// Connects to the database of this URL, `postgres://user:password@host:port/database`, and makes the schema there
    /// if it is not yet made.
    ///
    /// The URL's parameters set what these options do, for programs that take a URL alone. What is set in code stands
    /// before what the URL says. Times are in seconds, such as `0.5`.
    ///
    /// | parameter | |
    /// |---|---|
    /// | `schema` | [`schema`](Self::schema) |
    /// | `direct_url` | [`direct_url`](Self::direct_url), with `&` and `#` percent-encoded, and `%` once more |
    /// | `readers` | [`readers`](Self::readers), 1 to 100 |
    /// | `time_limit`, `connect_timeout` | [`time_limit`](Self::time_limit), [`connect_timeout`](Self::connect_timeout) |
    /// | `sslmode` | `disable`, `prefer`, which is the default, `require`, `verify-ca`, `verify-full` |
    /// | `sslrootcert` | a file of PEM; the usual roots of the web otherwise |
    ///
    /// And the driver's own: `user`, `password`, `dbname`, `host`, `hostaddr`, `port`, `options`, `application_name`,
    /// `sslnegotiation`, `channel_binding`, `load_balance_hosts`, `tcp_user_timeout`, `keepalives`, `keepalives_idle`,
    /// `keepalives_interval`, `keepalives_retries`.
    ///
    /// # Errors
    /// `Unavailable` if the server cannot be reached or is a standby; `Invalid` if the URL or a parameter is wrong, the server older
    /// than 15, the user or password refused, a right is missing, or the schema is of a newer version or not ours.
    ///
    /// # Cancel safety
    /// Leaves nothing behind but perhaps the schema.
    pub async fn connect(self, url: &str) -> Result<Postgres> {
        Postgres::connect_with(self, url).await
    }
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("limits", &self.limits)
            .field("schema", &self.schema)
            .field("readers", &self.readers)
            .field("time_limit", &self.time_limit)
            .field("connect_timeout", &self.connect_timeout)
            .field("existing", &self.existing)
            .finish_non_exhaustive()
    }
}
