//! The URL of a database, and what of it is not the driver's.

use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use tertulia::{Error, Result};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

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
    /// Without user and password.
    pub(crate) name: String,
}

impl Url {
    /// # Errors
    /// `Invalid`, without a word of the URL's own, which may hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(Error::invalid("the URL of a database begins with `postgres://`"));
        }
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut tls, mut root_cert, mut schema, mut rest) = (None, None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
            let text = percent_decode_str(text).decode_utf8_lossy().into_owned();
            match name {
                "sslmode" => tls = Some(Tls::parse(&text)?),
                "sslrootcert" => root_cert = Some(PathBuf::from(text)),
                "schema" => schema = Some(text),
                _ => rest.push(pair),
            }
        }
        let driven =
            if rest.is_empty() { address.to_owned() } else { format!("{address}?{}", rest.join("&")) };
        let mut config = Config::from_str(&driven)
            .map_err(|_| Error::invalid("the URL of the database cannot be understood"))?;
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
        Ok(Self { config, tls, root_cert, schema, name })
    }
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
                    "sslmode is `{text}`, known are disable, prefer, require, verify-ca and verify-full"
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
        assert_eq!(url.config.get_connect_timeout(), Some(&std::time::Duration::from_secs(3)));
    }

    #[test]
    fn a_named_root_is_held_to() {
        let url = Url::parse("postgres://h/db?sslmode=require&sslrootcert=/etc/root.pem");
        assert!(url.is_ok_and(|url| url.tls == Tls::VerifyCa));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for url in
            ["mysql://u:hunter2@h/db", "postgres://u:hunter2@h:port/db", "postgres://u:hunter2@h/db?what=1"]
        {
            let error = Url::parse(url).err().expect("a bad URL");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
        let error = Url::parse("postgres://h/db?sslmode=maybe").err().expect("a bad mode");
        assert!(error.to_string().contains("maybe"), "{error}");
    }
}
