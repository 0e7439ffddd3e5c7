//! The configuration: flags over environment over file over defaults, every value with where it comes from.

mod agent;
mod file;
mod handler;
mod http;
mod keys;
mod print;
mod secret;
mod tokens;
mod webhook;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use tertulia::bot::Bot;
use tertulia::runner::{self, Journal};
use tertulia_telegram::RateLimits;
use tracing_subscriber::EnvFilter;

use crate::cli::Options;
use crate::place::Place;

pub(crate) use handler::Handler;
use http::HttpAccess;
use keys::{KEYS, Key};
pub(crate) use print::without_password;
pub(crate) use secret::Secret;
pub(crate) use tokens::ApiToken;
pub(crate) use webhook::{SignedWebhook, TELEGRAM_PATH, TelegramWebhook};

/// The file that is read if it is there and no other is named.
const FILE: &str = "tertulia.toml";
/// Which environment variable names the file.
const FILE_VARIABLE: &str = "TERTULIA_CONFIG";

/// What applies.
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) storage: Place,
    /// The token that opens everything.
    pub(crate) token: Option<Secret>,
    /// Those that open what their scopes say.
    pub(crate) tokens: Vec<ApiToken>,
    http: HttpAccess,
    pub(crate) log: String,
    /// How many updates run at once.
    pub(crate) concurrency: usize,
    /// How long a request waits for the bot's answer.
    pub(crate) answer_timeout: Duration,
    /// How long what is under way may take once the server is to stop.
    pub(crate) drain_timeout: Duration,
    /// How long a long poll of a stream waits.
    pub(crate) streams_long_poll: Duration,
    /// How many bytes of memory streams take at most.
    pub(crate) streams_memory: usize,
    /// How long dead letters are kept.
    pub(crate) keep_dead: Duration,
    /// What is kept of the past of each conversation, if anything.
    pub(crate) journal: Option<Journal>,
    /// What updates are given to, if it is not the demonstration bot.
    pub(crate) handler: Option<Handler>,
    agent: agent::Settings,
    pub(crate) telegram_token: Option<Secret>,
    pub(crate) telegram_api_url: Option<String>,
    /// How fast messages are sent.
    pub(crate) telegram_rate: RateLimits,
    pub(crate) telegram_webhook: TelegramWebhook,
    pub(crate) webhook: SignedWebhook,
    /// Every key with its value, for printing.
    values: Vec<(&'static Key, Option<Value>)>,
}

/// A value before it is understood, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Value {
    text: String,
    origin: String,
}

impl Config {
    /// Reads flags, the environment and the file.
    ///
    /// # Errors
    /// A line that names the key, the value and what is allowed.
    pub(crate) fn read(options: &Options) -> Result<Self, String> {
        let variable = |name: &str| std::env::var_os(name);
        let named = options.config.clone().or_else(|| given(variable(FILE_VARIABLE)).map(PathBuf::from));
        let path = named.as_deref().unwrap_or(Path::new(FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                return Err(format!("the configuration file {} cannot be read: {error}", path.display()));
            }
        };
        let file = text.map(|text| (path.display().to_string(), text));
        Self::resolve(options, variable, file)
    }

    /// The same with everything given: `file` is its name and its text.
    fn resolve(
        options: &Options,
        variable: impl Fn(&str) -> Option<OsString>,
        file: Option<(String, String)>,
    ) -> Result<Self, String> {
        let (in_file, tokens) = match &file {
            Some((name, text)) => {
                let (values, tables) = file::read(name, text)?;
                (values, tokens::read(name, tables, &variable)?)
            }
            None => (Vec::new(), Vec::new()),
        };
        let mut values = Vec::with_capacity(KEYS.len());
        for key in &KEYS {
            let flag = key.flag.and_then(|(flag, get)| Some((flag, get(options)?)));
            let value = if let Some((flag, text)) = flag {
                Some(Value { text, origin: flag.to_owned() })
            } else if let Some(text) = given(variable(key.variable)) {
                let text = text.into_string().map_err(|_| {
                    format!(
                        "{}: the value of {} is not UTF-8; allowed: {}",
                        key.name, key.variable, key.allowed
                    )
                })?;
                Some(Value { text, origin: key.variable.to_owned() })
            } else if let Some((_, text)) = in_file.iter().find(|(name, _)| *name == key.name) {
                let origin = file.as_ref().map(|(name, _)| name.clone()).unwrap_or_default();
                Some(Value { text: text.clone(), origin })
            } else {
                key.default.map(|text| Value { text: text.to_owned(), origin: "default".to_owned() })
            };
            values.push((key, value));
        }
        Self::understand(values, tokens)
    }

