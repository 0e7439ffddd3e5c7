//! Talks to a running server.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use tertulia_http::{Exchange, Message, Scope};

use crate::config::Config;
use crate::failure::Failure;

/// How often a message is tried while the server cannot be reached; it has the same key each time.
const TRIES: u32 = 6;
/// The wait after the first try; it doubles.
const WAIT: Duration = Duration::from_millis(100);

/// A conversation with a bot behind a server.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    /// The same without a limit of time, for what lasts.
    lasting: reqwest::Client,
    /// Where the server is, and where messages are posted.
    base: Url,
    url: Url,
    clock: tertulia::Clock,
    token: Option<crate::config::Secret>,
}

#[derive(Deserialize)]
struct Refusal {
    error: Fields,
}

#[derive(Deserialize)]
struct Fields {
    message: String,
}

impl Client {
    /// The conversation `name` at the server `url`.
    pub(crate) fn new(config: &Config, url: &str, name: &str) -> Result<Self, Failure> {
        let mut parsed = parse(url)?;
        if matches!(name, "." | "..") {
            return Err(wrong(url));
        }
        let base = parsed.clone();
        parsed.path_segments_mut().map_err(|()| wrong(url))?.pop_if_empty().extend(["chat", name]);
        let http = http(config, &parsed)?;
        let lasting = builder(&parsed).build().map_err(|error| Failure::Run(error.to_string()))?;
        let (clock, token) = (tertulia::Clock::system(), config.token_for(Scope::Chat));
        Ok(Self { http, lasting, base, url: parsed, clock, token })
    }

    /// The path of something of the conversation, such as its feed.
    pub(crate) fn chat(&self, what: &str) -> String {
        let name = self.url.path().rsplit('/').next().unwrap_or_default();
        format!("/v1/chat/{name}/{what}")
    }

    /// A request that may last, for a path of the server.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        let request = self.lasting.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token.reveal()),
            None => request,
        }
    }

    /// Waits.
    pub(crate) async fn pause(&self, pause: Duration) {
        self.clock.sleep(pause).await;
    }

    /// Says something and gives the replies. It is said once, however often it has to be tried.
    pub(crate) async fn say(&self, text: &str) -> Result<Exchange, String> {
        let key = format!("{:016x}{:016x}", self.clock.random(), self.clock.random());
        let mut wait = WAIT;
        for attempt in 1.. {
            let mut request = self.http.post(self.url.clone()).json(&Message::new(text));
            request = request.header("idempotency-key", &key);
            if let Some(token) = &self.token {
                request = request.bearer_auth(token.reveal());
            }
            let failed = match request.send().await {
                Ok(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => {
                    "it takes no messages".to_owned()
                }
                Ok(response) => return read(response).await,
                Err(error) => error.without_url().to_string(),
            };
            if attempt == TRIES {
                return Err(format!("the server at {} cannot be reached: {failed}", self.url.authority()));
            }
            self.clock.sleep(wait).await;
            wait *= 2;
        }
        unreachable!("the loop returns")
    }
}

/// The URL of a server.
///
/// # Errors
/// `Usage` if it cannot be one.
pub(crate) fn parse(url: &str) -> Result<Url, Failure> {
    match Url::parse(url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => Ok(parsed),
        _ => Err(wrong(url)),
    }
}

fn wrong(url: &str) -> Failure {
    Failure::Usage(format!("url: `{url}` is not allowed; allowed: such as http://127.0.0.1:7700"))
}

/// What asks the server at `url`, and waits as long as it may take.
///
/// # Errors
/// `Run` if TLS cannot be set up.
pub(crate) fn http(config: &Config, url: &Url) -> Result<reqwest::Client, Failure> {
    let builder = builder(url).timeout(config.answer_timeout + Duration::from_secs(10));
    builder.build().map_err(|error| Failure::Run(error.to_string()))
}

/// A client for `url`: what is on this machine is not reached through a proxy.
pub(crate) fn builder(url: &Url) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder();
    if url.host_str().is_some_and(is_local) { builder.no_proxy() } else { builder }
}

/// What a server says when it refuses something.
pub(crate) fn refusal(status: StatusCode, body: &[u8]) -> Option<String> {
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    Some(format!("{status}: {}", refusal.error.message))
}

/// Whether a host is this machine, by its name alone.
pub(crate) fn is_local(host: &str) -> bool {
    let ip: Result<IpAddr, _> = host.trim_start_matches('[').trim_end_matches(']').parse();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

async fn read(response: reqwest::Response) -> Result<Exchange, String> {
    let status = response.status();
    let body = response.bytes().await.map_err(|error| error.without_url().to_string())?;
    if status.is_success()
        && let Ok(exchange) = serde_json::from_slice::<Exchange>(&body)
    {
        return Ok(exchange);
    }
    let other = || format!("the server answered {status} with something else than replies");
    Err(refusal(status, &body).unwrap_or_else(other))
}
