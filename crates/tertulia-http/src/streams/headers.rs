//! The headers of Durable Streams, read from requests.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, header};
use tertulia::stream::{self, Expiry, Producer, StreamId};

use super::{path, query, rfc3339};
use crate::{Problem, ProblemKind};

pub(crate) static NEXT_OFFSET: HeaderName = HeaderName::from_static("stream-next-offset");
pub(crate) static UP_TO_DATE: HeaderName = HeaderName::from_static("stream-up-to-date");
pub(crate) static CLOSED: HeaderName = HeaderName::from_static("stream-closed");
pub(crate) static CURSOR: HeaderName = HeaderName::from_static("stream-cursor");
pub(crate) static SEQ: HeaderName = HeaderName::from_static("stream-seq");
pub(crate) static TTL: HeaderName = HeaderName::from_static("stream-ttl");
pub(crate) static EXPIRES_AT: HeaderName = HeaderName::from_static("stream-expires-at");
pub(crate) static SSE_ENCODING: HeaderName = HeaderName::from_static("stream-sse-data-encoding");
pub(crate) static PRODUCER_ID: HeaderName = HeaderName::from_static("producer-id");
pub(crate) static PRODUCER_EPOCH: HeaderName = HeaderName::from_static("producer-epoch");
pub(crate) static PRODUCER_SEQ: HeaderName = HeaderName::from_static("producer-seq");
pub(crate) static PRODUCER_EXPECTED: HeaderName = HeaderName::from_static("producer-expected-seq");
pub(crate) static PRODUCER_RECEIVED: HeaderName = HeaderName::from_static("producer-received-seq");
static FORKED_FROM: HeaderName = HeaderName::from_static("stream-forked-from");
static FORK_OFFSET: HeaderName = HeaderName::from_static("stream-fork-offset");
static FORK_SUB_OFFSET: HeaderName = HeaderName::from_static("stream-fork-sub-offset");

/// The headers that clients of streams send.
pub(crate) const ASKED: &str = "authorization, content-type, if-none-match, last-event-id, stream-seq, stream-ttl, \
     stream-expires-at, stream-closed, stream-forked-from, stream-fork-offset, stream-fork-sub-offset, producer-id, \
     producer-epoch, producer-seq";

/// The greatest number that JavaScript counts exactly to.
const EXACT: u64 = (1 << 53) - 1;
/// The most bytes of a content type, of a producer's id and of a sequence.
const LONG: usize = 256;

/// A stream to be made from another one.
#[derive(Clone, Debug)]
pub(crate) struct Fork {
    pub(crate) source: StreamId,
    /// Nothing: at its end.
    pub(crate) at: Option<stream::From>,
    pub(crate) sub: u64,
}

/// Whether the stream is to be closed. Only `true` counts.
pub(crate) fn closes(headers: &HeaderMap) -> bool {
    headers.get(&CLOSED).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// The content type, if there is one.
///
/// # Errors
/// `Invalid` if it is no type.
pub(crate) fn content_type(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(text) = text(headers, &header::CONTENT_TYPE)?.map(str::trim).filter(|text| !text.is_empty())
    else {
        return Ok(None);
    };
    match essence(text).split_once('/') {
        Some((kind, of)) if !kind.is_empty() && !of.is_empty() => Ok(Some(text)),
        _ => Err(invalid("the content type is not of the form type/subtype")),
    }
}

/// A content type without its parameters. Types are the same whatever their case.
pub(crate) fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// Whether a stream of this type has messages of JSON.
pub(crate) fn is_json(content_type: &str) -> bool {
    essence(content_type).eq_ignore_ascii_case("application/json")
}

/// How long the stream is kept, if that is said.
///
/// # Errors
/// `Invalid` if it is said twice or not in the right form.
pub(crate) fn expiry(headers: &HeaderMap) -> Result<Option<Expiry>, Problem> {
    match (text(headers, &TTL)?, text(headers, &EXPIRES_AT)?) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(invalid("there is both a Stream-TTL and a Stream-Expires-At")),
        (Some(ttl), None) => match number(ttl) {
            Some(seconds) => Ok(Some(Expiry::Sliding(Duration::from_secs(seconds)))),
            None => Err(invalid("the Stream-TTL is not a number of seconds such as 3600")),
        },
        (None, Some(at)) => match rfc3339::parse(at.trim()) {
            Some(at) => Ok(Some(Expiry::At(at))),
            None => Err(invalid("the Stream-Expires-At is not a moment such as 2026-11-21T16:30:00Z")),
        },
    }
}

/// Who writes, if that is said.
///
/// # Errors
/// `Invalid` if only a part is said, or not in the right form.
pub(crate) fn producer(headers: &HeaderMap) -> Result<Option<Producer>, Problem> {
    let id = text(headers, &PRODUCER_ID)?;
    let (epoch, seq) = (text(headers, &PRODUCER_EPOCH)?, text(headers, &PRODUCER_SEQ)?);
    let (id, epoch, seq) = match (id, epoch, seq) {
        (None, None, None) => return Ok(None),
        (Some(id), Some(epoch), Some(seq)) => (id, epoch, seq),
        _ => return Err(invalid("Producer-Id, Producer-Epoch and Producer-Seq are needed together")),
    };
    if id.is_empty() {
        return Err(invalid("the Producer-Id is empty"));
    }
    let exact = |text, name| {
        let number = number(text).filter(|number| *number <= EXACT);
        number.ok_or_else(|| invalid(format!("the {name} is not a number from 0 to 2^53-1")))
    };
    let (epoch, seq) = (exact(epoch, "Producer-Epoch")?, exact(seq, "Producer-Seq")?);
    Ok(Some(Producer { id: id.to_owned(), epoch, seq }))
}

