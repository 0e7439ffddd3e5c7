//! Changes a session as a handler asks, within bounds.

use json_patch::Patch;
use serde_json::{Map, Value};
use tertulia_http::patch::{self, MAX_COPIED, MAX_DEPTH, MAX_OPERATIONS, PatchError};

use super::failed::Failed;

/// Applies a JSON Merge Patch (RFC 7396).
///
/// # Errors
/// If the session would be nested too deeply.
pub(super) fn merge(session: &mut Value, patch: Map<String, Value>) -> Result<(), Failed> {
    patch::merge(session, &Value::Object(patch)).map_err(failed)
}

/// Applies a JSON Patch (RFC 6902).
///
/// # Errors
/// If an operation cannot be applied, naming it; if there are too many, they copy too much, or the session would be
/// nested too deeply or be no object. What was applied before that stays, so the turn must fail.
pub(super) fn patch(session: &mut Value, patch: &Patch) -> Result<(), Failed> {
    patch::patch(session, patch).map_err(failed)?;
    match session {
        Value::Object(_) => Ok(()),
        _ => Err(Failed::new("`session_patch` makes something else of the session than an object")),
    }
}

fn failed(error: PatchError) -> Failed {
    Failed::new(match error {
        PatchError::Operations(count) => {
            format!("`session_patch` has {count} operations, {MAX_OPERATIONS} are allowed")
        }
        PatchError::Copies => format!("`session_patch` copies more than {MAX_COPIED} bytes"),
        PatchError::Depth => format!("the session would be nested more than {MAX_DEPTH} levels deep"),
        PatchError::Operation { number, path, why } => {
            format!("`session_patch/{number}` at `{path}` cannot be applied: {why}")
        }
        other => format!("`session_patch`: {other}"),
    })
}
