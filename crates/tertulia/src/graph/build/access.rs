//! What an action may read and write: what it declares, and what its arguments are.

use crate::graph::Definition;

/// The fields that an action reads and writes; `None`: all.
pub(super) struct Access {
    pub(super) reads: Option<Vec<String>>,
    pub(super) writes: Option<Vec<String>>,
}

impl Access {
    pub(super) fn of<S>(action: &Definition<S>) -> Self {
        let (about, options) = (&action.made.about, &action.options);
        let mut reads = options.reads.clone();
        if !about.state || reads.is_some() {
            let reads = reads.get_or_insert_default();
            reads.extend_from_slice(&about.reads);
            unique(reads);
        }
        // Without the state there is nothing to write to.
        let mut writes = options.writes.clone().or_else(|| (!about.state).then(Vec::new));
        if let Some(writes) = &mut writes {
            unique(writes);
        }
        Self { reads, writes }
    }
}

/// Leaves the first of each name.
fn unique(names: &mut Vec<String>) {
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
}
