//! A model behind an endpoint that speaks as OpenAI's chat completions do.
//!
//! A client of our own over reqwest, and [sse_stream] for the events: async-openai 0.43 would bring a second reqwest with
//! its own TLS and some forty crates, takes no part of an answer that it does not know, and hides its retries, which
//! have to be known here: readers have seen what was said before them.

mod events;
mod request;
mod wire;

use std::fmt;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};

use self::events::Events;
use self::request::body;
use super::{Model, ModelError, ModelEvent, Prompt};
use crate::client::builder;
use crate::config::Secret;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// The most characters of an error's text that are shown.
const MAX_ERROR: usize = 300;

/// The endpoint, and which of its models.
#[derive(Clone, Debug)]
pub(crate) struct OpenAi {
    http: reqwest::Client,
    url: Url,
    model: String,
    key: Option<Secret>,
}

impl OpenAi {
    /// The model `model` at `url`, to which `chat/completions` is added.
    ///
    /// # Errors
    /// What is wrong, if the URL can have no path or TLS cannot be set up.
    pub(crate) fn new(mut url: Url, model: &str, key: Option<Secret>) -> Result<Self, String> {
        let http = builder(&url).connect_timeout(CONNECT).build().map_err(|error| error.to_string())?;
        let mut path = url.path_segments_mut().map_err(|()| "it can have no path".to_owned())?;
        path.pop_if_empty().extend(["chat", "completions"]);
        drop(path);
        Ok(Self { http, url, model: model.to_owned(), key })
    }

    /// Asks, and gives the answer once it has begun.
    async fn ask(&self, prompt: &Prompt) -> Result<Response, ModelError> {
        let mut request = self.http.post(self.url.clone()).json(&body(&self.model, prompt));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.reveal());
        }
        let response = request.send().await.map_err(lost)?;
        let (status, after) = (response.status(), after(response.headers()));
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        Err(refused(status, wire::error(&text), after))
    }
}

impl fmt::Display for OpenAi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.model, self.url.host_str().unwrap_or_default())
    }
}

impl Model for OpenAi {
    fn answer(&self, prompt: Prompt) -> BoxStream<'static, Result<ModelEvent, ModelError>> {
        let model = self.clone();
        let begun = async move {
            match model.ask(&prompt).await {
                Ok(response) => Events::new(response, prompt.turn).stream().boxed(),
                Err(error) => stream::iter([Err(error)]).boxed(),
            }
        };
        stream::once(begun).flatten().boxed()
    }
}

/// The endpoint cannot be reached, or the connection was cut.
fn lost(error: reqwest::Error) -> ModelError {
    let text = format!("the connection to the model was lost: {}", error.without_url());
    ModelError { text, passing: true, after: None }
}

/// The endpoint says no. What is its own fault, or a matter of time, may pass.
fn refused(status: StatusCode, says: Option<String>, after: Option<Duration>) -> ModelError {
    let says = says.map(|says| format!(": {}", says.chars().take(MAX_ERROR).collect::<String>()));
    let text = format!("the model answers {status}{}", says.unwrap_or_default());
    let passing = status.is_server_error()
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT
        );
    ModelError { text, passing, after }
}

/// How long the endpoint asks to be left alone: seconds, which is what such endpoints say, or a date.
fn after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let (then, now) = (httpdate::parse_http_date(text).ok()?, headers.get("date")?.to_str().ok()?);
    then.duration_since(httpdate::parse_http_date(now).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            after(&headers).map(|wait| wait.as_millis())
        };
        assert_eq!(of(&[("retry-after", "7")]), Some(7_000));
        assert_eq!(of(&[("retry-after", "0.5")]), Some(500));
        assert_eq!(of(&[("retry-after", "-1")]), None);
        assert_eq!(of(&[("retry-after", "soon")]), None);
        let date = "Sat, 21 Nov 2026 20:00:00 GMT";
        assert_eq!(of(&[("date", date), ("retry-after", "Sat, 21 Nov 2026 20:00:09 GMT")]), Some(9_000));
    }
}
