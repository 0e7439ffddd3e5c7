//! Patches of MessagePack values: their grammar, written by [`diff`](super::diff) and read here.
//!
//! A *change* of a value is a tag and what follows:
//! - `SET` value: it becomes this.
//! - `MAP` pairs-afterwards (key change)* `END`: pairs are changed, set if they are new, or removed by `REMOVE`.
//! - `ARRAY` items-afterwards step* 0: steps go through the old items. A step is a varint, `count * 4 + code`: `KEEP`,
//!   `DROP` and `EDIT` go on by so many items, `EDIT` is followed by a change for each, `ADD` by so many values.
//!   Items after the last step are kept.
//! - `SPLICE` at remove add bytes: bytes of a text or of bytes are replaced.
//!
//! Keys are compared as bytes, and the order of a map's pairs means nothing. Positions in arrays do mean something,
//! since nothing but a patch changes what is stored.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{Kind, MAX_DEPTH, header, put_header, skip, take_value};
use crate::session::format::{Malformed, take_varint};

pub(in crate::session) const REMOVE: u8 = 0;
pub(in crate::session) const SET: u8 = 1;
pub(in crate::session) const MAP: u8 = 2;
pub(in crate::session) const ARRAY: u8 = 3;
pub(in crate::session) const SPLICE: u8 = 4;

/// Ends the pairs of a `MAP`: no MessagePack value begins with it.
pub(in crate::session) const END: u8 = 0xc1;

pub(in crate::session) const KEEP: u64 = 0;
pub(in crate::session) const DROP: u64 = 1;
pub(in crate::session) const ADD: u64 = 2;
pub(in crate::session) const EDIT: u64 = 3;

/// Maps with more pairs get an index.
const INDEXED: usize = 16;

/// A value under patches. Only what a patch reaches into is taken apart, once for all patches, so that many small
/// patches of a large state cost what they carry.
#[derive(Debug)]
pub(in crate::session) enum Tree<'a> {
    /// As it was stored.
    Raw(&'a [u8]),
    Map(Map<'a>),
    Array(Vec<Tree<'a>>),
    /// A text or bytes, without the header.
    Content(Kind, Vec<u8>),
}

#[derive(Debug)]
pub(in crate::session) struct Map<'a> {
    pairs: Vec<(&'a [u8], Tree<'a>)>,
    /// Where each key is, for large maps.
    index: Option<HashMap<&'a [u8], usize, RandomState>>,
}

impl<'a> Tree<'a> {
    /// Applies a change that takes all of `changes`.
    pub(in crate::session) fn apply(&mut self, mut changes: &'a [u8]) -> Result<(), Malformed> {
        self.change(&mut changes, 0)?;
        if changes.is_empty() { Ok(()) } else { Err(Malformed::Patch) }
    }

    /// Applies a change that begins `rest`.
    pub(in crate::session) fn change(&mut self, rest: &mut &'a [u8], depth: usize) -> Result<(), Malformed> {
        if depth > MAX_DEPTH {
            return Err(Malformed::Depth);
        }
        match take_byte(rest)? {
            SET => *self = Self::Raw(take_value(rest)?),
            MAP => self.map()?.change(rest, depth)?,
            ARRAY => change_array(self.array()?, rest, depth)?,
            SPLICE => splice(self.content()?, rest)?,
            _ => return Err(Malformed::Patch),
        }
        Ok(())
    }

    fn map(&mut self) -> Result<&mut Map<'a>, Malformed> {
        if let Self::Raw(bytes) = *self {
            *self = Self::Map(Map::read(bytes)?);
        }
        match self {
            Self::Map(map) => Ok(map),
            _ => Err(Malformed::Patch),
        }
    }

    fn array(&mut self) -> Result<&mut Vec<Self>, Malformed> {
        if let Self::Raw(bytes) = *self {
            let header = expect(bytes, Kind::Array)?;
            let mut rest = &bytes[header..];
            let mut items = Vec::new();
            while !rest.is_empty() {
                items.push(Self::Raw(take_value(&mut rest)?));
            }
            *self = Self::Array(items);
        }
        match self {
            Self::Array(items) => Ok(items),
            _ => Err(Malformed::Patch),
        }
    }

    fn content(&mut self) -> Result<&mut Vec<u8>, Malformed> {
        if let Self::Raw(bytes) = *self {
            let header = header(bytes, 0)?;
            if !matches!(header.kind, Kind::Text | Kind::Bytes) {
                return Err(Malformed::Patch);
            }
            *self = Self::Content(header.kind, bytes[header.payload..].to_vec());
        }
        match self {
            Self::Content(_, content) => Ok(content),
            _ => Err(Malformed::Patch),
        }
    }

    /// Appends the value as it is now.
    pub(in crate::session) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Raw(bytes) => out.extend_from_slice(bytes),
            Self::Map(map) => {
                put_header(out, Kind::Map, map.pairs.len());
                for (key, value) in &map.pairs {
                    out.extend_from_slice(key);
                    value.write(out);
                }
            }
            Self::Array(items) => {
                put_header(out, Kind::Array, items.len());
                for item in items {
                    item.write(out);
                }
            }
            Self::Content(kind, content) => {
                put_header(out, *kind, content.len());
                out.extend_from_slice(content);
            }
        }
    }
}