/// The writer's own sequence, if there is one.
///
/// # Errors
/// `Invalid` if it is no text, or too long.
pub(crate) fn sequence(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    Ok(text(headers, &SEQ)?.map(str::to_owned))
}

/// What the stream is to be a fork of, if of anything.
///
/// # Errors
/// `Invalid` if a part is not of the right form, or the source is missing.
pub(crate) fn fork(headers: &HeaderMap) -> Result<Option<Fork>, Problem> {
    let (offset, sub) = (text(headers, &FORK_OFFSET)?, text(headers, &FORK_SUB_OFFSET)?);
    let Some(source) = headers.get(&FORKED_FROM) else {
        return match (offset, sub) {
            (None, None) => Ok(None),
            _ => Err(invalid("a fork needs the header Stream-Forked-From")),
        };
    };
    let source = source.to_str().ok().and_then(path::of_stream);
    let source = source.ok_or_else(|| invalid("the Stream-Forked-From is not the path of a stream"))?;
    let at = offset.map(query::offset).transpose()?;
    let sub =
        sub.map(|text| number(text).ok_or_else(|| invalid("the Stream-Fork-Sub-Offset is not a number")));
    Ok(Some(Fork { source: path::id(source)?, at, sub: sub.transpose()?.unwrap_or(0) }))
}

/// Digits, without a sign and without zeros before them.
fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    match value.to_str() {
        Ok(text) if text.len() <= LONG => Ok(Some(text)),
        Ok(text) => {
            let bytes = text.len();
            Err(invalid(format!("the header {name} has {bytes} bytes, at most {LONG} are allowed")))
        }
        Err(_) => Err(invalid(format!("the header {name} has characters outside of ASCII"))),
    }
}

fn invalid(text: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::Invalid, text)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use tertulia::Timestamp;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn only_true_closes() {
        for (value, expected) in [("true", true), ("TRUE", true), ("1", false), ("yes", false), ("", false)] {
            assert_eq!(closes(&headers(&[("stream-closed", value)])), expected, "{value}");
        }
        assert!(!closes(&HeaderMap::new()));
    }

    #[test]
    fn a_ttl_is_digits_and_nothing_else() {
        let ttl = |value| expiry(&headers(&[("stream-ttl", value)]));
        assert_eq!(ttl("3600").unwrap(), Some(Expiry::Sliding(Duration::from_secs(3_600))));
        assert_eq!(ttl("0").unwrap(), Some(Expiry::Sliding(Duration::ZERO)));
        for value in ["", "03600", "+3600", "-1", "3600.0", "3.6e3", "abc", " 1", "99999999999999999999"] {
            assert!(ttl(value).is_err(), "{value}");
        }
    }

    #[test]
    fn there_is_one_way_to_expire() {
        let at = ("stream-expires-at", "2026-11-21T16:30:00.250Z");
        assert_eq!(expiry(&headers(&[at])).unwrap(), Some(Expiry::At(Timestamp(1_795_278_600_250))));
        assert!(expiry(&headers(&[at, ("stream-ttl", "1")])).is_err());
        assert_eq!(expiry(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn a_producer_is_told_whole() {
        let of = |id, epoch, seq| {
            producer(&headers(&[("producer-id", id), ("producer-epoch", epoch), ("producer-seq", seq)]))
        };
        let told = of("a", "0", "9007199254740991").unwrap().unwrap();
        assert_eq!((told.id.as_str(), told.epoch, told.seq), ("a", 0, EXACT));
        for (id, epoch, seq) in [
            ("", "0", "0"),
            ("a", "-1", "0"),
            ("a", "0", "1abc"),
            ("a", "1e3", "0"),
            ("a", "0", "9007199254740992"),
        ] {
            assert!(of(id, epoch, seq).is_err(), "{id} {epoch} {seq}");
        }
        assert!(producer(&headers(&[("producer-id", "a"), ("producer-epoch", "0")])).is_err());
        assert!(producer(&HeaderMap::new()).unwrap().is_none());
    }

    #[test]
    fn a_fork_names_its_source_by_path() {
        let source = ("stream-forked-from", "/v1/stream/http:alice/reply");
        let told = fork(&headers(&[source, ("stream-fork-offset", "-1"), ("stream-fork-sub-offset", "3")]));
        let told = told.unwrap().unwrap();
        assert_eq!(told.source, path::id("http:alice/reply").unwrap());
        assert_eq!((told.at, told.sub), (Some(stream::From::Start), 3));
        assert!(fork(&headers(&[("stream-forked-from", "/elsewhere/x")])).is_err());
        assert!(fork(&headers(&[("stream-fork-sub-offset", "0")])).is_err());
        for sub in ["-1", "abc", "1.5", "05", "+1"] {
            assert!(fork(&headers(&[source, ("stream-fork-sub-offset", sub)])).is_err(), "{sub}");
        }
    }

    #[test]
    fn a_content_type_is_read_whole_and_compared_without_parameters() {
        let of =
            |value| content_type(&headers(&[("content-type", value)])).map(|found| found.map(str::to_owned));
        assert_eq!(
            of("Application/JSON; charset=utf-8").unwrap().unwrap(),
            "Application/JSON; charset=utf-8"
        );
        assert!(is_json("Application/JSON; charset=utf-8") && !is_json("application/jsonl"));
        assert_eq!(of("").unwrap(), None);
        assert!(of("text").is_err() && of("/plain").is_err());
    }
}
