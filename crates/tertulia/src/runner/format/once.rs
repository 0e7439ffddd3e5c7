//! The stored shape of a recorded result.

use bytes::{BufMut, Bytes, BytesMut};

use super::fields::{Fields, put_text};
use crate::Result;

/// The version of this record.
const VERSION: u8 = 1;

/// A result that a turn has recorded: an entry of the log `once/<update>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnceRecord {
    /// What it is called.
    pub name: String,
    /// The result, as whoever recorded it has encoded it.
    pub result: Bytes,
}

impl OnceRecord {
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(3 + self.name.len() + self.result.len());
        out.put_u8(VERSION);
        put_text(&mut out, &self.name);
        out.put_slice(&self.result);
        out.freeze()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// `Corrupt` if it is none, or of a version this program does not know.
    pub fn decode(bytes: &Bytes) -> Result<Self> {
        let (_, mut fields) = Fields::open("recorded result", bytes, VERSION)?;
        Ok(Self { name: fields.text()?, result: fields.rest })
    }
}
