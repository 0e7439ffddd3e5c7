//! Where a store is: what its URL says, and a name for it that tells no password.

use redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    RedisConnectionInfo, TlsCertificates,
};
use tertulia::{Error, Result};

use crate::RedisOptions;
use crate::names::Names;
use crate::url::Url;

/// Where a store is.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) form: Form,
    /// The servers that the URL names: the one, the sentinels, or some of a cluster.
    pub(crate) servers: Vec<Client>,
    pub(crate) names: Names,
    /// Fit to be printed.
    pub(crate) shown: String,
    /// How a server is connected to, wherever it is.
    like: ConnectionInfo,
    tls: Option<TlsCertificates>,
}

/// What the servers of a URL are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The server itself.
    Server,
    /// Sentinels, which tell the server of this name.
    Sentinels(String),
    /// Nodes of a cluster.
    Cluster,
}

impl Address {
    /// By a URL, and options that hold what its parameters say.
    ///
    /// # Errors
    /// `Invalid`; the text does not repeat the URL, which may hold a password.
    pub(crate) fn new(Url { form, servers }: Url, options: &RedisOptions) -> Result<Self> {
        let prefix = options.prefix.as_deref().unwrap_or("tertulia");
        let names = Names::new(prefix)?;
        let infos = servers.iter().map(|url| info(url)).collect::<Result<Vec<_>>>()?;
        let Some(first) = infos.first() else {
            return Err(Error::invalid("the URL of a Redis store names no host"));
        };
        let tls = matches!(first.addr(), ConnectionAddr::TcpTls { .. }).then(|| certificates(options));
        let shown = shown(&form, &infos, prefix);
        let like = first.clone();
        let mut servers = Vec::with_capacity(infos.len());
        for info in infos {
            let info = match form {
                Form::Sentinels(_) => info.set_redis_settings(of_sentinel(options)),
                _ => info,
            };
            servers.push(client(info, tls.as_ref())?);
        }
        Ok(Self { form, servers, names, shown, like, tls })
    }

    /// The server at a place that another one told.
    ///
    /// # Errors
    /// `Invalid`.
    pub(crate) fn at(&self, host: &str, port: u16) -> Result<Client> {
        let host = host.to_owned();
        let addr = match self.like.addr() {
            ConnectionAddr::TcpTls { insecure, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: None }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        client(self.like.clone().set_addr(addr), self.tls.as_ref())
    }
}

fn info(url: &str) -> Result<ConnectionInfo> {
    let info = url.into_connection_info().map_err(invalid)?;
    // Messages come on the same connection as answers only in this version of the protocol.
    let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let redis = redis.set_lib_name("tertulia", env!("CARGO_PKG_VERSION"));
    Ok(info.set_redis_settings(redis))
}

/// Sentinels have users of their own, and no databases.
fn of_sentinel(options: &RedisOptions) -> RedisConnectionInfo {
    let mut settings = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
    if let Some(user) = &options.sentinel_user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &options.sentinel_password {
        settings = settings.set_password(password);
    }
    settings
}

fn client(info: ConnectionInfo, tls: Option<&TlsCertificates>) -> Result<Client> {
    match tls {
        Some(tls) => Client::build_with_tls(info, tls.clone()),
        None => Client::open(info),
    }
    .map_err(invalid)
}

fn certificates(options: &RedisOptions) -> TlsCertificates {
    let client_tls = options.client_certificate.clone();
    let client_tls = client_tls.map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key });
    TlsCertificates { client_tls, root_cert: options.root_certificates.clone() }
}

fn invalid(cause: redis::RedisError) -> Error {
    Error::invalid(format!("the URL of a Redis store cannot be used: {cause}")).with_source(cause)
}

fn shown(form: &Form, infos: &[ConnectionInfo], prefix: &str) -> String {
    let Some(first) = infos.first() else { return String::new() };
    let scheme = if matches!(first.addr(), ConnectionAddr::TcpTls { .. }) { "rediss" } else { "redis" };
    let hosts: Vec<String> = infos.iter().map(|info| info.addr().to_string()).collect();
    let hosts = hosts.join(",");
    let database = match first.redis_settings().db() {
        0 => String::new(),
        database => format!("/{database}"),
    };
    match form {
        Form::Server => format!("{scheme}://{hosts}{database}?prefix={prefix}"),
        Form::Cluster => format!("{scheme}-cluster://{hosts}{database}?prefix={prefix}"),
        Form::Sentinels(master) => {
            format!("{scheme}-sentinel://{hosts}{database}?master={master}&prefix={prefix}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shown_name_tells_the_place_and_no_password() {
        let shown = |url: &str| {
            let (url, options) = Url::parse(url, RedisOptions::new()).expect("valid");
            Address::new(url, &options).expect("valid").shown
        };
        assert_eq!(shown("redis://localhost"), "redis://localhost:6379?prefix=tertulia");
        assert_eq!(shown("redis://me:secret@db:7000/3?prefix=bots"), "redis://db:7000/3?prefix=bots");
        let cluster = "redis-cluster://me:secret@a:1,b:2?prefix=bots";
        assert_eq!(shown(cluster), "redis-cluster://a:1,b:2?prefix=bots");
        let sentinels = "rediss-sentinel://me:secret@a,b:2/5?master=main&sentinel_password=hunter2";
        assert_eq!(shown(sentinels), "rediss-sentinel://a:26379,b:2/5?master=main&prefix=tertulia");
    }

    #[test]
    fn a_url_that_cannot_be_read_is_not_repeated() {
        for url in [
            "redis://me:secret@",
            "nonsense:secret",
            "redis://me:secret@host/x",
            "redis://:secret@h?prefix=a{",
            "redis-sentinel://:secret@h",
            "redis-other://:secret@h",
            "redis-cluster://:secret@h,",
            "redis://:se?secret@h",
            "redis://:secret@h?what=1",
        ] {
            let parsed = Url::parse(url, RedisOptions::new());
            let address = parsed.and_then(|(url, options)| Address::new(url, &options));
            let error = address.expect_err("it cannot be used");
            assert_eq!(error.kind(), tertulia::error::Kind::Invalid);
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }
}
