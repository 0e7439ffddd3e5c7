//! Reads a message from a request's body, within bounds of size and time.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};

use crate::{Message, Options, Problem, ProblemKind};

/// What a body may call itself. `curl -d` says that it sends a form whatever it sends.
const TYPES: [&str; 2] = ["application/json", "application/x-www-form-urlencoded"];

/// Reads the message.
///
/// # Errors
/// `UnsupportedMedia`, `TooLarge`, `SlowBody`; `Invalid`, naming the place, if it is not JSON or no message.
pub(crate) async fn message(request: Request, options: &Options) -> Result<Message, Problem> {
    check_type(request.headers())?;
    let body = bytes(request, options.body_bytes, options.body_within).await?;
    serde_json::from_slice(&body).map_err(|error| {
        // The text ends with the line and the column.
        let what = if error.is_data() { "no message" } else { "not JSON" };
        let text = format!("the body is {what}, {error}; such as {{\"text\": \"hello\"}} is expected");
        Problem::new(ProblemKind::Invalid, text)
    })
}

/// Reads a body of at most as many bytes as the route's limit, which is `most`.
///
/// # Errors
/// `TooLarge`, `SlowBody`; `Invalid` if it ended early.
pub(crate) async fn bytes(request: Request, most: usize, within: Duration) -> Result<Bytes, Problem> {
    let read = Bytes::from_request(request, &());
    let body = tokio::time::timeout(within, read).await.map_err(|_| {
        let limit = within.as_secs();
        Problem::new(ProblemKind::SlowBody, format!("the body did not arrive within {limit} s"))
    })?;
    body.map_err(|rejection: BytesRejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(ProblemKind::TooLarge, format!("the body has more than {most} bytes"))
        }
        _ => Problem::new(ProblemKind::Invalid, "the body ended early"),
    })
}

/// Refuses a body that is not sent as it is: what it becomes is in no proportion to what is read.
///
/// # Errors
/// `UnsupportedMedia`.
pub(crate) fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => {
            Err(Problem::new(ProblemKind::UnsupportedMedia, "a body with a content encoding is not read"))
        }
        _ => Ok(()),
    }
}

pub(crate) fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    check_encoding(headers)?;
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let value = value.to_str().unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    match TYPES.iter().any(|allowed| essence.eq_ignore_ascii_case(allowed)) {
        true => Ok(()),
        false => {
            let text = format!("the body's type must be {}", TYPES[0]);
            Err(Problem::new(ProblemKind::UnsupportedMedia, text))
        }
    }
}
