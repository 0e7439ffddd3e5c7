//! Reads and writes the fields of records.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::Ticket;
use crate::storage::ItemId;
use crate::{Conversation, Error, Name, Result};

/// Writes at most 65,535 bytes of `text`, cut at a character.
pub(super) fn put_text(out: &mut BytesMut, text: &str) {
    let text = cut(text, usize::from(u16::MAX));
    out.put_u16_le(u16::try_from(text.len()).expect("cut to fit"));
    out.put_slice(text.as_bytes());
}

/// The beginning of `text`, at most so many bytes, cut at a character.
pub(super) fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// Reads a record's fields in order; names the record when it ends early.
pub(super) struct Fields {
    what: &'static str,
    pub(super) rest: Bytes,
}

impl Fields {
    /// Reads the version, which is 1 or more and at most `latest`.
    pub(super) fn open(what: &'static str, bytes: &Bytes, latest: u8) -> Result<(u8, Self)> {
        let mut fields = Self { what, rest: bytes.clone() };
        match fields.u8()? {
            version if (1..=latest).contains(&version) => Ok((version, fields)),
            other => Err(Error::corrupt(format!(
                "{what} has format version {other}, this program reads up to {latest}"
            ))),
        }
    }

    fn need(&self, bytes: usize) -> Result<()> {
        if self.rest.len() < bytes {
            Err(Error::corrupt(format!("{} ends early", self.what)))
        } else {
            Ok(())
        }
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        self.need(1)?;
        Ok(self.rest.get_u8())
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        self.need(2)?;
        Ok(self.rest.get_u16_le())
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        self.need(4)?;
        Ok(self.rest.get_u32_le())
    }

    pub(super) fn u64(&mut self) -> Result<u64> {
        self.need(8)?;
        Ok(self.rest.get_u64_le())
    }

    pub(super) fn text(&mut self) -> Result<String> {
        let len = usize::from(self.u16()?);
        self.need(len)?;
        String::from_utf8(self.rest.split_to(len).into()).map_err(|error| {
            Error::corrupt(format!("{} holds a text that is not UTF-8", self.what)).with_source(error)
        })
    }

    pub(super) fn conversation(&mut self) -> Result<Conversation> {
        let text = self.text()?;
        Conversation::parse(&text).map_err(|error| Error::corrupt(self.what).with_source(error))
    }

    pub(super) fn ticket(&mut self) -> Result<Ticket> {
        let tag = self.u8()?;
        let space = Name::new(self.text()?).map_err(|error| Error::corrupt(self.what).with_source(error))?;
        let update = match tag {
            0 => ItemId::Number(space, self.u64()?.cast_signed()),
            1 => {
                self.need(16)?;
                let mut bytes = [0; 16];
                self.rest.copy_to_slice(&mut bytes);
                ItemId::Bytes(space, bytes)
            }
            other => return Err(Error::corrupt(format!("{} has the unknown id kind {other}", self.what))),
        };
        Ok(Ticket { update, ordinal: self.u32()? })
    }
}
