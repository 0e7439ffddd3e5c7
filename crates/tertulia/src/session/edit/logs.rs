//! A value as JSON that is to be decoded, in which what was a log is known to be one: it keeps the items that it had.

use std::sync::Arc;

use serde_json::{Value, json};
use serde_path_to_error::{Path, Segment};

use super::{JsonView, Misfit};
use crate::session::live::{LogPlace, push_index, push_name};
use crate::session::log::{self, Encoded, Place, Tail};
use crate::session::store::State;
use crate::{Error, Result};

/// The value, with a mark instead of the array of each log: `{<mark>: [number, how many items it keeps, items after them]}`.
pub(super) struct Edited<'a> {
    value: Value,
    /// Known to nobody who makes values.
    mark: String,
    tails: &'a [Arc<Tail>],
    /// How many items logs keep, by their paths.
    kept: Vec<(String, usize)>,
}

impl<'a> Edited<'a> {
    /// What a session with these logs is to be.
    ///
    /// # Errors
    /// `Invalid` with a [`Misfit`] for a log with older items that is not only added to.
    pub(super) fn new(
        mut value: Value,
        before: &JsonView,
        places: &[LogPlace],
        tails: &'a [Arc<Tail>],
        random: u64,
    ) -> Result<Self> {
        let mark = format!("log {random:016x}");
        let mut kept = Vec::new();
        for (LogPlace { path, number }, told) in places.iter().zip(&before.logs) {
            let Some(old) = before.value.pointer(path).and_then(Value::as_array).filter(|_| *number != 0)
            else {
                continue;
            };
            let new = value.pointer_mut(path).filter(|new| new.is_array());
            let keep = new.as_ref().and_then(|new| new.as_array()).map(|new| common(old, new));
            if told.not_loaded > 0 && keep != Some(old.len()) {
                let (shown, len) = (old.len(), told.len);
                let why = format!("it shows the last {shown} of {len} items, and can only be added to");
                return Err(misfit(path.clone(), why));
            }
            if let (Some(new), Some(keep)) = (new, keep) {
                let Value::Array(mut items) = new.take() else { continue };
                let rest = items.split_off(keep);
                *new = json!({ &mark: [number, keep, rest] });
                kept.push((path.clone(), keep));
            }
        }
        Ok(Self { value, mark, tails, kept })
    }

    /// The value of the session's type.
    ///
    /// # Errors
    /// `Invalid` with a [`Misfit`].
    pub(super) fn decode<S: State>(&self) -> Result<S> {
        let value = log::decode_edited(&self.value, &self.mark, self.tails.to_vec());
        value.map_err(|error| misfit(self.pointer(error.path()), error.inner().to_string()))
    }

    /// The state that the value is stored as, and what its logs have then: the last items, so many of each.
    ///
    /// # Errors
    /// `Invalid` if it cannot be stored.
    pub(super) fn preview<S: State>(
        &self,
        value: &S,
        live: Vec<Arc<Place>>,
        next: u64,
        log_tail: usize,
    ) -> Result<(Vec<u8>, Vec<Arc<Tail>>)> {
        let mut state = Vec::new();
        let Encoded { met, .. } = log::encode(value, live, next, &mut state)?;
        let tails = met.into_iter().filter_map(|(place, new)| {
            let old = self.tails.iter().find(|tail| tail.place.number == place.number);
            match new {
                Some(new) => Some(Arc::new(Tail::joined(old, &new, place.number, log_tail))),
                None => old.cloned(),
            }
        });
        let tails = tails.collect();
        Ok((state, tails))
    }

    /// Where a value does not fit, as a JSON Pointer into the value without marks.
    fn pointer(&self, path: &Path) -> String {
        let mut pointer = String::new();
        let mut segments = path.iter();
        while let Some(segment) = segments.next() {
            match segment {
                Segment::Map { key } if *key == self.mark => {
                    // Then comes which of the three it is, then which item.
                    segments.next();
                    if let Some(Segment::Seq { index }) = segments.next() {
                        let keep =
                            self.kept.iter().find(|(path, _)| *path == pointer).map_or(0, |(_, keep)| *keep);
                        push_index(&mut pointer, keep + index);
                    }
                }
                Segment::Map { key } => push_name(&mut pointer, key),
                Segment::Enum { variant } => push_name(&mut pointer, variant),
                Segment::Seq { index } => push_index(&mut pointer, *index),
                Segment::Unknown => {}
            }
        }
        pointer
    }
}

/// How many items both begin with.
fn common(one: &[Value], other: &[Value]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

fn misfit(path: String, why: String) -> Error {
    let misfit = Misfit { path, why };
    Error::invalid(misfit.to_string()).with_source(misfit)
}
