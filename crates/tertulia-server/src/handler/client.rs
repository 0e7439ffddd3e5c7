//! Posts updates to a handler, and tells what the first look at its answer means.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode, Url};
use tertulia::bot;
use tertulia::runner::RetryAfter;
use tertulia::{Error, Timestamp};

use super::failed::Failed;
use super::lines::Lines;
use super::pause::Pause;
use super::sign::{SIGNATURE, Signer, TIMESTAMP};
use crate::config;
use crate::failure::Failure;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an unused connection is kept. Servers close theirs after 2 s (gunicorn) or 5 s (Node, uvicorn), and a post
/// that is made at that moment would be a failed try.
const IDLE: Duration = Duration::from_millis(1_500);
/// How many milliseconds the handler has.
const TIME_LIMIT: &str = "x-handler-time-limit-ms";
/// The most characters that are kept of what a handler says of an error.
const MAX_SAID: usize = 500;

/// Posts to one URL, over connections that are kept.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    url: Url,
    signer: Option<Signer>,
    time_limit: Duration,
    pause: Pause,
}

/// An answer of which only the head was read.
#[derive(Debug)]
pub(super) enum Answering {
    /// There is nothing more.
    Empty,
    /// One JSON value.
    Whole(Lines),
    /// A JSON value in each line.
    Lines(Lines),
}

impl Client {
    /// A client for the configured handler.
    ///
    /// # Errors
    /// `Run` if TLS cannot be set up.
    pub(super) fn new(handler: &config::Handler) -> Result<Self, Failure> {
        let builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .redirect(Policy::none())
            .user_agent(concat!("tertulia/", env!("CARGO_PKG_VERSION")));
        // What is on this machine is not reached through a proxy.
        let builder = if handler.is_local() { builder.no_proxy() } else { builder };
        let http = builder.build().map_err(|error| Failure::Run(error.to_string()))?;
        let signer = handler.secret.as_ref().map(|secret| Signer::new(secret.reveal()));
        let (url, time_limit) = (handler.url.clone(), handler.time_limit);
        Ok(Self { http, url, signer, time_limit, pause: Pause::default() })
    }

    /// How long a handler may run.
    pub(super) fn time_limit(&self) -> Duration {
        self.time_limit
    }

    /// Posts a body and waits for the head of the answer.
    ///
    /// # Errors
    /// `Unavailable` if the handler cannot be reached, or wants to be asked later; any other is a failed try.
    ///
    /// # Cancel safety
    /// If dropped, the connection is closed, which the handler can see; the post may have arrived or not.
    pub(super) async fn post(&self, body: Vec<u8>, now: Timestamp) -> bot::Result<Answering> {
        if let Some(left) = self.pause.left() {
            return Err(later("the handler asked to be left alone", Some(left)).into());
        }
        let mut request = self.http.post(self.url.clone()).header(CONTENT_TYPE, "application/json");
        request = request.header(TIME_LIMIT, self.time_limit.as_millis().to_string());
        if let Some(signer) = &self.signer {
            let seconds = now.0 / 1_000;
            request = request.header(TIMESTAMP, seconds).header(SIGNATURE, signer.sign(seconds, &body));
        }
        match request.body(body).send().await {
            Ok(response) => self.look(response).await,
            Err(error) if error.is_connect() => {
                Err(Error::unavailable(format!("the handler cannot be reached: {}", reason(error))).into())
            }
            Err(error) => Err(Failed::new(format!("the handler gave no answer: {}", reason(error))).into()),
        }
    }

    /// What the head of an answer means.
    async fn look(&self, mut response: Response) -> bot::Result<Answering> {
        let status = response.status();
        match status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                let wait = retry_after(response.headers()).map(|wait| self.pause.begin(wait));
                return Err(later(&format!("the handler answered {status}"), wait).into());
            }
            StatusCode::NO_CONTENT => return Ok(Answering::Empty),
            _ if status.is_success() => {}
            _ => {
                let said = response.chunk().await.ok().flatten().unwrap_or_default();
                let said = short(&String::from_utf8_lossy(&said));
                return Err(Failed::new(format!("the handler answered {status}: {said}")).into());
            }
        }
        let kind =
            response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/json" => Ok(Answering::Whole(Lines::new(response))),
            "application/x-ndjson" => Ok(Answering::Lines(Lines::new(response))),
            _ => Err(Failed::new(format!(
                "the handler's answer is of the type `{}`; allowed: application/json, application/x-ndjson",
                short(kind)
            ))
            .into()),
        }
    }
}

/// The handler wants to be asked again, which is not charged.
fn later(why: &str, wait: Option<Duration>) -> Error {
    match wait {
        Some(wait) => Error::unavailable(format!("{why}, for {} ms more", wait.as_millis()))
            .with_source(RetryAfter(wait)),
        None => Error::unavailable(why),
    }
}

/// Seconds; a date is not understood.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// What went wrong with a request, without its URL, which may hold a password.
pub(super) fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// A text of the handler's, cut where it is long, in one line.
pub(super) fn short(text: &str) -> String {
    let mut chars = text.trim().chars().map(|char| if char.is_control() { ' ' } else { char });
    let mut short: String = chars.by_ref().take(MAX_SAID).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}
