//! The URL of a store, taken apart: who is to be connected to, and the options in its parameters.

use std::time::Duration;

use tertulia::storage::Parameters;
use tertulia::{Error, Result};

use crate::address::Form;
use crate::{RedisOptions, Wait};

/// The port of a sentinel whose URL names none.
const SENTINEL_PORT: u16 = 26379;

/// For how long a commit waits for replicas or disks, unless told otherwise.
const WAIT: Duration = Duration::from_secs(1);

/// The most replicas that a commit waits for.
const REPLICAS: u32 = 100;

/// The most logs and queues whose last commit is remembered: 200 MB.
const REMEMBERED: usize = 1_000_000;

/// Without its parameters. It may hold a password, so it is not to be printed.
pub(crate) struct Url {
    pub(crate) form: Form,
    /// One of Redis's for each server.
    pub(crate) servers: Vec<String>,
}

impl Url {
    /// Takes a URL apart, and gives the options with what it sets and they do not.
    ///
    /// # Errors
    /// `Invalid`; the text does not repeat the URL.
    pub(crate) fn parse(url: &str, options: RedisOptions) -> Result<(Self, RedisOptions)> {
        let malformed = |what: &str| Error::invalid(format!("the URL of a Redis store {what}"));
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| malformed("has no scheme, such as redis://"))?;
        let (rest, fragment) =
            rest.split_once('#').map_or((rest, None), |(rest, fragment)| (rest, Some(fragment)));
        let (front, query) = rest.split_once('?').unwrap_or((rest, ""));
        let tail = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
        let mut parameters = Parameters::new(query)?;
        let (base, form) = match scheme.split_once('-') {
            None => (scheme, Form::Server),
            Some((base, "cluster")) => (base, Form::Cluster),
            Some((base, "sentinel")) => {
                let master = parameters.text("master")?;
                let master = master.ok_or_else(|| malformed("of sentinels needs `?master=` and a name"))?;
                (base, Form::Sentinels(master))
            }
            Some(_) => return Err(malformed("has a scheme that is not known")),
        };
        let options = fill(options, &mut parameters, base, &form)?;
        parameters.end()?;
        if form == Form::Server {
            return Ok((Self { form, servers: vec![format!("{scheme}://{front}{tail}")] }, options));
        }
        let (authority, path) = front.split_once('/').unwrap_or((front, ""));
        let (user, hosts) = authority.rsplit_once('@').map_or(("", authority), |(user, hosts)| (user, hosts));
        let user = if user.is_empty() { String::new() } else { format!("{user}@") };
        let server = |host: &str| {
            let port = match form {
                // After the brackets of an address of version 6, if any.
                Form::Sentinels(_) if !host.rsplit(']').next().is_some_and(|end| end.contains(':')) => {
                    format!(":{SENTINEL_PORT}")
                }
                _ => String::new(),
            };
            format!("{base}://{user}{host}{port}/{path}{tail}")
        };
        let servers = hosts.split(',').map(server).collect();
        Ok((Self { form, servers }, options))
    }
}

/// The options, with what the URL says where they say nothing. What it says is looked at in any case.
fn fill(given: RedisOptions, url: &mut Parameters, scheme: &str, form: &Form) -> Result<RedisOptions> {
    let (prefix, wait) = (url.text("prefix")?, wait(url)?);
    let (connect_timeout, timeout) = (url.seconds("connect_timeout")?, url.seconds("timeout")?);
    let (evicts, no_aof, unchecked) =
        (url.yes("accept_eviction")?, url.yes("accept_no_aof")?, url.yes("unchecked")?);
    let remembered = url.number("remembered", 0..=REMEMBERED)?;
    if scheme != "rediss" {
        refuse(url, &["root_certificates", "client_certificate", "client_key"], "rediss")?;
    }
    let root = file(url, "root_certificates")?;
    let client = match (file(url, "client_certificate")?, file(url, "client_key")?) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((certificate, key)),
        _ => {
            return Err(Error::invalid(
                "the parameters `client_certificate` and `client_key` of the URL need one another",
            ));
        }
    };
    if !matches!(form, Form::Sentinels(_)) {
        refuse(url, &["master", "sentinel_user", "sentinel_password"], "redis-sentinel")?;
    }
    let (user, password) = (url.text("sentinel_user")?, url.text("sentinel_password")?);
    if user.is_some() && password.is_none() {
        return Err(Error::invalid("the parameter `sentinel_user` of the URL needs `sentinel_password`"));
    }
    Ok(RedisOptions {
        prefix: given.prefix.or(prefix),
        limits: given.limits,
        connect_timeout: given.connect_timeout.or(connect_timeout),
        timeout: given.timeout.or(timeout),
        accept_eviction: given.accept_eviction || evicts,
        accept_no_aof: given.accept_no_aof || no_aof,
        unchecked: given.unchecked || unchecked,
        wait: given.wait.or(wait),
        root_certificates: given.root_certificates.or(root),
        client_certificate: given.client_certificate.or(client),
        existing: given.existing,
        sentinel_user: given.sentinel_user.or(user),
        sentinel_password: given.sentinel_password.or(password),
        remembered: given.remembered.or(remembered),
    })
}

