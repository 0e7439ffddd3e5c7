//! Where a reader is: an offset, and the branch of the stream it was read on.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// What tells one life of a stream from another: a random number, given when a stream is made, when it is forked,
/// and each time that what it said last is said anew. A cursor of one branch is refused on a stream that does not have
/// it, so that a reader is never answered from the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BranchId(pub u64);

/// A place between two entries: after `offset` entries of its stream.
///
/// Its text form is `<offset>_<branch>`, 16 digits and 16 hexadecimal ones; within a stream the texts sort as the
/// places do. To readers it is opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// How many entries come before it, trimmed ones included.
    pub offset: u64,
    /// The branch that said the entry before it.
    pub branch: BranchId,
}

/// Where a read begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum From {
    /// At the first entry that is there.
    #[default]
    Start,
    /// At the end: what comes from now on.
    End,
    /// Where an earlier read ended.
    At(Cursor),
}

/// The largest offset that a text form holds: 16 digits.
const MAX_OFFSET: u64 = 9_999_999_999_999_999;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016}_{:016x}", self.offset, self.branch.0)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    /// # Errors
    /// `Invalid` if it is not the text form of a cursor.
    fn from_str(text: &str) -> Result<Self> {
        parse(text).ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            Error::invalid(format!("`{}` is not a cursor of a stream", shown.escape_debug()))
        })
    }
}

fn parse(text: &str) -> Option<Cursor> {
    let bytes = text.as_bytes();
    if bytes.len() != 33 || bytes[16] != b'_' {
        return None;
    }
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if !bytes[..16].iter().all(u8::is_ascii_digit) || !bytes[17..].iter().all(is_hex) {
        return None;
    }
    let offset = text[..16].parse().ok().filter(|offset| *offset <= MAX_OFFSET)?;
    Some(Cursor { offset, branch: BranchId(u64::from_str_radix(&text[17..], 16).ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_from_its_text() {
        for (offset, branch) in [(0, 0), (7, 0xABCD), (MAX_OFFSET, u64::MAX)] {
            let cursor = Cursor { offset, branch: BranchId(branch) };
            assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }
        assert_eq!(
            Cursor { offset: 42, branch: BranchId(0xff) }.to_string(),
            "0000000000000042_00000000000000ff"
        );
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let long = "1".repeat(5_000);
        let near = ["+000000000000001_00000000000000ff", "0000000000000001_00000000000000FF"];
        let odd = ["", "-1", "now", "42", "1_2", "0000000000000042-00000000000000ff", "é", &long];
        for text in near.into_iter().chain(odd) {
            let error = text.parse::<Cursor>().unwrap_err();
            assert_eq!(error.kind(), crate::error::Kind::Invalid, "{text}");
            assert!(error.to_string().len() < 200);
        }
    }
}
