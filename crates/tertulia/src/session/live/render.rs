//! A patch of ours as JSON Patch: what it does to the old value as JSON, told in operations.
//!
//! Where operations cannot tell it, or would have more bytes than what they change, that is replaced whole: texts always
//! are, for the RFC has no operation inside them, and maps of which several keys have the same text.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use serde_json::Value;

use super::json::{self, Lists, key_text, push_index, push_name};
use super::operation::{Operation, json_bytes};
use crate::session::format::{Malformed, take_varint};
use crate::session::msgpack::diff::diff;
use crate::session::msgpack::patch::{
    ADD, ARRAY, DROP, EDIT, END, MAP, REMOVE, SET, SPLICE, Tree, take_byte,
};
use crate::session::msgpack::{header, take_value};

/// `{"op":"replace","path":"","value":}`
const REPLACE_BYTES: usize = 36;

/// Collects operations, and makes each of them on the value as it goes.
#[derive(Debug)]
pub(super) struct Render<'a> {
    lists: Lists<'a>,
    /// Where it is.
    path: String,
    operations: Vec<Operation>,
    /// What the operations have as JSON.
    bytes: usize,
}

/// A state to go back to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    operations: usize,
    bytes: usize,
}

impl<'a> Render<'a> {
    /// Of the value at `path`.
    pub(super) fn new(lists: Lists<'a>, path: String) -> Self {
        Self { lists, path, operations: Vec::new(), bytes: 0 }
    }

    pub(super) fn into_operations(self) -> Vec<Operation> {
        self.operations
    }

    /// Makes the change of `patch`, all of it, on the value that is `old` as MessagePack and `json` as JSON.
    pub(super) fn patch(&mut self, patch: &[u8], old: &[u8], json: &mut Value) -> Result<(), Malformed> {
        let mut rest = patch;
        self.change(&mut rest, old, json)?;
        if rest.is_empty() { Ok(()) } else { Err(Malformed::Patch) }
    }

    fn change(&mut self, rest: &mut &[u8], old: &[u8], json: &mut Value) -> Result<(), Malformed> {
        let (change, mark) = (*rest, self.mark());
        let is_told = match take_byte(rest)? {
            SET => {
                let new = json::value(take_value(rest)?, self.lists)?;
                self.set(json, new);
                return Ok(());
            }
            MAP => self.map(rest, old, json)?,
            ARRAY => self.array(rest, old, json)?,
            SPLICE => self.splice(rest, json)?,
            _ => return Err(Malformed::Patch),
        };
        if is_told {
            self.shorten(mark, json);
            return Ok(());
        }
        let (mut left, mut tree, mut new) = (change, Tree::Raw(old), Vec::new());
        tree.change(&mut left, 0)?;
        tree.write(&mut new);
        *rest = &change[change.len() - left.len()..];
        *json = json::value(&new, self.lists)?;
        self.back_to(mark);
        self.replace(json);
        Ok(())
    }

    /// `false` if it cannot be told, because keys have the same text.
    fn map(&mut self, rest: &mut &[u8], old: &[u8], json: &mut Value) -> Result<bool, Malformed> {
        let Value::Object(object) = json else { return Ok(false) };
        let pairs: HashMap<&[u8], &[u8], RandomState> = json::pairs(old)?.into_iter().collect();
        let count = take_varint(rest)?;
        while rest.first() != Some(&END) {
            let key = take_value(rest)?;
            let (name, parent) = (key_text(key)?, self.path.len());
            push_name(&mut self.path, &name);
            match (pairs.get(key), rest.first()) {
                (Some(_), Some(&REMOVE)) => {
                    take_byte(rest)?;
                    object.remove(name.as_ref());
                    self.push(Operation::Remove { path: self.path.clone() });
                }
                (Some(old), _) => {
                    let value = object.get_mut(name.as_ref()).ok_or(Malformed::Patch)?;
                    self.change(rest, old, value)?;
                }
                (None, Some(&SET)) => {
                    take_byte(rest)?;
                    let value = json::value(take_value(rest)?, self.lists)?;
                    self.push(Operation::Add { path: self.path.clone(), value: value.clone() });
                    object.insert(name.into_owned(), value);
                }
                (None, _) => return Err(Malformed::Patch),
            }
            self.path.truncate(parent);
        }
        take_byte(rest)?;
        // Where two keys have one text there is one field less than pairs: as long as there are two, and once one of them
        // was removed, since the field went with it.
        Ok(object.len() as u64 == count)
    }

