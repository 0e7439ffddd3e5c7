//! The name by which people call an entry of a shard's queue.

use std::fmt;
use std::str::FromStr;

use crate::storage::Offset;
use crate::{Error, Shard};

/// An entry of the queue `dead` or `inbox`, wherever it lies: its shard and its offset. As text `17-42`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// The shard.
    pub shard: Shard,
    /// The place in the shard's queue.
    pub offset: Offset,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.shard, self.offset)
    }
}

impl FromStr for EntryId {
    type Err = Error;

    /// Reads the text form, exactly as it is written.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| {
            let shown: String = text.chars().take(40).collect();
            Error::invalid(format!(
                "`{}` is not the id of an entry: {why}; such as 17-42",
                shown.escape_debug()
            ))
        };
        let (shard, offset) = text.split_once('-').ok_or_else(|| wrong("it has no `-`"))?;
        let shard = number(shard).and_then(|shard| u8::try_from(shard).ok());
        let shard = Shard(shard.ok_or_else(|| wrong("before the `-` stands a shard, 0 to 255"))?);
        let offset = number(offset).ok_or_else(|| wrong("after the `-` stands an offset, a number"))?;
        Ok(Self { shard, offset: Offset(offset) })
    }
}

/// A number without a sign and without zeros before it.
fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}
