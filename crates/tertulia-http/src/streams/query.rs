//! What a request asks for behind the `?`.

use std::borrow::Cow;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use tertulia::stream::{self, BranchId, Cursor};

use crate::{Problem, ProblemKind};

/// What a query may hold at most, in bytes.
const MOST: usize = 4_096;

/// How a reader wants to wait for what is not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Live {
    LongPoll,
    Sse,
}

/// A query, not yet taken apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    /// # Errors
    /// `Invalid` if it is longer than 4,096 bytes.
    pub(crate) fn new(query: Option<&'a str>) -> Result<Self, Problem> {
        let query = query.unwrap_or_default();
        match query.len() {
            ..=MOST => Ok(Self(query)),
            bytes => Err(invalid(format!("the query has {bytes} bytes, at most {MOST} are allowed"))),
        }
    }

    /// The value of a parameter, which must not be there twice.
    ///
    /// # Errors
    /// `Invalid` if it is, or if it is not UTF-8.
    pub(crate) fn get(self, name: &str) -> Result<Option<Cow<'a, str>>, Problem> {
        let mut values = self.0.split('&').filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then_some(value)
        });
        let value = values.next();
        if values.next().is_some() {
            return Err(invalid(format!("the parameter `{name}` is there twice")));
        }
        let decode = |value| percent_decode_str(value).decode_utf8();
        value.map(decode).transpose().map_err(|_| invalid(format!("the parameter `{name}` is not UTF-8")))
    }

    /// Where to read from.
    ///
    /// # Errors
    /// `Invalid` if it is no offset.
    pub(crate) fn offset(self) -> Result<Option<stream::From>, Problem> {
        self.get("offset")?.map(|text| offset(&text)).transpose()
    }

    /// How to wait.
    ///
    /// # Errors
    /// `Invalid` if it is neither of the two ways.
    pub(crate) fn live(self) -> Result<Option<Live>, Problem> {
        match self.get("live")?.as_deref() {
            None => Ok(None),
            Some("long-poll") => Ok(Some(Live::LongPoll)),
            Some("sse") => Ok(Some(Live::Sse)),
            Some(_) => Err(invalid("the parameter `live` must be `long-poll` or `sse`".into())),
        }
    }

    /// A number.
    ///
    /// # Errors
    /// `Invalid` if it is none.
    pub(crate) fn number<T: FromStr>(self, name: &str) -> Result<Option<T>, Problem> {
        let read = |text: Cow<'_, str>| {
            let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
            number.ok_or_else(|| invalid(format!("the parameter `{name}` is not a number")))
        };
        self.get(name)?.map(read).transpose()
    }
}

/// Reads an offset: `-1` is the start, `now` is the end, anything else is a cursor that an answer gave.
///
/// # Errors
/// `Invalid` if it is none of these.
pub(crate) fn offset(text: &str) -> Result<stream::From, Problem> {
    match text {
        "-1" => Ok(stream::From::Start),
        "now" => Ok(stream::From::End),
        _ => match text.parse::<Cursor>()? {
            // What others' servers mint for the start, and clients therefore send.
            Cursor { offset: 0, branch: BranchId(0) } => Ok(stream::From::Start),
            cursor => Ok(stream::From::At(cursor)),
        },
    }
}

fn invalid(text: String) -> Problem {
    Problem::new(ProblemKind::Invalid, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query<'_> {
        Query::new(Some(text)).unwrap()
    }

    #[test]
    fn parameters_are_found_and_decoded() {
        let query = query("x=1&cursor=a%20b&empty=&bare&offsets=2");
        assert_eq!(query.get("cursor").unwrap().as_deref(), Some("a b"));
        assert_eq!(query.get("empty").unwrap().as_deref(), Some(""));
        assert_eq!(query.get("bare").unwrap().as_deref(), Some(""));
        assert_eq!(query.get("offset").unwrap(), None);
        assert_eq!(query.number::<u64>("x").unwrap(), Some(1));
    }

    #[test]
    fn offsets_are_read() {
        let cursor = Cursor { offset: 42, branch: BranchId(7) };
        let at = |text: &str| query(text).offset().unwrap();
        assert_eq!(at(""), None);
        assert_eq!(at("offset=-1"), Some(stream::From::Start));
        assert_eq!(at("offset=now"), Some(stream::From::End));
        assert_eq!(at(&format!("offset={cursor}&live=sse")), Some(stream::From::At(cursor)));
        assert_eq!(at("offset=0000000000000000_0000000000000000"), Some(stream::From::Start));
    }

    #[test]
    fn what_is_no_offset_is_invalid() {
        for text in [
            "offset=",
            "offset=-1&offset=-1",
            "offset=-2",
            "offset=1",
            "offset=NOW",
            "offset=%00",
            "offset=%ff",
            "offset=0000000000000042_0000000000000007%0a",
            "offset=99999999999999999999_0000000000000007",
            "offset=../0000000000000042_0000000000000007",
            "offset=0000000000000042%2C0000000000000007",
        ] {
            assert_eq!(query(text).offset().unwrap_err().kind(), ProblemKind::Invalid, "{text}");
        }
        assert!(Query::new(Some(&"x".repeat(MOST + 1))).is_err());
    }

    #[test]
    fn there_are_two_ways_to_wait() {
        assert_eq!(query("live=sse").live().unwrap(), Some(Live::Sse));
        assert_eq!(query("live=long-poll").live().unwrap(), Some(Live::LongPoll));
        assert!(query("live=true").live().is_err());
    }
}
