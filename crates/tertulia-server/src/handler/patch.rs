//! Changes a session as a handler asks, within bounds.

use json_patch::jsonptr::Pointer;
use json_patch::{Patch, PatchOperation};
use serde_json::{Map, Value};

use super::failed::Failed;

/// The most operations of a JSON Patch.
const MAX_OPERATIONS: usize = 1_000;
/// The deepest nesting of a session, which is that of what a storage takes too.
const MAX_DEPTH: usize = 100;
/// How much a JSON Patch may copy within the session, about, in bytes: copies of copies grow fast.
const MAX_COPIED: usize = 8 << 20;

/// Applies a JSON Merge Patch (RFC 7396).
///
/// # Errors
/// If the session would be nested too deeply.
pub(super) fn merge(session: &mut Value, patch: Map<String, Value>) -> Result<(), Failed> {
    let patch = Value::Object(patch);
    check_depth(Weight::of(&patch).depth)?;
    json_patch::merge(session, &patch);
    Ok(())
}

/// Applies a JSON Patch (RFC 6902).
///
/// # Errors
/// If an operation cannot be applied, naming it; if there are too many, they copy too much, or the session would be
/// nested too deeply or be no object. What was applied before that stays, so the turn must fail.
pub(super) fn patch(session: &mut Value, Patch(operations): &Patch) -> Result<(), Failed> {
    if operations.len() > MAX_OPERATIONS {
        let count = operations.len();
        return Err(Failed::new(format!(
            "`session_patch` has {count} operations, {MAX_OPERATIONS} are allowed"
        )));
    }
    let mut copied = 0;
    for (number, operation) in operations.iter().enumerate() {
        let weight = added(session, operation);
        check_depth(operation.path().tokens().count() + weight.depth)?;
        if let PatchOperation::Copy(_) = operation {
            copied += weight.bytes;
            if copied > MAX_COPIED {
                return Err(Failed::new(format!("`session_patch` copies more than {MAX_COPIED} bytes")));
            }
        }
        json_patch::patch(session, std::slice::from_ref(operation)).map_err(|error| {
            let path = operation.path();
            Failed::new(format!("`session_patch/{number}` at `{path}` cannot be applied: {}", error.kind))
        })?;
    }
    match session {
        Value::Object(_) => Ok(()),
        _ => Err(Failed::new("`session_patch` makes something else of the session than an object")),
    }
}

/// What an operation puts into the session.
fn added(session: &Value, operation: &PatchOperation) -> Weight {
    let there = |from: &Pointer| from.resolve(session).map(Weight::of).unwrap_or_default();
    match operation {
        PatchOperation::Add(add) => Weight::of(&add.value),
        PatchOperation::Replace(replace) => Weight::of(&replace.value),
        PatchOperation::Move(moved) => there(&moved.from),
        PatchOperation::Copy(copy) => there(&copy.from),
        PatchOperation::Remove(_) | PatchOperation::Test(_) => Weight::default(),
    }
}

fn check_depth(depth: usize) -> Result<(), Failed> {
    if depth > MAX_DEPTH {
        return Err(Failed::new(format!("the session would be nested more than {MAX_DEPTH} levels deep")));
    }
    Ok(())
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