/// Says of what is of use with another scheme alone that it is.
fn refuse(url: &mut Parameters, names: &[&str], scheme: &str) -> Result<()> {
    for name in names {
        if url.text(name)?.is_some() {
            return Err(Error::invalid(format!(
                "the parameter `{name}` of the URL goes with `{scheme}://` only"
            )));
        }
    }
    Ok(())
}

fn wait(url: &mut Parameters) -> Result<Option<Wait>> {
    let replicas = url.number("wait_replicas", 1..=REPLICAS)?;
    let (fsync, timeout) = (url.yes("wait_fsync")?, url.seconds("wait_timeout")?);
    match (replicas, fsync, timeout) {
        (None, false, None) => Ok(None),
        (None, false, Some(_)) => Err(Error::invalid(
            "the parameter `wait_timeout` of the URL needs `wait_replicas`, `wait_fsync=yes`, or both",
        )),
        _ => Ok(Some(Wait { replicas: replicas.unwrap_or(0), fsync, timeout: timeout.unwrap_or(WAIT) })),
    }
}

/// What is in the file that a parameter names.
fn file(url: &mut Parameters, name: &str) -> Result<Option<Vec<u8>>> {
    let Some(path) = url.text(name)? else { return Ok(None) };
    let cannot = |cause: std::io::Error| {
        Error::invalid(format!("cannot read the file `{path}`, the parameter `{name}` of the URL: {cause}"))
            .with_source(cause)
    };
    std::fs::read(&path).map(Some).map_err(cannot)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<RedisOptions> {
        Url::parse(url, RedisOptions::new()).map(|(_, options)| options)
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (url, says) in [
            ("redis://h?colour=red", "`colour` of the URL is not known"),
            ("redis://h?timeout=1&timeout=2", "`timeout` of the URL is given twice"),
            ("redis://h?timeout=0", "`timeout` of the URL is `0`: seconds"),
            ("redis://h?connect_timeout=1e9", "`connect_timeout` of the URL is `1e9`: seconds"),
            ("redis://h?wait_replicas=0", "`wait_replicas` of the URL is `0`: a number from 1 to 100"),
            ("redis://h?wait_timeout=1", "`wait_timeout` of the URL needs `wait_replicas`"),
            ("redis://h?wait_fsync=1", "`wait_fsync` of the URL is `1`: yes or no"),
            ("redis://h?accept_no_aof=true", "`accept_no_aof` of the URL is `true`: yes or no"),
            ("redis://h?accept_eviction", "`accept_eviction` of the URL has no value"),
            ("redis://h?remembered=1000001", "`remembered` of the URL is `1000001`: a number from 0"),
            (
                "redis://h?root_certificates=/r.pem",
                "`root_certificates` of the URL goes with `rediss://` only",
            ),
            (
                "rediss://h?root_certificates=/none.pem",
                "cannot read the file `/none.pem`, the parameter `root_cert",
            ),
            (
                "rediss://h?client_key=/dev/null",
                "`client_certificate` and `client_key` of the URL need one another",
            ),
            ("redis-cluster://h?master=main", "`master` of the URL goes with `redis-sentinel://` only"),
            (
                "redis://h?sentinel_password=p",
                "`sentinel_password` of the URL goes with `redis-sentinel://` only",
            ),
            (
                "redis-sentinel://h?master=m&sentinel_user=u",
                "`sentinel_user` of the URL needs `sentinel_password`",
            ),
            ("redis-sentinel://h?prefix=bots", "needs `?master=`"),
        ] {
            let error = parse(url).expect_err(url);
            assert_eq!(error.kind(), tertulia::error::Kind::Invalid);
            assert!(error.to_string().contains(says), "{url}: {error}");
        }
    }

    #[test]
    fn what_is_set_in_code_stands_before_the_url() {
        let wait = |replicas| Wait { replicas, fsync: false, timeout: WAIT };
        let given =
            RedisOptions::new().prefix("code").timeout(WAIT).wait(wait(2)).remembered(7).accept_no_aof();
        let url =
            "redis://h?prefix=url&timeout=3&connect_timeout=4&wait_replicas=1&remembered=8&accept_no_aof=no";
        let (_, options) = Url::parse(url, given).expect("valid");
        assert_eq!(options.prefix.as_deref(), Some("code"));
        assert_eq!((options.timeout, options.connect_timeout), (Some(WAIT), Some(Duration::from_secs(4))));
        assert_eq!((options.wait, options.remembered, options.accept_no_aof), (Some(wait(2)), Some(7), true));
        assert!(Url::parse("redis://h?timeout=never", RedisOptions::new().timeout(WAIT)).is_err());
    }
}
