//! The URL of a database, and what of it is not the driver's.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tertulia::storage::Parameters;
use tertulia::{Error, Result};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// The parameters that are the driver's.
const DRIVEN: [&str; 16] = [
    "user",
    "password",
    "dbname",
    "host",
    "hostaddr",
    "port",
    "options",
    "application_name",
    "sslnegotiation",
    "channel_binding",
    "load_balance_hosts",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
];

/// The most connections that read.
const READERS: usize = 100;

/// How the server is known, and what is said where others can read along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// A parsed URL. Holds the password, so it is not to be printed.
pub(crate) struct Url {
    pub(crate) config: Config,
    pub(crate) tls: Tls,
    pub(crate) root_cert: Option<PathBuf>,
    pub(crate) schema: Option<String>,
    /// A URL of its own.
    pub(crate) direct_url: Option<String>,
    pub(crate) readers: Option<usize>,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) connect_timeout: Option<Duration>,
    /// The parameters of the driver's that are given.
    driven: Vec<&'static str>,
    /// Without user and password.
    pub(crate) name: String,
}

impl Url {
    /// # Errors
    /// `Invalid`, without a word of the URL's own but the names of parameters, since it may hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(Error::invalid("the URL of a database begins with `postgres://`"));
        }
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        // The first ends the password for the driver, and it would print the rest as the host.
        if address.matches('@').count() > 1 {
            return Err(Error::invalid(
                "the URL of the database has a second `@`: within a password it is written %40",
            ));
        }
        let mut parameters = Parameters::new(query)?;
        let tls = parameters.text("sslmode")?.map(|mode| Tls::parse(&mode)).transpose()?;
        let root_cert = parameters.text("sslrootcert")?.map(PathBuf::from);
        let (schema, direct_url) = (parameters.text("schema")?, parameters.text("direct_url")?);
        let readers = parameters.number("readers", 1..=READERS)?;
        let (time_limit, connect_timeout) =
            (parameters.seconds("time_limit")?, parameters.seconds("connect_timeout")?);
        // A driver's own, and it would be of no use to have it otherwise.
        if parameters.text("target_session_attrs")?.is_some_and(|wanted| wanted != "read-write") {
            return Err(Error::invalid(
                "the parameter `target_session_attrs` of the URL can be `read-write` only: a standby takes no commits",
            ));
        }
        let (driven, pairs) = driven(&mut parameters, query)?;
        parameters.end()?;
        let mut config = Config::from_str(&format!("{address}?{}", pairs.join("&"))).map_err(|_| {
            Error::invalid("the URL of the database cannot be understood; is its password percent-encoded?")
        })?;
        if config.get_hosts().is_empty() {
            return Err(Error::invalid("the URL of the database names no host"));
        }
        let local = config.get_hosts().iter().all(|host| !matches!(host, Host::Tcp(_)));
        let tls = if local { Tls::Disable } else { tls.unwrap_or(Tls::Prefer) };
        // Like libpq: who names a root wants it held to.
        let tls = if tls == Tls::Require && root_cert.is_some() { Tls::VerifyCa } else { tls };
        config.ssl_mode(match tls {
            Tls::Disable => SslMode::Disable,
            Tls::Prefer => SslMode::Prefer,
            Tls::Require | Tls::VerifyCa | Tls::VerifyFull => SslMode::Require,
        });
        let name = name(&config);
        Ok(Self {
            config,
            tls,
            root_cert,
            schema,
            direct_url,
            readers,
            time_limit,
            connect_timeout,
            driven,
            name,
        })
    }

    /// One that says nothing but where the server is and how it is talked to.
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse).
    pub(crate) fn parse_direct(url: &str) -> Result<Self> {
        let within = |text: &dyn std::fmt::Display| Error::invalid(format!("in `direct_url`: {text}"));
        let url = Self::parse(url).map_err(|error| within(&error))?;
        if url.schema.is_some()
            || url.direct_url.is_some()
            || url.readers.is_some()
            || url.time_limit.is_some()
        {
            return Err(within(&"what is said of the store is said in the URL itself"));
        }
        Ok(url)
    }

    /// Whether a parameter of the driver's is given.
    pub(crate) fn sets(&self, name: &str) -> bool {
        self.driven.contains(&name)
    }
}