    fn understand(values: Vec<(&'static Key, Option<Value>)>, tokens: Vec<ApiToken>) -> Result<Self, String> {
        let get = Values(&values);
        let config = Self {
            listen: get.needed("listen", listen)?,
            storage: get.needed("storage", |text| Place::from_str(text).ok())?,
            token: get.optional("token", token)?,
            tokens,
            http: http::access(&get)?,
            log: get.needed("log", log)?,
            concurrency: get.needed("concurrency", |text| number(text, 1, 100_000))?,
            answer_timeout: get.needed("answer_timeout", seconds)?,
            drain_timeout: get.needed("drain_timeout", seconds)?,
            streams_long_poll: get.needed("streams.long_poll", seconds_or_millis)?,
            streams_memory: get.needed("streams.memory", |text| number(text, 16, 1 << 20))? << 20,
            keep_dead: get.needed("keep_dead", days)?,
            journal: get.needed("journal", journal)?,
            handler: handler::handler(&get)?,
            agent: agent::settings(&get)?,
            telegram_token: get.optional("telegram.token", telegram_token)?,
            telegram_api_url: get.optional("telegram.api_url", url)?,
            telegram_rate: get.needed("telegram.rate", rate)?,
            telegram_webhook: webhook::telegram(&get)?,
            webhook: webhook::signed(&get)?,
            values,
        };
        if let Some(token) = config.tokens.iter().find(|named| config.token.as_ref() == Some(&named.secret)) {
            return Err(format!("tokens.{}: `token` has the same secret", token.name));
        }
        if !config.listen.ip().is_loopback() && !config.needs_token() {
            return Err(format!(
                "listen: `{}` can be reached from other machines, and no token is set; set TERTULIA_TOKEN, or \
                 listen on a loopback address such as 127.0.0.1:7700",
                config.listen
            ));
        }
        Ok(config)
    }

    /// Gives a bot the journal that it is to keep.
    pub(crate) fn keep_journal(&self, bot: Bot) -> Bot {
        match self.journal {
            Some(journal) => bot.journal(journal),
            None => bot,
        }
    }

    /// The runner's bounds.
    pub(crate) fn runner(&self) -> runner::Options {
        let options = runner::Options { concurrency: self.concurrency, ..Default::default() };
        match &self.handler {
            Some(handler) => runner::Options { time_limit: Some(handler.time_limit), ..options },
            None => options,
        }
    }
}

impl fmt::Debug for Config {
    /// Masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.print())
    }
}

/// The values by the names of their keys.
struct Values<'a>(&'a [(&'static Key, Option<Value>)]);

impl Values<'_> {
    fn optional<T>(&self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, String> {
        let found = self.0.iter().find(|(key, _)| key.name == name);
        let Some((key, Some(value))) = found else { return Ok(None) };
        let wrong = || {
            let text = if key.secret { secret::MASK.to_owned() } else { without_password(&value.text) };
            format!("{}: `{text}` (from {}) is not allowed; allowed: {}", key.name, value.origin, key.allowed)
        };
        parse(value.text.trim()).map(Some).ok_or_else(wrong)
    }

    fn needed<T>(&self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, String> {
        self.optional(name, parse)?.ok_or_else(|| format!("{name}: a value is needed"))
    }
}

/// A variable that is set to nothing is not set.
fn given(variable: Option<OsString>) -> Option<OsString> {
    variable.filter(|value| !value.is_empty())
}

fn listen(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?))),
        None => text.parse().ok(),
    }
}

fn log(text: &str) -> Option<String> {
    (!text.is_empty() && EnvFilter::try_new(text).is_ok()).then(|| text.to_owned())
}

fn token(text: &str) -> Option<Secret> {
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    (visible && (16..=256).contains(&text.len())).then(|| Secret::new(text))
}

fn telegram_token(text: &str) -> Option<Secret> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-' | b'.');
    (!text.is_empty() && text.len() <= 256 && text.bytes().all(fits)).then(|| Secret::new(text))
}

fn url(text: &str) -> Option<String> {
    let url = reqwest::Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then(|| text.to_owned())
}

fn rate(text: &str) -> Option<RateLimits> {
    match text {
        "on" => Some(RateLimits::default()),
        "off" => Some(RateLimits::none()),
        number => Some(RateLimits::default().in_all(self::number(number, 1, 1_000)?.try_into().ok()?)),
    }
}

/// A name that can stand in a path.
fn plain_name(text: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    ((1..=64).contains(&text.len()) && text.bytes().all(fits)).then(|| text.to_owned())
}

fn number(text: &str, least: usize, most: usize) -> Option<usize> {
    text.parse().ok().filter(|number| (least..=most).contains(number))
}

fn seconds(text: &str) -> Option<Duration> {
    Some(Duration::from_secs(number(text, 1, 3_600)? as u64))
}

fn seconds_or_millis(text: &str) -> Option<Duration> {
    match text.strip_suffix("ms") {
        Some(millis) => Some(Duration::from_millis(number(millis, 1, 3_600_000)? as u64)),
        None => seconds(text),
    }
}

/// Of so many days; none of 0.
fn journal(text: &str) -> Option<Option<Journal>> {
    let days = u16::try_from(number(text, 0, 3_650)?).ok()?;
    Some((days > 0).then(|| Journal { days, ..Journal::default() }))
}

fn days(text: &str) -> Option<Duration> {
    Some(Duration::from_hours(24 * number(text, 1, 3_650)? as u64))
}
