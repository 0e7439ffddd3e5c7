//! Looks into an encoded state without decoding it whole.

use serde_json::Value;

use super::format::Malformed;
use super::live::{key_text, without_logs};
use super::msgpack::{Kind, header, take_value, walk};
use crate::{Error, Result};

/// What is at a place of a state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found {
    /// Nothing.
    Missing,
    /// A `Log`, or something with one inside; its items are elsewhere.
    Log,
    /// This, as [`Live`](super::Live) has it as JSON.
    Value(Value),
}

/// What is at `path`: names of fields, or indices of a list, with dots between them.
///
/// # Errors
/// `Corrupt` if the bytes are no state.
pub(crate) fn find(state: &[u8], path: &str) -> Result<Found> {
    path.split('.')
        .try_fold(Some(state), |at, name| at.map_or(Ok(None), |at| child(at, name)))
        .and_then(|found| found.map_or(Ok(Found::Missing), whole))
        .map_err(unreadable)
}

/// The names of a state's fields; `None` if it is nothing that has fields.
///
/// # Errors
/// `Corrupt` if the bytes are no state.
pub(crate) fn keys(state: &[u8]) -> Result<Option<Vec<String>>> {
    names(state).map_err(unreadable)
}

/// A state whose logs are ordinary lists, as [`Live`](super::Live) has it as JSON.
///
/// # Errors
/// `Corrupt` if the bytes are no state.
pub(crate) fn json(state: &[u8]) -> Result<Value> {
    without_logs(state).map_err(unreadable)
}

fn unreadable(error: Malformed) -> Error {
    Error::corrupt(format!("the encoded state cannot be read: {error}"))
}

/// The value of a map's field, or an item of a list.
fn child<'a>(bytes: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, Malformed> {
    let header = header(bytes, 0)?;
    let mut rest = &bytes[header.payload..];
    match (header.kind, name.parse::<usize>()) {
        (Kind::Map, _) => {
            for _ in 0..header.len {
                let (key, value) = (take_value(&mut rest)?, take_value(&mut rest)?);
                if key_text(key)? == name {
                    return Ok(Some(value));
                }
            }
        }
        (Kind::Array, Ok(index)) if index < header.len => {
            for _ in 0..index {
                take_value(&mut rest)?;
            }
            return take_value(&mut rest).map(Some);
        }
        _ => {}
    }
    Ok(None)
}

fn whole(bytes: &[u8]) -> Result<Found, Malformed> {
    let mut has_log = false;
    walk(bytes, 0, 0, &mut |_| has_log = true)?;
    if has_log { Ok(Found::Log) } else { without_logs(bytes).map(Found::Value) }
}

fn names(state: &[u8]) -> Result<Option<Vec<String>>, Malformed> {
    let header = header(state, 0)?;
    if header.kind != Kind::Map {
        return Ok(None);
    }
    let mut rest = &state[header.payload..];
    let mut names = Vec::with_capacity(header.len.min(state.len()));
    for _ in 0..header.len {
        names.push(key_text(take_value(&mut rest)?)?.into_owned());
        take_value(&mut rest)?;
    }
    Ok(Some(names))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state() -> Vec<u8> {
        let log = rmpv::Value::Ext(0x4c, vec![0, 0, 0, 0, 0, 0, 0, 7]);
        let map = |pairs: Vec<(&str, rmpv::Value)>| {
            rmpv::Value::Map(pairs.into_iter().map(|(key, value)| (key.into(), value)).collect())
        };
        let list = rmpv::Value::Array(vec![1.into(), map(vec![("deep", "x".into())])]);
        let mut bytes = Vec::new();
        let state =
            map(vec![("count", 3.into()), ("list", list), ("messages", log), ("none", rmpv::Value::Nil)]);
        rmpv::encode::write_value(&mut bytes, &state).unwrap();
        bytes
    }

    #[test]
    fn a_path_leads_through_fields_and_items() {
        let state = state();
        let at = |path| find(&state, path).unwrap();
        assert_eq!(at("count"), Found::Value(json!(3)));
        assert_eq!(at("list"), Found::Value(json!([1, { "deep": "x" }])));
        assert_eq!(at("list.1.deep"), Found::Value(json!("x")));
        assert_eq!(at("none"), Found::Value(json!(null)));
        assert_eq!(at("messages"), Found::Log);
        for missing in ["", "coun", "count.0", "list.2", "list.x", "list.1.deep.0", "messages.0", "none.x"] {
            assert_eq!(at(missing), Found::Missing, "{missing}");
        }
    }

    #[test]
    fn the_names_of_a_state_are_those_of_its_fields() {
        assert_eq!(keys(&state()).unwrap().unwrap(), ["count", "list", "messages", "none"]);
        assert_eq!(keys(&[0xc0]).unwrap(), None);
    }

    #[test]
    fn half_a_state_is_corrupt() {
        let state = state();
        for end in 0..state.len() {
            assert!(find(&state[..end], "none").is_err(), "{end}");
            assert!(keys(&state[..end]).is_err(), "{end}");
        }
    }
}
