//! The parts of a turn's record, each as it is written and read.

use bytes::{BufMut, BytesMut};

use super::{Found, FoundState, How, JournalCall, JournalUpdate, Saved, Taken};
use crate::runner::format::fields::{Fields, put_bytes, put_count, put_item_id, put_text};
use crate::runner::format::options::{put_options, read_options};
use crate::storage::{LogWrite, Offset};
use crate::{Conversation, Key, Result, Timestamp};

pub(super) fn put_list<T>(out: &mut BytesMut, items: &[T], mut put: impl FnMut(&mut BytesMut, &T)) {
    put_count(out, items.len());
    items.iter().for_each(|item| put(out, item));
}

impl JournalUpdate {
    pub(super) fn put(&self, out: &mut BytesMut) {
        put_item_id(out, &self.id);
        out.put_u64_le(self.arrived.0);
        put_bytes(out, &self.body);
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self> {
        Ok(Self { id: fields.item_id()?, arrived: Timestamp(fields.u64()?), body: fields.bytes()? })
    }
}

impl Taken {
    pub(super) fn put(&self, out: &mut BytesMut) {
        let (how, nth) = match self.how {
            How::Joined => (0, 0),
            How::Asked(nth) => (1, u32::from(nth)),
            How::Steered(nth) => (2, nth),
        };
        out.put_u8(how);
        out.put_u32_le(nth);
        self.update.put(out);
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self> {
        let how = match (fields.u8()?, fields.u32()?) {
            (0, _) => How::Joined,
            (1, nth) => How::Asked(u16::try_from(nth).map_err(|_| fields.unknown("wait", u8::MAX))?),
            (2, nth) => How::Steered(nth),
            (other, _) => return Err(fields.unknown("way of taking an update", other)),
        };
        Ok(Self { how, update: JournalUpdate::read(fields)? })
    }
}

impl JournalCall {
    pub(super) fn put(&self, out: &mut BytesMut) {
        put_options(out, &self.options);
        put_bytes(out, &self.body);
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self> {
        Ok(Self { options: read_options(fields)?, body: fields.bytes()? })
    }
}

impl Found {
    pub(super) fn put(&self, out: &mut BytesMut, here: &Conversation) {
        put_key(out, &self.key, here);
        let state = match &self.state {
            FoundState::Absent => 0,
            FoundState::Stored { base: None, .. } => 1,
            FoundState::Stored { base: Some(_), .. } => 2,
            FoundState::TooLarge(_) => 3,
        };
        let saved = match self.saved {
            None => 0,
            Some(Saved::Known) => 1,
            Some(Saved::Absent) => 2,
            Some(Saved::Unknown) => 3,
        };
        out.put_u8(state | saved << 4);
        match &self.state {
            FoundState::Absent => {}
            FoundState::Stored { base, first, entries } => {
                base.iter().for_each(|base| put_bytes(out, base));
                out.put_u64_le(first.0);
                put_list(out, entries, |out, entry| put_bytes(out, entry));
            }
            FoundState::TooLarge(bytes) => out.put_u64_le(*bytes),
        }
    }

    pub(super) fn read(fields: &mut Fields, here: &Conversation) -> Result<Self> {
        let key = read_key(fields, here)?;
        let flags = fields.u8()?;
        let state = match flags & 0xf {
            0 => FoundState::Absent,
            with @ (1 | 2) => FoundState::Stored {
                base: if with == 2 { Some(fields.bytes()?) } else { None },
                first: Offset(fields.u64()?),
                entries: fields.list(Fields::bytes)?,
            },
            3 => FoundState::TooLarge(fields.u64()?),
            other => return Err(fields.unknown("state of a log", other)),
        };
        let saved = match flags >> 4 {
            0 => None,
            1 => Some(Saved::Known),
            2 => Some(Saved::Absent),
            3 => Some(Saved::Unknown),
            other => return Err(fields.unknown("way of saving", other)),
        };
        Ok(Self { key, saved, state })
    }
}

/// A key of this conversation is its name alone.
fn put_key(out: &mut BytesMut, key: &Key, here: &Conversation) {
    match key {
        Key::Log(conversation, _) if conversation != here => put_text(out, conversation.as_str()),
        _ => put_text(out, ""),
    }
    put_text(out, key.name().as_str());
}

fn read_key(fields: &mut Fields, here: &Conversation) -> Result<Key> {
    let text = fields.text()?;
    let conversation = if text.is_empty() { here.clone() } else { fields.parse_conversation(&text)? };
    Ok(Key::Log(conversation, fields.name()?))
}

pub(super) fn put_write(out: &mut BytesMut, write: &LogWrite, here: &Conversation) {
    put_key(out, &write.key, here);
    let LogWrite { base, append, first, trim, delete, .. } = write;
    let flags = [base.is_some(), first.is_some(), trim.is_some(), *delete];
    out.put_u8(flags.iter().rev().fold(0, |flags, flag| flags << 1 | u8::from(*flag)));
    base.iter().for_each(|base| put_bytes(out, base));
    first.iter().chain(trim).for_each(|offset| out.put_u64_le(offset.0));
    put_list(out, append, |out, entry| put_bytes(out, entry));
}

pub(super) fn read_write(fields: &mut Fields, here: &Conversation) -> Result<LogWrite> {
    let mut write = LogWrite::new(read_key(fields, here)?);
    let flags = fields.u8()?;
    if flags > 15 {
        return Err(fields.unknown("flags of a write", flags));
    }
    let has = |flag: u8| flags & flag != 0;
    write.base = if has(1) { Some(fields.bytes()?) } else { None };
    write.first = if has(2) { Some(Offset(fields.u64()?)) } else { None };
    write.trim = if has(4) { Some(Offset(fields.u64()?)) } else { None };
    write.append = fields.list(Fields::bytes)?;
    write.delete = has(8);
    Ok(write)
}
