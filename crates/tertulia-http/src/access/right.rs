//! What may be done with one stream or session.

use std::fmt;
use std::str::FromStr;

use tertulia::{Error, Result};

/// Something that can be done with a stream or a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Right {
    /// `read`: look at it, follow it.
    Read,
    /// `write`: make it, append to it, change it, close it, delete it.
    Write,
    /// `cancel`: ask whoever writes it to stop.
    Cancel,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Cancel];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Cancel => "cancel",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl FromStr for Right {
    type Err = Error;

    /// # Errors
    /// `Invalid`, naming what is none and those there are.
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|right| right.as_str() == text).ok_or_else(|| {
            Error::invalid(format!("`{}` is not a right; rights: read, write, cancel", text.escape_debug()))
        })
    }
}

/// Some rights.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Rights(u8);

impl Rights {
    /// Whether it is among them.
    pub fn contains(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.into_iter().filter(move |right| self.contains(*right))
    }

    /// As they stand in a capability.
    pub(super) fn bits(self) -> u8 {
        self.0
    }

    /// What [`bits`](Self::bits) gave; nothing if it gave no such bits.
    pub(super) fn from_bits(bits: u8) -> Option<Self> {
        let rights: Self = Right::ALL.into_iter().filter(|right| bits & right.bit() != 0).collect();
        (rights.0 == bits).then_some(rights)
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        Self(rights.into_iter().fold(0, |bits, right| bits | right.bit()))
    }
}

impl From<Right> for Rights {
    fn from(right: Right) -> Self {
        Self(right.bit())
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Right::as_str)).finish()
    }
}
