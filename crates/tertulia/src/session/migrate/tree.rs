//! A stored value without its type, for migrations.

use std::fmt;

use rmpv::Value;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::session::log;
use crate::{Error, Result};

/// A value as it was stored: fields are looked up, changed, renamed and removed by name. A [`Log`](crate::Log) in it
/// stands there as a mark, which can be moved and renamed; its items are elsewhere.
#[derive(Clone, PartialEq)]
pub struct Tree(Value);

impl Tree {
    pub(in crate::session) fn decode(mut bytes: &[u8]) -> Result<Self> {
        match rmpv::decode::read_value_with_max_depth(&mut bytes, 2 * crate::session::msgpack::MAX_DEPTH) {
            Ok(value) if bytes.is_empty() => Ok(Self(value)),
            Ok(_) => Err(Error::corrupt("the state is more than one value")),
            Err(error) => Err(Error::corrupt("the state is not MessagePack").with_source(error)),
        }
    }

    pub(in crate::session) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        rmpv::encode::write_value(&mut out, &self.0).expect("memory takes everything");
        out
    }

    /// The value of a field, as a `T`; `None` if this has no such field.
    ///
    /// # Errors
    /// `Corrupt` if it is something else.
    pub fn get<T: DeserializeOwned>(&self, field: &str) -> Result<Option<T>> {
        let value = pairs(&self.0).find(|(key, _)| key.as_str() == Some(field));
        value.map(|(_, value)| Self(value.clone()).to()).transpose().map_err(|error| error.context(field))
    }

    /// The whole of it as a `T`, such as the type it was stored from.
    ///
    /// # Errors
    /// `Corrupt` if it is something else.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T> {
        log::decode_passing(&self.encode())
    }

    /// Replaces the whole of it.
    ///
    /// # Errors
    /// `Invalid` if `value` cannot be stored, as when items were added to a [`Log`](crate::Log) in it.
    pub fn replace(&mut self, value: &impl Serialize) -> Result<()> {
        *self = Self::decode(&log::encode_passing(value)?)?;
        Ok(())
    }

    /// Sets a field, new or not.
    ///
    /// # Errors
    /// `Invalid` if `value` cannot be stored, or if this is not something with fields.
    pub fn set(&mut self, field: &str, value: &impl Serialize) -> Result<()> {
        let value = Self::decode(&log::encode_passing(value)?)?.0;
        let Value::Map(pairs) = &mut self.0 else {
            return Err(Error::invalid(format!("`{field}` cannot be set in what has no fields")));
        };
        match pairs.iter_mut().find(|(key, _)| key.as_str() == Some(field)) {
            Some((_, there)) => *there = value,
            None => pairs.push((field.into(), value)),
        }
        Ok(())
    }

    /// Removes a field and gives what it was.
    pub fn remove(&mut self, field: &str) -> Option<Self> {
        let Value::Map(pairs) = &mut self.0 else { return None };
        let place = pairs.iter().position(|(key, _)| key.as_str() == Some(field))?;
        Some(Self(pairs.remove(place).1))
    }

    /// Gives a field another name, in the place of one that has it; `false` if this has no such field.
    pub fn rename(&mut self, field: &str, name: &str) -> bool {
        let Some(value) = self.remove(field) else { return false };
        self.remove(name);
        if let Value::Map(pairs) = &mut self.0 {
            pairs.push((name.into(), value.0));
        }
        true
    }

    /// Changes the value of a field; nothing if this has no such field.
    ///
    /// # Errors
    /// What `change` gives.
    pub fn edit(&mut self, field: &str, change: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let Value::Map(pairs) = &mut self.0 else { return Ok(()) };
        match pairs.iter_mut().find(|(key, _)| key.as_str() == Some(field)) {
            Some((_, value)) => edit(value, change),
            None => Ok(()),
        }
    }

    /// Changes each item of a list, or the value of each field.
    ///
    /// # Errors
    /// What `change` gives.
    pub fn each(&mut self, mut change: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        match &mut self.0 {
            Value::Array(items) => items.iter_mut().try_for_each(|item| edit(item, &mut change)),
            Value::Map(pairs) => pairs.iter_mut().try_for_each(|(_, value)| edit(value, &mut change)),
            _ => Ok(()),
        }
    }

    /// The names of the fields.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        pairs(&self.0).filter_map(|(key, _)| key.as_str())
    }

    /// The numbers of the logs in it, each with the names above it.
    pub(in crate::session) fn logs(&self) -> Vec<(u64, Vec<String>)> {
        let (mut logs, mut path) = (Vec::new(), Vec::new());
        find_logs(&self.0, &mut path, &mut logs);
        logs
    }

    /// Changes the items of every list that stands under a field of this name, as they would be in a log there.
    pub(in crate::session) fn edit_lists(
        &mut self,
        field: &str,
        change: &dyn Fn(&mut Self) -> Result<()>,
    ) -> Result<()> {
        edit_lists(&mut self.0, field, false, change)
    }
}

fn edit_lists(
    value: &mut Value,
    field: &str,
    is_under: bool,
    change: &dyn Fn(&mut Tree) -> Result<()>,
) -> Result<()> {
    match value {
        Value::Array(items) if is_under => items.iter_mut().try_for_each(|item| edit(item, change)),
        Value::Array(items) => items.iter_mut().try_for_each(|item| edit_lists(item, field, false, change)),
        Value::Map(pairs) => pairs.iter_mut().try_for_each(|(key, value)| {
            edit_lists(value, field, is_under || key.as_str() == Some(field), change)
        }),
        _ => Ok(()),
    }
}

fn pairs(value: &Value) -> impl Iterator<Item = &(Value, Value)> {
    value.as_map().into_iter().flatten()
}

fn edit(value: &mut Value, change: impl FnOnce(&mut Tree) -> Result<()>) -> Result<()> {
    let mut tree = Tree(std::mem::replace(value, Value::Nil));
    let changed = change(&mut tree);
    *value = tree.0;
    changed
}

fn find_logs(value: &Value, path: &mut Vec<String>, logs: &mut Vec<(u64, Vec<String>)>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| find_logs(item, path, logs)),
        Value::Map(pairs) => {
            for (key, value) in pairs {
                path.push(key.as_str().unwrap_or_default().to_owned());
                find_logs(value, path, logs);
                path.pop();
            }
        }
        Value::Ext(log::EXTENSION, digits) => {
            if let Ok(digits) = digits.as_slice().try_into() {
                logs.push((u64::from_be_bytes(digits), path.clone()));
            }
        }
        _ => {}
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
