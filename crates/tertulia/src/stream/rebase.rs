//! What was shown before it was stored, when somebody else wrote first: it is put on top of what they wrote.

use std::sync::Arc;

use super::drive::Taken;
use super::live::{Live, Place};
use super::meta::Phase;
use super::state::State;
use super::streams::Inner;
use super::{Limit, Visible};
use crate::Error;
use crate::error::Kind;

/// A batch met a conflict. Where readers see only what is stored, whoever appended judges anew; what they have seen
/// already is kept, unless somebody else has taken the stream over.
pub(super) async fn rebase(inner: &Arc<Inner>, live: &Arc<Live>, taken: &Taken, conflict: &Error) {
    // Whoever looks meanwhile waits until what was shown is there again.
    let _loading = live.loading.lock().await;
    let Some(old) = take_out(live, taken, conflict) else { return };
    let progress = Arc::clone(&taken.progress);
    let place = match inner.look_up(live).await {
        Ok(Place::Here(mut new)) => {
            if let Err((kind, text)) = put_on(&mut new, *old, taken, inner.options.stream_memory) {
                progress.fail(kind, text);
            }
            Place::Here(new)
        }
        Ok(place) => {
            progress.fail(Kind::Gone, "the stream is no longer there".to_owned());
            place
        }
        Err(error) => {
            progress.fail(error.kind(), error.to_string());
            Place::Unknown
        }
    };
    live.cell().drop_state(place);
}

/// The outdated state, if what it showed is to be kept.
fn take_out(live: &Live, taken: &Taken, conflict: &Error) -> Option<Box<State>> {
    let mut cell = live.cell();
    let is_live = cell.state_of(&taken.progress)?.meta.visible == Visible::Live;
    match std::mem::replace(&mut cell.place, Place::Unknown) {
        Place::Here(state) if is_live => Some(state),
        _ => {
            taken.progress.fail(conflict.kind(), conflict.to_string());
            None
        }
    }
}

/// Puts what is not stored of the old state on top of the new one.
fn put_on(new: &mut State, mut old: State, taken: &Taken, memory: usize) -> Result<(), (Kind, String)> {
    let from = taken.from;
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
    // What others have changed of these stays too.
    new.meta.cancelled |= old.meta.cancelled;
    let known = std::mem::take(&mut new.meta.forks);
    new.meta.forks = old.meta.forks;
    new.meta.forks.extend(known);
    new.meta.forks.sort_unstable();
    new.meta.forks.dedup();
    if old.meta.phase == Phase::Deleted {
        (new.meta.phase, new.deadline) = (Phase::Deleted, None);
    }
    new.shown = new.end();
    if let (Some(kept), Some(old)) = (&mut new.kept, old.kept) {
        (kept.accepted, kept.progress, kept.own) = (old.accepted, old.progress, old.own);
        (kept.meta_dirty, kept.expire_dirty, kept.hurry) = (true, old.expire_dirty, old.hurry);
        (kept.unsaved, kept.waiting) = (from, old.waiting);
        kept.untake(taken);
    }
    new.count(memory);
    Ok(())
}
