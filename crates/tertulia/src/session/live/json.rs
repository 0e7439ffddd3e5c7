//! What a stored value is as JSON.
//!
//! - Keys that are not texts become what they are as JSON: `7`, `true`, `[1,2]`. If several keys of a map have the same
//!   text, the value of the one whose encoding is greatest stands there, whatever the order of the pairs.
//! - Bytes become an array of numbers; infinities and NaN become `null`.
//! - What stands for a log becomes an array of the items that are loaded of it. Another extension becomes an object of
//!   its type and its bytes: `{"ext":5,"bytes":[1,2]}`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::LiveLog;
use crate::session::format::Malformed;
use crate::session::log::{EXTENSION, Tail};
use crate::session::msgpack::{Kind, MAX_DEPTH, header, take_value};

/// The logs that may be met. One that was there before is as it was: it becomes what it is now by operations of its own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lists<'a> {
    pub(super) before: &'a [Arc<Tail>],
    pub(super) now: &'a [Arc<Tail>],
}

impl<'a> Lists<'a> {
    fn find(&self, number: u64) -> Option<&'a Tail> {
        find(self.before, number).or_else(|| find(self.now, number))
    }
}

pub(super) fn find(tails: &[Arc<Tail>], number: u64) -> Option<&Tail> {
    tails.iter().find(|tail| tail.place.number == number).map(Arc::as_ref)
}

/// One whole MessagePack value as JSON.
///
/// `Depth` if it is nested too deeply; `MessagePack` if it is none.
pub(super) fn value(bytes: &[u8], lists: Lists<'_>) -> Result<Value, Malformed> {
    nested(bytes, lists, 0)
}

fn nested(bytes: &[u8], lists: Lists<'_>, depth: usize) -> Result<Value, Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed::Depth);
    }
    let header = header(bytes, 0)?;
    let mut payload = &bytes[header.payload..];
    Ok(match header.kind {
        Kind::Map => {
            let mut pairs = pairs(bytes)?;
            let mut object = Map::new();
            for (key, value) in &pairs {
                object.insert(key_text(key)?.into_owned(), nested(value, lists, depth + 1)?);
            }
            if object.len() != pairs.len() {
                pairs.sort_unstable();
                for (key, value) in pairs {
                    object.insert(key_text(key)?.into_owned(), nested(value, lists, depth + 1)?);
                }
            }
            Value::Object(object)
        }
        Kind::Array => {
            let mut items = Vec::new();
            while !payload.is_empty() {
                items.push(nested(take_value(&mut payload)?, lists, depth + 1)?);
            }
            Value::Array(items)
        }
        Kind::Text => String::from_utf8_lossy(payload).into(),
        Kind::Bytes => payload.into(),
        Kind::Ext => match log_number(payload) {
            Some(0) => Value::Array(Vec::new()),
            Some(number) if let Some(tail) = lists.find(number) => list(tail)?,
            _ => {
                let (extension, bytes) = payload.split_first().ok_or(Malformed::MessagePack)?;
                json!({ "ext": extension.cast_signed(), "bytes": bytes })
            }
        },
        Kind::Scalar => scalar(bytes)?,
    })
}

/// One whole MessagePack value without logs inside as JSON.
pub(in crate::session) fn without_logs(bytes: &[u8]) -> Result<Value, Malformed> {
    value(bytes, Lists::default())
}

/// The loaded items of a log.
pub(super) fn list(tail: &Tail) -> Result<Value, Malformed> {
    tail.items.iter().map(|(_, item)| value(item, Lists::default())).collect()
}

fn scalar(mut bytes: &[u8]) -> Result<Value, Malformed> {
    let scalar = rmpv::decode::read_value(&mut bytes).map_err(|_| Malformed::MessagePack)?;
    Ok(match scalar {
        rmpv::Value::Boolean(flag) => flag.into(),
        rmpv::Value::Integer(number) => match number.as_u64() {
            Some(number) => number.into(),
            None => number.as_i64().into(),
        },
        rmpv::Value::F32(number) => number.into(),
        rmpv::Value::F64(number) => number.into(),
        _ => Value::Null,
    })
}

/// A key and its value.
type Pair<'a> = (&'a [u8], &'a [u8]);

/// The pairs of a map, as they are stored.
pub(super) fn pairs(bytes: &[u8]) -> Result<Vec<Pair<'_>>, Malformed> {
    let mut rest = &bytes[header(bytes, 0)?.payload..];
    let mut pairs = Vec::new();
    while !rest.is_empty() {
        pairs.push((take_value(&mut rest)?, take_value(&mut rest)?));
    }
    Ok(pairs)
}

