//! What the holder of an API token may do.

use std::fmt;
use std::str::FromStr;

use tertulia::{Error, Result};

/// A part of the routes that an API token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// `chat`: post messages, and have the replies.
    Chat,
    /// `streams:read`: read any stream.
    StreamsRead,
    /// `streams:write`: make, append to, close, stop and delete any stream.
    StreamsWrite,
    /// `sessions:read`: read any session.
    SessionsRead,
    /// `sessions:write`: change and delete any session.
    SessionsWrite,
    /// `admin`: dead letters, parked updates, forks.
    Admin,
    /// `metrics`: what is counted.
    Metrics,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Chat,
        Self::StreamsRead,
        Self::StreamsWrite,
        Self::SessionsRead,
        Self::SessionsWrite,
        Self::Admin,
        Self::Metrics,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::StreamsRead => "streams:read",
            Self::StreamsWrite => "streams:write",
            Self::SessionsRead => "sessions:read",
            Self::SessionsWrite => "sessions:write",
            Self::Admin => "admin",
            Self::Metrics => "metrics",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = Error;

    /// # Errors
    /// `Invalid`, naming what is none and those there are.
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|scope| scope.as_str()).collect();
            let known = known.join(", ");
            Error::invalid(format!("`{}` is not a scope; scopes: {known}", text.escape_debug()))
        })
    }
}

/// Some scopes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Every scope.
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Whether it is among them.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Each of them, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl From<Scope> for Scopes {
    fn from(scope: Scope) -> Self {
        Self(scope.bit())
    }
}

impl FromStr for Scopes {
    type Err = Error;

    /// Reads names with commas or spaces between them.
    ///
    /// # Errors
    /// `Invalid` if one is none, or if there is none at all.
    fn from_str(text: &str) -> Result<Self> {
        let names = text.split([',', ' ']).filter(|name| !name.is_empty());
        let scopes: Self = names.map(str::parse::<Scope>).collect::<Result<_>>()?;
        match scopes == Self::default() {
            true => Err(Error::invalid("at least one scope is needed, such as chat")),
            false => Ok(scopes),
        }
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Scope::as_str)).finish()
    }
}
