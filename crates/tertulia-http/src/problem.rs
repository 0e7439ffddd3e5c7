//! What a client is told when a request fails, apart from what the log keeps.

use std::fmt;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tertulia::Error;
use tertulia::error::Kind;

/// The wait of problems that pass, in seconds.
const RETRY_AFTER: u64 = 1;

/// Why a request failed. As a response it is `{"error": {"kind": .., "message": ..}}`; where an update was accepted
/// all the same, `"update"` names it; where a reader's cursor leads nowhere, `"earliest"` is one that does.
#[derive(Debug)]
pub struct Problem {
    kind: ProblemKind,
    /// For the client: nothing about this machine.
    message: String,
    update: Option<String>,
    /// Where a reader can go on.
    earliest: Option<String>,
    /// When to come back, in seconds.
    retry_after: u64,
    /// For the log only.
    cause: Option<Error>,
}

/// What a client can do about a [`Problem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The request is wrong: fix it.
    Invalid,
    /// A token is needed, or another one.
    Unauthorized,
    /// A post to a webhook is not authentic: its secret or its signature is missing, wrong or too old.
    Forged,
    /// The request comes from a page of another origin, or for another host.
    Forbidden,
    /// There is no such path.
    NotFound,
    /// The path is there, the method is not.
    MethodNotAllowed,
    /// The body did not arrive in time.
    SlowBody,
    /// The body is too large.
    TooLarge,
    /// The body is not JSON by its own account.
    UnsupportedMedia,
    /// The `Idempotency-Key` was used for another body.
    KeyReused,
    /// The value is none of the type, or beyond a bound.
    Unfit,
    /// What is there is not what the request expects: read it again.
    PreconditionFailed,
    /// The request has to say what it expects to be there.
    PreconditionRequired,
    /// The update was tried and given up: it is kept for whoever runs the bot.
    GivenUp,
    /// The update was cancelled by another one.
    Cancelled,
    /// Somebody else wrote first: ask again.
    Conflict,
    /// What was asked for is no longer there.
    Gone,
    /// A reader's cursor leads nowhere any more: read again from the earliest one, which is told.
    ResyncRequired,
    /// The stream is closed and takes nothing more.
    Closed,
    /// A stream's producer was replaced by a later one.
    Fenced,
    /// A stream's producer left something out.
    Gap,
    /// There is something else in its place.
    Exists,
    /// What is appended to a stream is not of its type.
    TypeMismatch,
    /// Not now: ask again, with the same `Idempotency-Key`.
    Unavailable,
    /// No answer yet, but the update is accepted: ask again with the same `Idempotency-Key`.
    Timeout,
    /// A fault of the server, which its log names.
    Internal,
}

impl ProblemKind {
    /// The table: each kind's word, as it stands in responses, and its status.
    fn row(self) -> (&'static str, StatusCode) {
        match self {
            Self::Invalid => ("invalid", StatusCode::BAD_REQUEST),
            Self::Unauthorized => ("unauthorized", StatusCode::UNAUTHORIZED),
            Self::Forged => ("forged", StatusCode::UNAUTHORIZED),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::SlowBody => ("slow_body", StatusCode::REQUEST_TIMEOUT),
            Self::TooLarge => ("too_large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::UnsupportedMedia => ("unsupported_media", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::KeyReused => ("key_reused", StatusCode::UNPROCESSABLE_ENTITY),
            Self::Unfit => ("unfit", StatusCode::UNPROCESSABLE_ENTITY),
            Self::PreconditionFailed => ("precondition_failed", StatusCode::PRECONDITION_FAILED),
            Self::PreconditionRequired => ("precondition_required", StatusCode::PRECONDITION_REQUIRED),
            Self::Cancelled => ("cancelled", StatusCode::CONFLICT),
            Self::GivenUp => ("given_up", StatusCode::INTERNAL_SERVER_ERROR),
            Self::Conflict => ("conflict", StatusCode::CONFLICT),
            Self::Gone => ("gone", StatusCode::GONE),
            Self::ResyncRequired => ("resync_required", StatusCode::GONE),
            Self::Closed => ("closed", StatusCode::CONFLICT),
            Self::Fenced => ("fenced", StatusCode::FORBIDDEN),
            Self::Gap => ("gap", StatusCode::CONFLICT),
            Self::Exists => ("exists", StatusCode::CONFLICT),
            Self::TypeMismatch => ("type_mismatch", StatusCode::CONFLICT),
            Self::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
            Self::Timeout => ("timeout", StatusCode::GATEWAY_TIMEOUT),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// The kind's word, as it stands in responses.
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The status of its responses.
    pub fn status(self) -> StatusCode {
        self.row().1
    }
}

impl Problem {
    /// A problem of this kind, with what the client is told.
    pub fn new(kind: ProblemKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            update: None,
            earliest: None,
            retry_after: RETRY_AFTER,
            cause: None,
        }
    }

    /// Names the update that was accepted.
    #[must_use]
    pub fn update(mut self, update: impl Into<String>) -> Self {
        self.update = Some(update.into());
        self
    }

    /// Names the cursor at which a reader can go on.
    #[must_use]
    pub(crate) fn earliest(mut self, cursor: impl Into<String>) -> Self {
        self.earliest = Some(cursor.into());
        self
    }

    /// Says when to come back, if the problem is one that passes: in 1 second unless told otherwise.
    #[must_use]
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = seconds;
        self
    }

    /// Its kind.
    pub fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// What the client is told.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What only the log is told.
    pub fn cause(&self) -> Option<&Error> {
        self.cause.as_ref()
    }
}

impl From<Error> for Problem {
    /// Only the text of `Invalid` is told to clients: it speaks of what they sent.
    fn from(error: Error) -> Self {
        let (kind, message) = match error.kind() {
            Kind::Invalid => (ProblemKind::Invalid, error.to_string()),
            Kind::Conflict => (ProblemKind::Conflict, "somebody else wrote first, ask again".into()),
            Kind::Gone => (ProblemKind::Gone, "it is no longer there".into()),
            Kind::Closed => (ProblemKind::Unavailable, "the server is stopping, ask again".into()),
            Kind::Unavailable | Kind::Unknown => {
                (ProblemKind::Unavailable, "the storage cannot be reached now, ask again".into())
            }
            Kind::Timeout => (ProblemKind::Timeout, "it took too long, ask again".into()),
            _ => (ProblemKind::Internal, "a fault of the server, which its log names".into()),
        };
        Self { cause: Some(error), ..Self::new(kind, message) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

#[derive(Serialize)]
struct Body<'a> {
    error: Fields<'a>,
}

#[derive(Serialize)]
struct Fields<'a> {
    kind: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    update: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    earliest: Option<&'a str>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (kind, status) = self.kind.row();
        if let Some(cause) = self.cause.as_ref().filter(|_| status.is_server_error()) {
            tracing::error!(kind, error = ?cause, "a request failed");
        }
        let (update, earliest) = (self.update.as_deref(), self.earliest.as_deref());
        let fields = Fields { kind, message: &self.message, update, earliest };
        let mut response = (status, Json(Body { error: fields })).into_response();
        let header = match self.kind {
            ProblemKind::Unavailable => Some((header::RETRY_AFTER, self.retry_after.into())),
            ProblemKind::Unauthorized => Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            _ => None,
        };
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