/// The name of the field that a key becomes.
pub(in crate::session) fn key_text(key: &[u8]) -> Result<Cow<'_, str>, Malformed> {
    let header = header(key, 0)?;
    if header.kind == Kind::Text {
        return Ok(String::from_utf8_lossy(&key[header.payload..]));
    }
    if let [0xca, digits @ ..] = key
        && let Ok(digits) = digits.try_into()
    {
        // As short as serde_json has it: as a double it has digits that nobody wrote.
        let text = serde_json::to_string(&f32::from_be_bytes(digits));
        return Ok(text.map_err(|_| Malformed::MessagePack)?.into());
    }
    Ok(value(key, Lists::default())?.to_string().into())
}

/// The number of the log that an extension stands for; 0 for one that was never anything but empty.
fn log_number(payload: &[u8]) -> Option<u64> {
    let (extension, digits) = payload.split_first()?;
    let digits = digits.try_into().ok().filter(|_| *extension == EXTENSION.cast_unsigned())?;
    Some(u64::from_be_bytes(digits))
}

/// A whole state as JSON.
pub(in crate::session) struct Shown {
    pub(in crate::session) value: Value,
    pub(in crate::session) places: Vec<LogPlace>,
}

impl Shown {
    /// A state with these logs.
    ///
    /// # Errors
    /// `Depth` if it is nested too deeply; `MessagePack` if it is none.
    pub(in crate::session) fn new(state: &[u8], tails: &[Arc<Tail>]) -> Result<Self, Malformed> {
        let value = value(state, Lists { before: &[], now: tails })?;
        let places = find_logs(state, &value)?;
        Ok(Self { value, places })
    }
}

/// Where a log is in a value.
#[derive(Clone, Debug)]
pub(in crate::session) struct LogPlace {
    /// The JSON Pointer of its array.
    pub(in crate::session) path: String,
    /// Its number; 0 for one that was never anything but empty.
    pub(in crate::session) number: u64,
}

impl LogPlace {
    /// What is told of it.
    pub(in crate::session) fn told(&self, tails: &[Arc<Tail>]) -> LiveLog {
        // One that was never anything but empty is not stored.
        let (len, not_loaded) = find(tails, self.number).map_or((0, 0), |tail| {
            let not_loaded = tail.first.saturating_sub(tail.start);
            (not_loaded + tail.items.len() as u64, not_loaded)
        });
        LiveLog { path: self.path.clone(), len, not_loaded }
    }
}

/// Where the logs are in a value that is `json` as JSON.
pub(super) fn find_logs(bytes: &[u8], json: &Value) -> Result<Vec<LogPlace>, Malformed> {
    let mut found = Vec::new();
    find_nested(bytes, json, &mut String::new(), &mut found)?;
    Ok(found)
}

fn find_nested(
    bytes: &[u8],
    json: &Value,
    path: &mut String,
    found: &mut Vec<LogPlace>,
) -> Result<(), Malformed> {
    let header = header(bytes, 0)?;
    let mut payload = &bytes[header.payload..];
    let mark = path.len();
    match (header.kind, json) {
        (Kind::Map, Value::Object(object)) => {
            let mut pairs = pairs(bytes)?;
            if object.len() != pairs.len() {
                pairs.sort_unstable();
                let named = pairs.iter().map(|pair| Ok((key_text(pair.0)?, *pair)));
                pairs = named.collect::<Result<BTreeMap<_, _>, _>>()?.into_values().collect();
            }
            for (key, value) in pairs {
                let name = key_text(key)?;
                push_name(path, &name);
                if let Some(json) = object.get(name.as_ref()) {
                    find_nested(value, json, path, found)?;
                }
                path.truncate(mark);
            }
        }
        (Kind::Array, Value::Array(items)) => {
            for (i, json) in items.iter().enumerate() {
                push_index(path, i);
                find_nested(take_value(&mut payload)?, json, path, found)?;
                path.truncate(mark);
            }
        }
        (Kind::Ext, Value::Array(_)) => {
            found.extend(log_number(payload).map(|number| LogPlace { path: path.clone(), number }));
        }
        _ => {}
    }
    Ok(())
}

/// Appends the name of a field to a JSON Pointer.
pub(in crate::session) fn push_name(path: &mut String, name: &str) {
    path.push('/');
    for c in name.chars() {
        match c {
            '~' => path.push_str("~0"),
            '/' => path.push_str("~1"),
            c => path.push(c),
        }
    }
}

/// Appends the place of an item to a JSON Pointer.
pub(in crate::session) fn push_index(path: &mut String, index: usize) {
    write!(path, "/{index}").expect("memory takes everything");
}