impl<'a> Map<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut rest = &bytes[expect(bytes, Kind::Map)?..];
        let mut map = Self { pairs: Vec::new(), index: None };
        while !rest.is_empty() {
            let key = take_value(&mut rest)?;
            map.pairs.push((key, Tree::Raw(take_value(&mut rest)?)));
        }
        if map.pairs.len() > INDEXED {
            map.index = Some(map.pairs.iter().enumerate().map(|(place, (key, _))| (*key, place)).collect());
        }
        Ok(map)
    }

    fn place(&self, key: &[u8]) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(key).copied(),
            None => self.pairs.iter().position(|(there, _)| *there == key),
        }
    }

    fn change(&mut self, rest: &mut &'a [u8], depth: usize) -> Result<(), Malformed> {
        let count = take_varint(rest)?;
        while rest.first() != Some(&END) {
            let key = take_value(rest)?;
            match (self.place(key), rest.first()) {
                (Some(place), Some(&REMOVE)) => {
                    take_byte(rest)?;
                    self.remove(place);
                }
                (Some(place), _) => self.pairs[place].1.change(rest, depth + 1)?,
                (None, Some(&SET)) => {
                    take_byte(rest)?;
                    if let Some(index) = &mut self.index {
                        index.insert(key, self.pairs.len());
                    }
                    self.pairs.push((key, Tree::Raw(take_value(rest)?)));
                }
                (None, _) => return Err(Malformed::Patch),
            }
        }
        take_byte(rest)?;
        if self.pairs.len() as u64 == count { Ok(()) } else { Err(Malformed::Patch) }
    }

    fn remove(&mut self, place: usize) {
        let (key, _) = self.pairs.swap_remove(place);
        if let Some(index) = &mut self.index {
            index.remove(key);
            if let Some((moved, _)) = self.pairs.get(place) {
                index.insert(moved, place);
            }
        }
    }
}

fn change_array<'a>(items: &mut Vec<Tree<'a>>, rest: &mut &'a [u8], depth: usize) -> Result<(), Malformed> {
    let count = take_varint(rest)?;
    let mut at = 0;
    loop {
        let step = take_varint(rest)?;
        let n = usize::try_from(step >> 2).map_err(|_| Malformed::Patch)?;
        if step == 0 {
            break;
        }
        if step & 3 == ADD {
            let mut added = Vec::new();
            for _ in 0..n {
                added.push(Tree::Raw(take_value(rest)?));
            }
            items.splice(at..at, added);
            at += n;
            continue;
        }
        if n > items.len() - at {
            return Err(Malformed::Patch);
        }
        match step & 3 {
            KEEP => at += n,
            DROP => drop(items.drain(at..at + n)),
            _ => {
                for item in &mut items[at..at + n] {
                    item.change(rest, depth + 1)?;
                }
                at += n;
            }
        }
    }
    if items.len() as u64 == count { Ok(()) } else { Err(Malformed::Patch) }
}

fn splice(content: &mut Vec<u8>, rest: &mut &[u8]) -> Result<(), Malformed> {
    let mut number = || usize::try_from(take_varint(rest)?).map_err(|_| Malformed::Patch);
    let (at, remove, add) = (number()?, number()?, number()?);
    let end = at.checked_add(remove).filter(|end| *end <= content.len()).ok_or(Malformed::Patch)?;
    let (added, after) = rest.split_at_checked(add).ok_or(Malformed::Patch)?;
    *rest = after;
    content.splice(at..end, added.iter().copied());
    Ok(())
}

/// The length of the header, if the value is of this kind and is all of `bytes`.
fn expect(bytes: &[u8], kind: Kind) -> Result<usize, Malformed> {
    let header = header(bytes, 0)?;
    if header.kind == kind && skip(bytes, 0)? == bytes.len() {
        Ok(header.payload)
    } else {
        Err(Malformed::Patch)
    }
}

pub(in crate::session) fn take_byte(rest: &mut &[u8]) -> Result<u8, Malformed> {
    let (&byte, after) = rest.split_first().ok_or(Malformed::Patch)?;
    *rest = after;
    Ok(byte)
}
