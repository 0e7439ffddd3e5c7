//! What is wrong with a graph, all of it, before there is one.

mod actions;
mod names;
mod paths;
mod state;

use super::Builder;
use crate::session;

/// What is wrong, in words.
pub(super) fn faults<S: session::State>(builder: &Builder<S>) -> Vec<String> {
    let mut faults = names::faults(builder);
    faults.extend(actions::faults(builder));
    faults.extend(state::faults(builder));
    // Ways are only known between actions that are.
    if faults.is_empty() {
        faults.extend(paths::faults(builder));
    }
    faults
}