    /// `false` if it does not fit, so that something above it has keys with the same text.
    fn array(&mut self, rest: &mut &[u8], old: &[u8], json: &mut Value) -> Result<bool, Malformed> {
        let Value::Array(items) = json else { return Ok(false) };
        let mut old = &old[header(old, 0)?.payload..];
        take_varint(rest)?;
        let mut at = 0;
        loop {
            let step = take_varint(rest)?;
            if step == 0 {
                return Ok(true);
            }
            let count = usize::try_from(step >> 2).map_err(|_| Malformed::Patch)?;
            if step & 3 == ADD {
                let new = (0..count).map(|_| json::value(take_value(rest)?, self.lists));
                at += self.add(items, at, new.collect::<Result<_, _>>()?);
                continue;
            }
            if count > items.len() - at {
                return Ok(false);
            }
            for i in 0..count {
                let old = take_value(&mut old)?;
                if step & 3 == EDIT {
                    let parent = self.path.len();
                    push_index(&mut self.path, at + i);
                    self.change(rest, old, &mut items[at + i])?;
                    self.path.truncate(parent);
                }
            }
            if step & 3 == DROP {
                self.drop(items, at, count);
            } else {
                at += count;
            }
        }
    }

    /// Bytes are an array; `false` if it is a text, or does not fit.
    fn splice(&mut self, rest: &mut &[u8], json: &mut Value) -> Result<bool, Malformed> {
        let Value::Array(items) = json else { return Ok(false) };
        let mut number = || usize::try_from(take_varint(rest)?).map_err(|_| Malformed::Patch);
        let (at, remove, add) = (number()?, number()?, number()?);
        let (added, after) = rest.split_at_checked(add).ok_or(Malformed::Patch)?;
        *rest = after;
        if at.checked_add(remove).is_none_or(|end| end > items.len()) {
            return Ok(false);
        }
        let both = remove.min(add);
        for (i, byte) in added.iter().enumerate().take(both) {
            self.set_item(items, at + i, Value::from(*byte));
        }
        self.drop(items, at + both, remove - both);
        self.add(items, at + both, added[both..].iter().map(|byte| Value::from(*byte)).collect());
        Ok(true)
    }

    /// Makes of the item that was `old` what `new` is.
    pub(super) fn edit(
        &mut self,
        items: &mut [Value],
        at: usize,
        old: &[u8],
        new: &[u8],
    ) -> Result<(), Malformed> {
        if let Some(patch) = diff(old, new)? {
            let parent = self.path.len();
            push_index(&mut self.path, at);
            self.patch(&patch, old, &mut items[at])?;
            self.path.truncate(parent);
        }
        Ok(())
    }

    fn set_item(&mut self, items: &mut [Value], at: usize, new: Value) {
        let parent = self.path.len();
        push_index(&mut self.path, at);
        self.set(&mut items[at], new);
        self.path.truncate(parent);
    }

    /// Puts in items, and tells how many it was.
    pub(super) fn add(&mut self, items: &mut Vec<Value>, at: usize, new: Vec<Value>) -> usize {
        let (count, is_end) = (new.len(), at == items.len());
        for (i, value) in new.iter().enumerate() {
            let mut path = self.path.clone();
            if is_end {
                path.push_str("/-")
            } else {
                push_index(&mut path, at + i)
            }
            self.push(Operation::Add { path, value: value.clone() });
        }
        items.splice(at..at, new);
        count
    }

    /// Takes out items, which are there.
    pub(super) fn drop(&mut self, items: &mut Vec<Value>, at: usize, count: usize) {
        for _ in 0..count {
            let mut path = self.path.clone();
            push_index(&mut path, at);
            self.push(Operation::Remove { path });
        }
        items.drain(at..at + count);
    }

    /// Says that the value becomes another, if it is one.
    pub(super) fn set(&mut self, json: &mut Value, new: Value) {
        if *json != new {
            *json = new;
            self.replace(json);
        }
    }

    /// Says that the value is to become what it is now.
    fn replace(&mut self, json: &Value) {
        self.push(Operation::Replace { path: self.path.clone(), value: json.clone() });
    }

    /// Replaces the whole value if that is shorter than the operations since.
    pub(super) fn shorten(&mut self, since: Mark, json: &Value) {
        let bytes = self.bytes - since.bytes;
        let around = REPLACE_BYTES + self.path.len();
        if bytes > around && json_bytes(json, bytes - around) + around < bytes {
            self.back_to(since);
            self.replace(json);
        }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { operations: self.operations.len(), bytes: self.bytes }
    }

    fn back_to(&mut self, mark: Mark) {
        self.operations.truncate(mark.operations);
        self.bytes = mark.bytes;
    }

    fn push(&mut self, operation: Operation) {
        self.bytes += operation.bytes() + 1;
        self.operations.push(operation);
    }
}
