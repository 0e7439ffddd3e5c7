//! How JSON values compare.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// Whether they are the same; numbers by their value.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => numbers(a, b) == Some(Ordering::Equal),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

/// Which is less; `None` if they are neither both numbers nor both texts.
pub(super) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => numbers(a, b),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// Whether `part` is in `whole`; `None` if `whole` is nothing that has parts like it.
pub(super) fn contains(whole: &Value, part: &Value) -> Option<bool> {
    match (whole, part) {
        (Value::Array(items), part) => Some(items.iter().any(|item| same(item, part))),
        (Value::Object(map), Value::String(key)) => Some(map.contains_key(key)),
        (Value::String(text), Value::String(part)) => Some(text.contains(part.as_str())),
        _ => None,
    }
}

/// Whether there is nothing in it; `None` if it is nothing that has parts.
pub(super) fn is_empty(value: &Value) -> Option<bool> {
    match value {
        Value::Null => Some(true),
        Value::Array(items) => Some(items.is_empty()),
        Value::Object(map) => Some(map.is_empty()),
        Value::String(text) => Some(text.is_empty()),
        Value::Bool(_) | Value::Number(_) => None,
    }
}

fn numbers(a: &Number, b: &Number) -> Option<Ordering> {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}
