//! A state without a type.

mod rules;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use self::rules::Held;
pub(super) use self::rules::Rules;
use super::json::{json, kind};
use crate::{Error, Result};

/// A state without a type: values by name, as JSON has them. For graphs whose fields are not known when the program is
/// written; a struct is checked earlier, and can have a [`Log`](crate::Log) inside.
///
/// While an action runs it may read the fields that it declares with [`reads`](super::Definition::reads) and those that it
/// has set itself, and write those that it declares with [`writes`](super::Definition::writes). What it does not declare at
/// all it may do with every field.
///
/// ```
/// use tertulia::graph::Dynamic;
///
/// let mut state = Dynamic::new();
/// state.set("name", "Ana")?;
/// state.append("calls", ("look", 1))?;
/// state.increment("count", 2)?;
/// assert_eq!(state.get::<String>("name")?.as_deref(), Some("Ana"));
/// assert_eq!(state.get::<Vec<(String, u32)>>("calls")?.unwrap().len(), 1);
/// assert_eq!(state.get::<u32>("nothing")?, None);
/// # Ok::<(), tertulia::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Dynamic {
    fields: Map<String, Value>,
    /// While an action has it.
    held: Option<Held>,
}

impl Dynamic {
    /// One without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// One with the fields of a struct or a map.
    ///
    /// # Errors
    /// `Invalid` if it has no fields, or is no JSON.
    pub fn of(fields: &impl Serialize) -> Result<Self> {
        match json(fields)? {
            Value::Object(fields) => Ok(Self { fields, held: None }),
            other => Err(Error::invalid(format!("a state has fields, and {} has none", kind(&other)))),
        }
    }

    /// The value of a field; `None` if it is not there.
    ///
    /// # Errors
    /// `Invalid` if it is no `T`, or if the action may not read it.
    pub fn get<T: DeserializeOwned>(&self, field: &str) -> Result<Option<T>> {
        let value = self.value(field)?.map(T::deserialize).transpose();
        value.map_err(|error| {
            let text = format!("`{field}` is no {}: {error}", std::any::type_name::<T>());
            Error::invalid(text).with_source(error)
        })
    }

    /// The value of a field as JSON; `None` if it is not there.
    ///
    /// # Errors
    /// `Invalid` if the action may not read it.
    pub fn value(&self, field: &str) -> Result<Option<&Value>> {
        self.held.as_ref().map_or(Ok(()), |held| held.may_read(field))?;
        Ok(self.fields.get(field))
    }

    /// Sets a field.
    ///
    /// # Errors
    /// `Invalid` if the value is no JSON, as infinities and NaN are none, or if the action may not write the field.
    pub fn set(&mut self, field: impl Into<String>, value: impl Serialize) -> Result<()> {
        let field = field.into();
        let value = json(value).map_err(|error| error.context(format_args!("`{field}`")))?;
        self.writes(&field)?;
        if let Some(held) = &mut self.held {
            held.wrote(&field);
        }
        self.fields.insert(field, value);
        Ok(())
    }

    /// Adds an item to the end of a field that is a list; one that is not there begins empty.
    ///
    /// # Errors
    /// `Invalid` if the field is no list, if the item is no JSON, or if the action may not write the field.
    pub fn append(&mut self, field: &str, item: impl Serialize) -> Result<()> {
        self.extend(field, [item])
    }

    /// Adds items to the end of a field that is a list; one that is not there begins empty. All are added or none.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn extend(&mut self, field: &str, items: impl IntoIterator<Item: Serialize>) -> Result<()> {
        self.writes(field)?;
        let items = items.into_iter().map(json).collect::<Result<Vec<_>>>();
        let items = items.map_err(|error| error.context(format_args!("`{field}`")))?;
        match self.fields.entry(field).or_insert_with(|| Value::Array(Vec::new())) {
            Value::Array(list) => list.extend(items),
            other => return Err(Error::invalid(format!("`{field}` is {} and no list", kind(other)))),
        }
        Ok(())
    }

    /// Adds to a field that is a whole number; one that is not there is 0.
    ///
    /// # Errors
    /// `Invalid` if the field is no whole number of 64 bits with a sign, or would become none, or if the action may not write
    /// the field.
    pub fn increment(&mut self, field: &str, by: i64) -> Result<()> {
        self.writes(field)?;
        let number = match self.fields.get(field) {
            None => Some(0),
            Some(value) => value.as_i64(),
        };
        let number =
            number.ok_or_else(|| Error::invalid(format!("`{field}` is no whole number of 64 bits")))?;
        let sum = number.checked_add(by).ok_or_else(|| {
            Error::invalid(format!("`{field}` is {number}, and {by} more is no number of 64 bits"))
        })?;
        self.fields.insert(field.to_owned(), sum.into());
        Ok(())
    }

    /// Removes a field, and tells whether it was there.
    ///
    /// # Errors
    /// `Invalid` if the action may not write it.
    pub fn remove(&mut self, field: &str) -> Result<bool> {
        self.writes(field)?;
        Ok(self.fields.remove(field).is_some())
    }

    /// The names of the fields that may be read.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let readable = |field: &&str| self.held.as_ref().is_none_or(|held| held.may_read(field).is_ok());
        self.fields.keys().map(String::as_str).filter(readable)
    }

    fn writes(&self, field: &str) -> Result<()> {
        self.held.as_ref().map_or(Ok(()), |held| held.may_write(field))
    }

    /// Holds it to what an action may do, or to nothing.
    fn restrict(&mut self, rules: Option<&Arc<Rules>>) {
        self.held = rules.map(|rules| Held::new(Arc::clone(rules)));
    }
}

/// Holds a state to what an action may do, or to nothing, if its type does not do so.
pub(super) fn restrict<S: 'static>(state: &mut S, rules: Option<&Arc<Rules>>) {
    if let Some(state) = (state as &mut dyn Any).downcast_mut::<Dynamic>() {
        state.restrict(rules);
    }
}

impl PartialEq for Dynamic {
    fn eq(&self, other: &Self) -> bool {
        self.fields == other.fields
    }
}

impl fmt::Debug for Dynamic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.fields).finish()
    }
}

impl Serialize for Dynamic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.fields.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Dynamic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { fields: Map::deserialize(deserializer)?, held: None })
    }
}

#[cfg(test)]
mod tests;
