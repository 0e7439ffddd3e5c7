//! Notes and the name, as tools.

use serde_json::{Value, json};

use super::Output;
use crate::demo::{Demo, MAX_NAME};

/// Keeps a note.
pub(super) fn add(chat: &mut Demo, text: &str) -> Output {
    let kept = chat.notes.len();
    let said = chat.note(text.trim());
    match chat.notes.len() > kept {
        true => Ok(json!({ "number": kept + 1 })),
        false => Err(said),
    }
}

/// Deletes all notes.
pub(super) fn delete(chat: &mut Demo) -> Value {
    let notes = std::mem::take(&mut chat.notes);
    chat.shown = None;
    json!({ "deleted": notes.len() })
}

/// Keeps a name.
pub(super) fn name(chat: &mut Demo, name: &str) -> Output {
    let name = name.trim();
    if !(1..=MAX_NAME).contains(&name.chars().count()) {
        return Err(format!("a name has 1 to {MAX_NAME} characters"));
    }
    chat.name = Some(name.to_owned());
    Ok(json!({ "name": name }))
}
