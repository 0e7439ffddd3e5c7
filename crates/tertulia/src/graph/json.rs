//! Values as JSON, or not at all.

use serde::Serialize;
use serde_json::Value;

use crate::{Error, Result};

/// A value as JSON.
///
/// # Errors
/// `Invalid` if it is none, which infinities and NaN are not either.
pub(super) fn json(value: impl Serialize) -> Result<Value> {
    let json = serde_json::to_value(&value)
        .map_err(|error| Error::invalid(format!("it is no JSON: {error}")).with_source(error))?;
    // Only where a null stands may something have been that is no number.
    let bytes = if has_null(&json) { rmp_serde::to_vec(&value).unwrap_or_default() } else { Vec::new() };
    if rmpv::decode::read_value(&mut bytes.as_slice()).is_ok_and(|value| is_not_finite(&value)) {
        return Err(Error::invalid("it is no JSON: infinities and NaN are no numbers"));
    }
    Ok(json)
}

/// What a value is, without what it says.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(map) => map.values().any(has_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn is_not_finite(value: &rmpv::Value) -> bool {
    match value {
        rmpv::Value::F32(number) => !number.is_finite(),
        rmpv::Value::F64(number) => !number.is_finite(),
        rmpv::Value::Array(items) => items.iter().any(is_not_finite),
        rmpv::Value::Map(pairs) => {
            pairs.iter().any(|(key, value)| is_not_finite(key) || is_not_finite(value))
        }
        _ => false,
    }
}
