//! Pages of other origins: which may use the routes, and what their browsers are told (CORS).

use std::str::FromStr;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tertulia::{Error, Result};

/// What a browser may send, apart from what every page may and from the [prefixes](PREFIXES).
const ASKED: [HeaderName; 7] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("prefer"),
];
/// What a page may see of an answer, apart from what every page may and from the prefixes.
const SHOWN: [HeaderName; 3] = [header::ETAG, header::LOCATION, header::RETRY_AFTER];
/// The names of headers of Durable Streams begin with one of these.
const PREFIXES: [&str; 2] = ["stream-", "producer-"];
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// How long a browser may remember this, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The origins whose pages may use the routes; none unless told otherwise. No browser is asked for cookies: a page needs a
/// token like everybody else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Which);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Which {
    These(Vec<HeaderValue>),
    Any,
}

impl Default for Which {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

impl FromStr for Origins {
    type Err = Error;

    /// Reads `*`, which is any, or origins with commas or spaces between them, such as `https://app.example.org`.
    ///
    /// # Errors
    /// `Invalid`, naming what is no origin.
    fn from_str(text: &str) -> Result<Self> {
        let parts = || text.split([',', ' ']).filter(|part| !part.is_empty());
        if parts().eq(["*"]) {
            return Ok(Self(Which::Any));
        }
        parts().map(origin).collect::<Result<_>>().map(|origins| Self(Which::These(origins)))
    }
}

/// As a browser writes it: in lowercase, without a path.
fn origin(text: &str) -> Result<HeaderValue> {
    let fits = |byte: u8| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || matches!(byte, b'.' | b'-' | b'_' | b'[' | b']' | b':')
    };
    let is_one = text.split_once("://").is_some_and(|(scheme, host)| {
        !scheme.is_empty() && !host.is_empty() && (scheme.bytes().chain(host.bytes())).all(fits)
    });
    HeaderValue::from_str(text).ok().filter(|_| is_one).ok_or_else(|| {
        let text = text.escape_debug();
        Error::invalid(format!(
            "`{text}` is not an origin; such as https://app.example.org is, without a path"
        ))
    })
}

impl Origins {
    fn is_empty(&self) -> bool {
        matches!(&self.0, Which::These(origins) if origins.is_empty())
    }

    /// What a request's page is told of its origin, if it may use the routes.
    pub(super) fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        match &self.0 {
            Which::Any => Some(HeaderValue::from_static("*")),
            Which::These(origins) => origins.iter().find(|allowed| *allowed == origin).cloned(),
        }
    }

    /// The answer to a browser that asks on behalf of a page what it may send.
    pub(super) fn preflight(&self, parts: &Parts) -> Option<Response> {
        let asks = parts.method == Method::OPTIONS
            && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let origin = self.allowed(&parts.headers).filter(|_| asks)?;
        let names = parts.headers.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS).iter();
        let names = names.flat_map(|value| value.to_str().unwrap_or_default().split(','));
        let allowed = names.filter_map(|name| name.trim().parse().ok()).filter(|name| is_known(name, &ASKED));
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        list(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, allowed.collect());
        self.tell(headers, Some(origin));
        Some(response)
    }

    /// Lets the page see an answer.
    pub(super) fn show(&self, headers: &mut HeaderMap, origin: Option<HeaderValue>) {
        if origin.is_some() {
            let shown = headers.keys().filter(|name| is_known(name, &SHOWN)).cloned().collect();
            list(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, shown);
        }
        self.tell(headers, origin);
    }

    fn tell(&self, headers: &mut HeaderMap, origin: Option<HeaderValue>) {
        if self.is_empty() {
            return;
        }
        if let Some(origin) = origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        if self.0 != Which::Any {
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
    }
}

fn is_known(name: &HeaderName, names: &[HeaderName]) -> bool {
    names.contains(name) || PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix))
}

/// Names in one header, in their order.
fn list(headers: &mut HeaderMap, of: HeaderName, mut names: Vec<HeaderName>) {
    names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    names.dedup();
    let names: Vec<_> = names.iter().map(HeaderName::as_str).collect();
    if !names.is_empty()
        && let Ok(value) = HeaderValue::from_str(&names.join(", "))
    {
        headers.insert(of, value);
    }
}
