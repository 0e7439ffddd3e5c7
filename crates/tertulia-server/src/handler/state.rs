//! The session of a handler that this program knows nothing of: any JSON object.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A JSON object, empty to begin with. It is stored like any session, and written only as what changed; the order of
/// its keys is no change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct State(pub(super) Value);

impl Default for State {
    fn default() -> Self {
        Self(Value::Object(Map::new()))
    }
}
