//! Notes and the name, as tools.

use serde_json::json;

use super::{Done, Output};
use crate::demo::agent::state::{Change, Kept};
use crate::demo::{MAX_NAME, refusal};

/// Keeps a note.
pub(super) fn add(kept: &Kept, text: &str) -> Output {
    let (text, count) = (text.trim(), kept.notes.len());
    match refusal(count, text) {
        None => Ok(Done::of(json!({ "number": count + 1 })).and(Change::Note(text.to_owned()))),
        Some(why) => Err(why),
    }
}

/// Deletes all notes.
pub(super) fn delete(kept: &Kept) -> Done {
    Done::of(json!({ "deleted": kept.notes.len() })).and(Change::NoNotes)
}

/// Keeps a name.
pub(super) fn name(name: &str) -> Output {
    let name = name.trim();
    if !(1..=MAX_NAME).contains(&name.chars().count()) {
        return Err(format!("a name has 1 to {MAX_NAME} characters"));
    }
    Ok(Done::of(json!({ "name": name })).and(Change::Name(name.to_owned())))
}
