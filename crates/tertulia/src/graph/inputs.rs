//! What a call gives the steps it runs.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Error, Result};

/// Values by name, for the actions of the steps that one call runs: each takes those that it declares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inputs(Map<String, Value>);

impl Inputs {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// The fields of a struct or a map.
    ///
    /// # Errors
    /// `Invalid` if it has no fields or is no JSON.
    pub fn of(fields: &impl Serialize) -> Result<Self> {
        match serde_json::to_value(fields) {
            Ok(Value::Object(map)) => Ok(Self(map)),
            Ok(other) => Err(Error::invalid(format!("inputs have to have names, {other} has none"))),
            Err(error) => Err(Error::invalid("inputs have to be JSON").with_source(error)),
        }
    }

    /// One more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Those of these names, as a value whose fields they are.
    pub(super) fn decode<T: DeserializeOwned>(
        &self,
        names: &[&str],
    ) -> Result<T, serde_path_to_error::Error<serde_json::Error>> {
        let found = names.iter().filter_map(|name| Some(((*name).to_owned(), self.get(name)?.clone())));
        serde_path_to_error::deserialize(Value::Object(found.collect()))
    }

    /// The one of this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
