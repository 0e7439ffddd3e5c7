//! How far somebody has followed a conversation: places in its journal, in its log of live replies, and in that of posted
//! messages.

use std::fmt;
use std::str::FromStr;

use tertulia::storage::{CommitId, From, LogPage, Offset};
use tertulia::{Error, Result};

/// A place in a log. By default before everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct At {
    /// Which log it is, if there was one; 0 if there was none.
    pub(super) incarnation: u64,
    /// How many entries come before it.
    pub(super) offset: u64,
}

/// The three places. Its text form is the id of an event of the feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) journal: At,
    pub(super) live: At,
    pub(super) posted: At,
}

impl At {
    /// After a page.
    pub(super) fn after(page: Option<&LogPage>) -> Self {
        page.map_or(Self::default(), |page| Self {
            incarnation: page.head.incarnation.0,
            offset: page.next().0,
        })
    }

    /// Where a read begins that goes on here.
    pub(super) fn from(self) -> From {
        match self.incarnation {
            0 => From::Start,
            incarnation => From::At(CommitId(incarnation), Offset(self.offset)),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { journal, live, posted } = self;
        for (before, At { incarnation, offset }) in [("", journal), ("-", live), ("-", posted)] {
            write!(f, "{before}{incarnation:x}.{offset:x}")?;
        }
        Ok(())
    }
}

impl FromStr for Place {
    type Err = Error;

    /// # Errors
    /// `Invalid` if it is no place.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("the id is not of an event of this feed");
        let number = |text: &str| u64::from_str_radix(text, 16).map_err(|_| wrong());
        let at = |text: &str| {
            let (incarnation, offset) = text.split_once('.').ok_or_else(wrong)?;
            Ok::<_, Error>(At { incarnation: number(incarnation)?, offset: number(offset)? })
        };
        match text.split('-').collect::<Vec<_>>()[..] {
            [journal, live, posted] => {
                Ok(Self { journal: at(journal)?, live: at(live)?, posted: at(posted)? })
            }
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_from_its_text() {
        let at = |incarnation, offset| At { incarnation, offset };
        let place = Place { journal: at(u64::MAX, 255), live: at(0, 0), posted: at(7, 1) };
        assert_eq!(place.to_string(), "ffffffffffffffff.ff-0.0-7.1");
        assert_eq!(place.to_string().parse::<Place>().unwrap(), place);
        for text in ["", "1.1", "1.1-1.1", "1.1-1.1-1.1-1.1", "1.1-1.1-x.1", "1-1-1"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
