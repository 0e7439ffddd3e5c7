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

/// Writes the id of an entry.
pub(super) fn put_item_id(out: &mut BytesMut, id: &ItemId) {
    match id {
        ItemId::Number(space, number) => {
            out.put_u8(0);
            put_text(out, space.as_str());
            out.put_i64_le(*number);
        }
        ItemId::Bytes(space, bytes) => {
            out.put_u8(1);
            put_text(out, space.as_str());
            out.put_slice(bytes);
        }
    }
}

/// Writes bytes behind their length; storages take none that are longer than four bytes can tell.
pub(super) fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    put_count(out, bytes.len());
    out.put_slice(bytes);
}

/// Writes how many there are of something.
pub(super) fn put_count(out: &mut BytesMut, count: usize) {
    out.put_u32_le(u32::try_from(count).expect("a batch is smaller"));
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
        self.parse_conversation(&text)
    }

    pub(super) fn parse_conversation(&self, text: &str) -> Result<Conversation> {
        Conversation::parse(text).map_err(|error| Error::corrupt(self.what).with_source(error))
    }

    pub(super) fn ticket(&mut self) -> Result<Ticket> {
        Ok(Ticket { update: self.item_id()?, ordinal: self.u32()? })
    }

    pub(super) fn item_id(&mut self) -> Result<ItemId> {
        let tag = self.u8()?;
        let space = self.name()?;
        match tag {
            0 => Ok(ItemId::Number(space, self.u64()?.cast_signed())),
            1 => {
                self.need(16)?;
                let mut bytes = [0; 16];
                self.rest.copy_to_slice(&mut bytes);
                Ok(ItemId::Bytes(space, bytes))
            }
            other => Err(self.unknown("id kind", other)),
        }
    }

    pub(super) fn name(&mut self) -> Result<Name> {
        Name::new(self.text()?).map_err(|error| Error::corrupt(self.what).with_source(error))
    }

    /// Bytes behind their length.
    pub(super) fn bytes(&mut self) -> Result<Bytes> {
        let len = usize::try_from(self.u32()?).map_err(|_| self.unknown("length", u8::MAX))?;
        self.need(len)?;
        Ok(self.rest.split_to(len))
    }

    /// So many of something behind their count. Each has at least a byte, so that no count asks for much memory.
    pub(super) fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let count = self.u32()?;
        self.need(usize::try_from(count).unwrap_or(usize::MAX))?;
        (0..count).map(|_| read(self)).collect()
    }

    pub(super) fn unknown(&self, what: &str, found: u8) -> Error {
        Error::corrupt(format!("{} has the unknown {what} {found}", self.what))
    }
}
