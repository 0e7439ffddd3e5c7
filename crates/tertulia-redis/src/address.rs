//! Where a store is: what its URL says, and a name for it that tells no password.

use redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    TlsCertificates,
};
use tertulia::{Error, Result};

use crate::RedisOptions;
use crate::names::Names;

/// The port of a sentinel whose URL names none.
const SENTINEL_PORT: u16 = 26379;

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

/// A URL, taken apart as far as it is not Redis's own.
struct Parts {
    form: Form,
    /// One of Redis's for each server.
    urls: Vec<String>,
    prefix: Option<String>,
}

impl Address {
    /// # Errors
    /// `Invalid`; the text does not repeat the URL, which may hold a password.
    pub(crate) fn new(url: &str, options: &RedisOptions) -> Result<Self> {
        let parts = Parts::new(url)?;
        let prefix = options.prefix.as_deref().or(parts.prefix.as_deref()).unwrap_or("tertulia");
        let names = Names::new(prefix)?;
        let infos = parts.urls.iter().map(|url| info(url)).collect::<Result<Vec<_>>>()?;
        let Some(first) = infos.first() else {
            return Err(Error::invalid("the URL of a Redis store names no host"));
        };
        let tls = matches!(first.addr(), ConnectionAddr::TcpTls { .. }).then(|| certificates(options));
        let shown = shown(&parts.form, &infos, prefix);
        let like = first.clone();
        let mut servers = Vec::with_capacity(infos.len());
        for info in infos {
            // Sentinels have users of their own.
            let info = match parts.form {
                Form::Sentinels(_) => {
                    let redis = redis::RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
                    info.set_redis_settings(redis)
                }
                _ => info,
            };
            servers.push(client(info, tls.as_ref())?);
        }
        Ok(Self { form: parts.form, servers, names, shown, like, tls })
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

impl Parts {
    fn new(url: &str) -> Result<Self> {
        let malformed = |what: &str| Error::invalid(format!("the URL of a Redis store {what}"));
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| malformed("has no scheme, such as redis://"))?;
        let (front, query) = rest.split_once('?').map_or((rest, ""), |(front, query)| (front, query));
        let (query, fragment) =
            query.split_once('#').map_or((query, None), |(query, rest)| (query, Some(rest)));
        let (mut prefix, mut master, mut kept) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("prefix", given)) => prefix = Some(given.to_owned()),
                Some(("master", given)) => master = Some(given.to_owned()),
                _ => kept.push(pair),
            }
        }
        let mut tail = String::new();
        if !kept.is_empty() {
            tail = format!("?{}", kept.join("&"));
        }
        if let Some(fragment) = fragment {
            tail = format!("{tail}#{fragment}");
        }
        let (base, form) = match scheme.split_once('-') {
            None => {
                return Ok(Self {
                    form: Form::Server,
                    urls: vec![format!("{scheme}://{front}{tail}")],
                    prefix,
                });
            }
            Some((base, "cluster")) => (base, Form::Cluster),
            Some((base, "sentinel")) => {
                let master = master.ok_or_else(|| malformed("of sentinels needs `?master=` and a name"))?;
                (base, Form::Sentinels(master))
            }
            Some(_) => return Err(malformed("has a scheme that is not known")),
        };
        let (authority, path) = front.split_once('/').map_or((front, ""), |(front, path)| (front, path));
        let (user, hosts) = authority.rsplit_once('@').map_or(("", authority), |(user, hosts)| (user, hosts));
        let user = if user.is_empty() { String::new() } else { format!("{user}@") };
        let url = |host: &str| {
            let port = match form {
                // After the brackets of an address of version 6, if any.
                Form::Sentinels(_) if !host.rsplit(']').next().is_some_and(|end| end.contains(':')) => {
                    format!(":{SENTINEL_PORT}")
                }
                _ => String::new(),
            };
            format!("{base}://{user}{host}{port}/{path}{tail}")
        };
        let urls = hosts.split(',').map(url).collect();
        Ok(Self { form, urls, prefix })
    }
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
        let shown = |url: &str| Address::new(url, &RedisOptions::new()).expect("valid").shown;
        assert_eq!(shown("redis://localhost"), "redis://localhost:6379?prefix=tertulia");
        assert_eq!(shown("redis://me:secret@db:7000/3?prefix=bots"), "redis://db:7000/3?prefix=bots");
        let cluster = "redis-cluster://me:secret@a:1,b:2?prefix=bots";
        assert_eq!(shown(cluster), "redis-cluster://a:1,b:2?prefix=bots");
        let sentinels = "rediss-sentinel://me:secret@a,b:2/5?master=main";
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
        ] {
            let error = Address::new(url, &RedisOptions::new()).expect_err("it cannot be used");
            assert_eq!(error.kind(), tertulia::error::Kind::Invalid);
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }
}
