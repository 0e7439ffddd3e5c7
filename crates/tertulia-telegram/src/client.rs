//! Requests to the Bot API, and what came of them.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use serde::Deserialize;
use serde_json::value::RawValue;
use tertulia::{Error, Result};

use crate::Secrets;
use crate::token::Token;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an unused connection is kept: servers close theirs after a minute or so, and a call that is made at that
/// moment would be one whose answer was lost.
const IDLE: Duration = Duration::from_secs(30);
/// The largest answer that is read: a hundred updates are far below.
const MAX_ANSWER: usize = 64 << 20;

/// Makes requests for one bot. Cheap to clone; clones share connections.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    api: Url,
    token: Token,
}

/// Why there is no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No request arrived.
    Unreachable(Error),
    /// A request may have arrived, and there is no answer that can be read.
    Unanswered(Error),
    /// No answer in time; the request may have arrived.
    Late(Error),
    /// The answer is no.
    Refused(Refusal),
}

/// An answer that says no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Telegram's error code, which is an HTTP status.
    pub(crate) status: u16,
    /// Telegram's own words.
    pub(crate) description: String,
    /// How long to wait.
    pub(crate) retry_after: Option<Duration>,
    /// The new id of a group that became a supergroup.
    pub(crate) migrated_to: Option<i64>,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    status: u16,
    body: Bytes,
}

#[derive(Deserialize)]
struct Outcome<'a> {
    ok: bool,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error_code: Option<u16>,
    description: Option<String>,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

impl Client {
    /// A client for the Bot API at `api`.
    ///
    /// # Errors
    /// `Internal` if TLS cannot be set up.
    pub(crate) fn new(api: Url, token: Token) -> Result<Self> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .redirect(Policy::none())
            .user_agent(concat!("tertulia-telegram/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                Error::internal("the HTTP client cannot be made").with_source(error.without_url())
            })?;
        Ok(Self { http, api, token })
    }

    /// The same client for another address.
    pub(crate) fn at(self, api: Url) -> Self {
        Self { api, ..self }
    }

    /// The bot's id.
    pub(crate) fn bot(&self) -> Option<i64> {
        self.token.bot()
    }

    /// The secrets of a webhook that are made of the token.
    pub(crate) fn secrets(&self) -> Secrets {
        Secrets::of_token(self.token.reveal())
    }

    /// Where the Bot API is.
    pub(crate) fn api(&self) -> &Url {
        &self.api
    }

    /// Posts JSON and reads the answer, within `timeout` in all.
    ///
    /// # Cancel safety
    /// If dropped, the request may have arrived or not.
    pub(crate) async fn post(
        &self,
        method: &str,
        json: Vec<u8>,
        timeout: Duration,
    ) -> Result<Answer, Failure> {
        let mut url = self.api.clone();
        match url.path_segments_mut() {
            Ok(mut path) => path.pop_if_empty().push(&format!("bot{}", self.token.reveal())).push(method),
            Err(()) => return Err(Failure::Unreachable(Error::invalid("the API URL cannot have a path"))),
        };
        let request = self
            .http
            .post(url)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .timeout(timeout)
            .body(json);
        let mut response = request.send().await.map_err(|error| self.failure(method, error))?;
        let status = response.status().as_u16();
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failure(method, error))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                let text = format!("the answer to {method} is longer than {MAX_ANSWER} bytes");
                return Err(Failure::Unanswered(Error::unavailable(text)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body: body.freeze() })
    }

    /// The result in an answer.
    pub(crate) fn result<'a>(&self, method: &str, answer: &'a Answer) -> Result<&'a RawValue, Failure> {
        let outcome: Option<Outcome<'_>> = serde_json::from_slice(&answer.body).ok();
        match outcome {
            // A result of `null` reads as none; only a poll minds.
            Some(Outcome { ok: true, result, .. }) if (200..300).contains(&answer.status) => {
                Ok(result.unwrap_or(RawValue::NULL))
            }
            Some(outcome) if !outcome.ok => Err(Failure::Refused(Refusal {
                status: outcome.error_code.unwrap_or(answer.status),
                description: self.token.scrub(outcome.description.as_deref().unwrap_or("no reason given")),
                retry_after: outcome.parameters.retry_after.map(Duration::from_secs),
                migrated_to: outcome.parameters.migrate_to_chat_id,
            })),
            _ if !(200..300).contains(&answer.status) => Err(Failure::Refused(Refusal {
                status: answer.status,
                description: "the answer is not one of the Bot API".to_owned(),
                retry_after: None,
                migrated_to: None,
            })),
            _ => Err(Failure::Unanswered(Error::unavailable(format!(
                "the answer of {} to {method} is not one of the Bot API",
                self.api
            )))),
        }
    }

    /// What a failed request means. The URL holds the token and is taken out.
    fn failure(&self, method: &str, error: reqwest::Error) -> Failure {
        let error = error.without_url();
        let mut text = format!("{method} at {}: {error}", self.api);
        let mut cause = error.source();
        while let Some(inner) = cause {
            text = format!("{text}: {inner}");
            cause = inner.source();
        }
        let text = self.token.scrub(&text);
        let (connect, late) = (error.is_connect(), error.is_timeout());
        let error = Error::unavailable(text).with_source(error);
        match (connect, late) {
            (true, _) => Failure::Unreachable(error),
            (false, true) => Failure::Late(error),
            (false, false) => Failure::Unanswered(error),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("api", &self.api.as_str())
            .field("bot", &self.bot())
            .finish_non_exhaustive()
    }
}

impl Refusal {
    /// Whether it is a 400 with this in Telegram's words.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.status == 400 && self.description.contains(text)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.description)
    }
}
