//! What was shown before it was stored, when somebody else wrote first: it is put on top of what they wrote.

use std::sync::Arc;

use super::drive::Taken;
use super::live::{Live, Place};
use super::state::State;
use super::streams::{Inner, Streams};
use super::{Limit, Visible};
use crate::Error;
use crate::error::Kind;

/// A batch met a conflict. Where readers see only what is stored, whoever appended judges anew; what they have seen
/// already is kept, unless somebody else has taken the stream over.
pub(super) async fn rebase(inner: &Arc<Inner>, live: &Arc<Live>, taken: &Taken, conflict: &Error) {
    let Some(old) = take_out(live, taken, conflict) else { return };
    let loaded = Streams(Arc::clone(inner)).load(live).await;
    let mut cell = live.cell();
    let rebased = match (&loaded, cell.state()) {
        (Ok(()), Some(new)) => put_on(new, *old, taken.from, inner.options.stream_memory),
        (Err(error), _) => Err((error.kind(), error.to_string())),
        (Ok(()), None) => Err((Kind::Gone, "the stream is no longer there".to_owned())),
    };
    if let Err((kind, text)) = rebased {
        cell.fail(kind, text);
    }
}

/// The outdated state, if what it showed is to be kept.
fn take_out(live: &Live, taken: &Taken, conflict: &Error) -> Option<Box<State>> {
    let mut cell = live.cell();
    if cell.generation != taken.generation {
        return None;
    }
    match std::mem::replace(&mut cell.place, Place::Unknown) {
        Place::Here(state) if state.meta.visible == Visible::Live => Some(state),
        _ => {
            cell.fail(conflict.kind(), conflict.to_string());
            None
        }
    }
}

/// Puts what is not stored of the old state on top of the new one.
fn put_on(new: &mut State, mut old: State, from: u64, memory: usize) -> Result<(), (Kind, String)> {
    let current = new.meta.branches.current();
    let is_known = old.meta.branches.iter().any(|branch| branch.id == current.id);
    if new.meta.id != old.meta.id || !is_known || new.end() != from {
        return Err((Kind::Conflict, "a later writer has taken the stream over".to_owned()));
    }
    if new.meta.closed.is_some() {
        return Err((Kind::Closed, "somebody else closed the stream".to_owned()));
    }
    for run in old.window.slice(from, old.end(), Limit::NONE) {
        run.entries().for_each(|entry| new.window.push(&entry));
    }
    new.meta.branches = old.meta.branches;
    (new.meta.closed, new.meta.seq, new.meta.producers) = (old.meta.closed, old.meta.seq, old.meta.producers);
    new.meta.attempt = old.meta.attempt;
    new.shown = new.end();
    if let (Some(kept), Some(old)) = (&mut new.kept, old.kept) {
        (kept.accepted, kept.settled) = (old.accepted.max(old.settled + 1), old.settled);
        (kept.own, kept.driven) = (old.own, true);
        (kept.meta_dirty, kept.expire_dirty, kept.hurry) = (true, old.expire_dirty, old.hurry);
        kept.unsaved = from;
    }
    new.count(memory);
    Ok(())
}
