//! What a platform that posts its updates implements: who may post, and which update a post is.

use std::fmt::Debug;

use bytes::Bytes;

use crate::runner::Incoming;
use crate::{Result, Timestamp};

/// A webhook of a platform, without anything of HTTP's: whoever serves it asks [`admit`](Self::admit) before a body is
/// read, puts what [`open`](Self::open) gives into the [`Door`](super::Door)'s intake, and says yes only then.
pub trait Hook: Debug + Send + Sync + 'static {
    /// The source of its conversations: the name of the adapter that decodes the updates.
    fn name(&self) -> &str;

    /// Whether a post with these headers may be read, as far as headers tell. Must take as long for a secret that is
    /// nearly right as for one that is not.
    ///
    /// # Errors
    /// Any refuses the post. Its text is told to whoever posts, so it holds nothing secret.
    fn admit(&self, headers: &Headers<'_>, now: Timestamp) -> Result<()>;

    /// Which update an admitted post is. What is authentic and cannot be an update is one with a
    /// [`fault`](Incoming::fault): refused, it would come again for as long as the platform has patience, and hold up
    /// what is behind it.
    ///
    /// # Errors
    /// As [`admit`](Self::admit), for what only the body tells.
    fn open(&self, headers: &Headers<'_>, body: Bytes) -> Result<Incoming>;
}

/// The headers of a post, by their names in lower case.
pub type Headers<'a> = dyn Fn(&str) -> Header<'a> + 'a;

/// What the headers of a post say under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header<'a> {
    /// Nothing.
    Absent,
    /// One value.
    One(&'a [u8]),
    /// More than one: which of them counts is anybody's guess, so none does.
    Several,
}

impl<'a> Header<'a> {
    /// The value, if there is exactly one.
    pub fn one(self) -> Option<&'a [u8]> {
        match self {
            Self::One(value) => Some(value),
            Self::Absent | Self::Several => None,
        }
    }
}
