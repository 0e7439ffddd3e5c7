//! A file of the page, with what browsers are told of it.

use std::borrow::Cow;
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::request::first_half;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const JSON: &str = "application/json";

/// What the page may do: run and show its own files, and ask its own server. No text becomes HTML (trusted types).
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
);
/// What else every file is told to browsers with. They ask each time whether they have the latest.
const TOLD: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// A file.
#[derive(Debug)]
pub(super) struct File {
    kind: &'static str,
    bytes: Bytes,
    etag: HeaderValue,
}

macro_rules! files {
    ($($name:literal: $kind:expr),* $(,)?) => {
        [$(($name, File::new($kind, include_bytes!(concat!("files/", $name))))),*]
    };
}

static FILES: LazyLock<[(&str, File); 19]> = LazyLock::new(|| {
    files![
        "index.html": HTML,
        "style.css": STYLE,
        "icon.svg": PICTURE,
        "app.js": SCRIPT,
        "api.js": SCRIPT,
        "conversation.js": SCRIPT,
        "dom.js": SCRIPT,
        "events.js": SCRIPT,
        "list.js": SCRIPT,
        "markdown.js": SCRIPT,
        "outbox.js": SCRIPT,
        "parts.js": SCRIPT,
        "plan.js": SCRIPT,
        "reply.js": SCRIPT,
        "side.js": SCRIPT,
        "thread.js": SCRIPT,
        "wait.js": SCRIPT,
        "vendor/marked.esm.js": SCRIPT,
        "vendor/marked.LICENSE": TEXT,
    ]
});

/// The page itself.
pub(super) fn index() -> &'static File {
    &FILES[0].1
}

/// The file of this name.
pub(super) fn find(name: &str) -> Option<&'static File> {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, file)| file)
}

impl File {
    pub(super) fn new(kind: &'static str, bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        let bytes = match bytes.into() {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        };
        let digest = u128::from_be_bytes(first_half(&Sha256::digest(&bytes)));
        let etag = HeaderValue::try_from(format!("\"{digest:032x}\"")).expect("digits are plain");
        Self { kind, bytes, etag }
    }

    /// The file, unless who asks has it.
    pub(super) fn answer(&self, headers: &HeaderMap) -> Response {
        let known = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
        let etag = self.etag.to_str().unwrap_or_default();
        let is_known = known.is_some_and(|tags| {
            tags.split(',').map(str::trim).any(|tag| tag.strip_prefix("W/").unwrap_or(tag) == etag)
        });
        let mut response = Response::new(Body::empty());
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            *response.body_mut() = Body::from(self.bytes.clone());
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        }
        response.headers_mut().extend(TOLD);
        response.headers_mut().insert(header::ETAG, self.etag.clone());
        response
    }
}
