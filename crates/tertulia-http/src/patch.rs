//! JSON Merge Patch (RFC 7396) and JSON Patch (RFC 6902), within bounds.

use std::fmt;

use json_patch::jsonptr::Pointer;
use json_patch::{Patch, PatchOperation};
use serde_json::Value;

/// The most operations of a JSON Patch.
pub const MAX_OPERATIONS: usize = 1_000;
/// The deepest nesting of what is made.
pub const MAX_DEPTH: usize = 100;
/// How much a JSON Patch may copy within the value, about, in bytes: copies of copies grow fast.
pub const MAX_COPIED: usize = 8 << 20;

/// Why a patch is not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatchError {
    /// It has so many operations.
    Operations(usize),
    /// It copies too much.
    Copies,
    /// The value would be nested too deeply.
    Depth,
    /// An operation does not fit what is there.
    Operation {
        /// Which, from 0.
        number: usize,
        /// Its place, as a JSON Pointer.
        path: String,
        /// Why, in words.
        why: String,
    },
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operations(count) => write!(f, "{count} operations, {MAX_OPERATIONS} are allowed"),
            Self::Copies => write!(f, "more than {MAX_COPIED} bytes would be copied"),
            Self::Depth => write!(f, "it would be nested more than {MAX_DEPTH} levels deep"),
            Self::Operation { number, path, why } => {
                write!(f, "operation {number} at `{path}` cannot be applied: {why}")
            }
        }
    }
}

impl std::error::Error for PatchError {}

/// Applies a JSON Merge Patch.
///
/// # Errors
/// `Depth`.
pub fn merge(value: &mut Value, patch: &Value) -> Result<(), PatchError> {
    check_depth(Weight::of(patch).depth)?;
    json_patch::merge(value, patch);
    Ok(())
}

/// Applies a JSON Patch.
///
/// # Errors
/// Each of them. What was applied before that stays, so the value must be dropped.
pub fn patch(value: &mut Value, Patch(operations): &Patch) -> Result<(), PatchError> {
    if operations.len() > MAX_OPERATIONS {
        return Err(PatchError::Operations(operations.len()));
    }
    let mut copied = 0;
    for (number, operation) in operations.iter().enumerate() {
        let weight = added(value, operation);
        check_depth(operation.path().tokens().count() + weight.depth)?;
        if let PatchOperation::Copy(_) = operation {
            copied += weight.bytes;
            if copied > MAX_COPIED {
                return Err(PatchError::Copies);
            }
        }
        json_patch::patch(value, std::slice::from_ref(operation)).map_err(|error| PatchError::Operation {
            number,
            path: operation.path().to_string(),
            why: error.kind.to_string(),
        })?;
    }
    Ok(())
}

/// What an operation puts into the value.
fn added(value: &Value, operation: &PatchOperation) -> Weight {
    let there = |from: &Pointer| from.resolve(value).map(Weight::of).unwrap_or_default();
    match operation {
        PatchOperation::Add(add) => Weight::of(&add.value),
        PatchOperation::Replace(replace) => Weight::of(&replace.value),
        PatchOperation::Move(moved) => there(&moved.from),
        PatchOperation::Copy(copy) => there(&copy.from),
        PatchOperation::Remove(_) | PatchOperation::Test(_) => Weight::default(),
    }
}

fn check_depth(depth: usize) -> Result<(), PatchError> {
    if depth > MAX_DEPTH { Err(PatchError::Depth) } else { Ok(()) }
}

/// How deep a value is and about how much memory it takes. JSON is read to a depth of 128, and nothing here makes it
/// deeper, so this ends.
#[derive(Clone, Copy, Debug, Default)]
struct Weight {
    depth: usize,
    bytes: usize,
}

impl Weight {
    fn of(value: &Value) -> Self {
        let own = size_of::<Value>();
        let inside = |parts: &mut dyn Iterator<Item = (usize, &Value)>| {
            parts.fold(Self { depth: 1, bytes: own }, |sum, (key, value)| {
                let part = Self::of(value);
                Self { depth: sum.depth.max(1 + part.depth), bytes: sum.bytes + key + part.bytes }
            })
        };
        match value {
            Value::Array(items) => inside(&mut items.iter().map(|item| (0, item))),
            Value::Object(fields) => inside(&mut fields.iter().map(|(key, value)| (own + key.len(), value))),
            Value::String(text) => Self { depth: 1, bytes: own + text.len() },
            _ => Self { depth: 1, bytes: own },
        }
    }
}
