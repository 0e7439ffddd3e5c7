//! Mints capability tokens and reads them.

use std::time::Duration;

use tertulia::{Clock, Error, Result, Timestamp};

use super::capability::{Capability, PREFIX, SigningKey};
use super::{Resource, Rights};

/// The most bytes of a name.
const MAX_NAME: usize = 256;

/// Makes and reads capability tokens: texts that open one stream, one session, or those of one conversation, for a
/// while. Whoever has the key can make them; nothing is stored, so they cannot be taken back before they expire.
///
/// ```
/// use std::time::Duration;
/// use tertulia::{Clock, Conversation};
/// use tertulia_http::{Capabilities, Mint, Resource, Right};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> tertulia::Result<()> {
/// let capabilities = Capabilities::new(Clock::system(), b"a key of 16 bytes or more")?;
/// let alice = Conversation::new("http", "alice")?;
/// let mint = Mint::new(Right::Read, Duration::from_secs(600));
/// let token = capabilities.mint(Resource::Stream(&alice, "answer"), mint)?.token;
/// assert!(token.starts_with("tc1_"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Capabilities {
    clock: Clock,
    /// The first one signs, all are accepted.
    keys: Vec<SigningKey>,
    longest: Duration,
    longest_in_query: Duration,
}

/// How a capability token is to be.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Mint {
    /// What its holder may do.
    pub rights: Rights,
    /// How long it is good for.
    pub lasts: Duration,
    /// Whether it may stand in the query of a `GET`, as `EventSource` needs it. Queries are kept in histories and in the
    /// logs of proxies, so it should be good for a minute, not more.
    pub in_query: bool,
}

/// A capability token.
#[derive(Clone, PartialEq, Eq)]
pub struct Minted {
    /// Its text: letters, digits, `_` and `-`.
    pub token: String,
    /// Until when it is good.
    pub expires: Timestamp,
}

impl Mint {
    /// With these rights, for so long, not in a query.
    pub fn new(rights: impl Into<Rights>, lasts: Duration) -> Self {
        Self { rights: rights.into(), lasts, in_query: false }
    }

    /// Lets it stand in a query.
    #[must_use]
    pub fn in_query(mut self) -> Self {
        self.in_query = true;
        self
    }
}

impl Capabilities {
    /// Signs with this key. Tokens are good for an hour at most, those for queries for 60 s.
    ///
    /// # Errors
    /// `Invalid` if the key is shorter than 16 bytes.
    pub fn new(clock: Clock, key: &[u8]) -> Result<Self> {
        let keys = vec![SigningKey::new(key)?];
        Ok(Self { clock, keys, longest: Duration::from_hours(1), longest_in_query: Duration::from_secs(60) })
    }

    /// Accepts what was signed with the key before this one, too.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn previous(mut self, key: &[u8]) -> Result<Self> {
        self.keys.truncate(1);
        self.keys.push(SigningKey::new(key)?);
        Ok(self)
    }

    /// Changes how long tokens may be good for, and those for queries.
    #[must_use]
    pub fn at_most(mut self, longest: Duration, longest_in_query: Duration) -> Self {
        (self.longest, self.longest_in_query) = (longest, longest_in_query);
        self
    }

    /// Makes a token for `resource`.
    ///
    /// # Errors
    /// `Invalid` for no rights, no time or more than is allowed, naming the limit, and for a name of more than 256 bytes.
    pub fn mint(&self, resource: Resource<'_>, mint: Mint) -> Result<Minted> {
        let Mint { rights, lasts, in_query } = mint;
        if rights == Rights::default() {
            return Err(Error::invalid("a capability needs at least one right"));
        }
        let (what, longest) = match in_query {
            true => ("a capability for a query", self.longest_in_query),
            false => ("a capability", self.longest),
        };
        if lasts.is_zero() || lasts > longest {
            let (lasts, longest) = (lasts.as_secs_f64(), longest.as_secs());
            let text = format!("{what} cannot last {lasts} s; allowed: more than 0, at most {longest} s");
            return Err(Error::invalid(text));
        }
        if let Resource::Stream(_, name) | Resource::Session(_, name) = resource
            && !(1..=MAX_NAME).contains(&name.len())
        {
            let text = format!("a name of {} bytes; allowed: 1 to {MAX_NAME}", name.len());
            return Err(Error::invalid(text));
        }
        let expires = self.clock.now().after(lasts);
        let token = Capability::new(resource, rights, expires, in_query).write(&self.keys[0]);
        Ok(Minted { token, expires })
    }

    /// What a token says that is genuine and not expired, and when it is.
    pub(super) fn read(&self, text: &str) -> Option<(Capability, Timestamp)> {
        let (capability, now) = (Capability::read(text, &self.keys)?, self.clock.now());
        (now < capability.expires).then_some((capability, now))
    }

    /// Whether a text means to be such a token.
    pub(super) fn is_one(text: &str) -> bool {
        text.starts_with(PREFIX)
    }
}

impl std::fmt::Debug for Minted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Minted").field("token", &"***").field("expires", &self.expires).finish()
    }
}