/// Takes those of the driver's, and holds them to what it allows: it does not say which one is wrong.
fn driven<'a>(parameters: &mut Parameters, query: &'a str) -> Result<(Vec<&'static str>, Vec<&'a str>)> {
    let (mut names, mut pairs) = (Vec::new(), Vec::new());
    for name in DRIVEN {
        if parameters.text(name)?.is_none() {
            continue;
        }
        let pair = query.split('&').find(|pair| pair.split_once('=').is_some_and(|(known, _)| known == name));
        let pair = pair.unwrap_or_default();
        Config::from_str(&format!("postgres://host?{pair}")).map_err(|_| {
            Error::invalid(format!("the parameter `{name}` of the URL has a value that it cannot have"))
        })?;
        names.push(name);
        pairs.push(pair);
    }
    Ok((names, pairs))
}

impl Tls {
    fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "disable" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => {
                return Err(Error::invalid(format!(
                    "the parameter `sslmode` of the URL is `{text}`, known are disable, prefer, require, verify-ca and verify-full"
                )));
            }
        })
    }
}

fn name(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(at, host)| {
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(host) => format!("{host}:{port}"),
            #[cfg(unix)]
            Host::Unix(path) => format!("{}:{port}", path.display()),
        }
    });
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("postgres://{}/{database}", hosts.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_parameters_are_taken_out_and_the_password_stays_in() {
        let url =
            Url::parse("postgres://u:p%40ss@h1:1,h2:2/db?schema=bots&sslmode=require&connect_timeout=3");
        let Ok(url) = url else { panic!("it is a good URL") };
        assert_eq!(url.name, "postgres://h1:1,h2:2/db");
        assert_eq!((url.schema.as_deref(), url.tls), (Some("bots"), Tls::Require));
        assert_eq!(url.config.get_password(), Some(&b"p@ss"[..]));
        assert_eq!(url.connect_timeout, Some(Duration::from_secs(3)));
    }

    #[test]
    fn a_named_root_is_held_to() {
        let url = Url::parse("postgres://h/db?sslmode=require&sslrootcert=/etc/root.pem");
        assert!(url.is_ok_and(|url| url.tls == Tls::VerifyCa));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for url in [
            "mysql://u:hunter2@h/db",
            "postgres://u:hunter2@h:port/db",
            "postgres://u:hunter2@h/db?what=1",
            "postgres://u:a?hunter2@h/db",
            "postgres://u:a@hunter2/b@h/db",
        ] {
            let error = Url::parse(url).err().expect("a bad URL");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        for (query, says) in [
            ("colour=red", "`colour` of the URL is not known"),
            ("schema=a&schema=b", "`schema` of the URL is given twice"),
            ("sslmode=maybe", "`sslmode` of the URL is `maybe`"),
            ("readers=0", "`readers` of the URL is `0`: a number from 1 to 100"),
            ("time_limit=0", "`time_limit` of the URL is `0`: seconds"),
            ("connect_timeout=never", "`connect_timeout` of the URL is `never`: seconds"),
            ("port=no", "`port` of the URL has a value that it cannot have"),
            ("keepalives=maybe", "`keepalives` of the URL has a value"),
            ("target_session_attrs=any", "`target_session_attrs` of the URL can be `read-write` only"),
        ] {
            let error = Url::parse(&format!("postgres://h/db?{query}")).err().expect(query);
            assert_eq!(error.kind(), tertulia::error::Kind::Invalid);
            assert!(error.to_string().contains(says), "{query}: {error}");
        }
        for (direct, says) in [
            ("redis://h", "begins with `postgres://`"),
            ("postgres://h?schema=s", "is said in the URL itself"),
            ("postgres://h?what=1", "`what` of the URL is not known"),
        ] {
            let error = Url::parse_direct(direct).err().expect(direct).to_string();
            assert!(error.contains("direct_url") && error.contains(says), "{error}");
        }
    }
}
