//! Server-sent events whose data is JSON.

use std::io::Write;

use serde::Serialize;

/// Writes an event. JSON has no line breaks but between its parts, and none are written there: nothing can pass for
/// another event.
pub(super) fn event(out: &mut Vec<u8>, name: &str, id: Option<&str>, data: &impl Serialize) {
    if let Some(id) = id {
        writeln!(out, "id:{id}").expect("a vector takes everything");
    }
    write!(out, "event:{name}\ndata:").expect("a vector takes everything");
    serde_json::to_writer(&mut *out, data).expect("its maps have texts as keys");
    out.extend_from_slice(b"\n\n");
}
