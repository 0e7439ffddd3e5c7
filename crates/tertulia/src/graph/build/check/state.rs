//! Fields that are declared or tested, and that the state has not.

use std::any::TypeId;
use std::collections::BTreeSet;

use super::Builder;
use crate::graph::build::access::Access;
use crate::graph::fields::fields;
use crate::graph::names::listed;
use crate::graph::{Definition, Dynamic};
use crate::session::{self, look};

pub(super) fn faults<S: session::State>(builder: &Builder<S>) -> Vec<String> {
    let keys = match keys::<S>() {
        Ok(keys) => keys,
        Err(fault) => return vec![fault],
    };
    let lacks = |field: &str| keys.as_ref().is_some_and(|keys| !keys.contains(field));
    let mut faults = Vec::new();
    for (name, action) in &builder.actions {
        let name = name.escape_debug();
        let Access { reads, writes } = Access::of(action);
        for (verb, fields) in [("reads", reads), ("writes", writes)] {
            let missing: Vec<_> = fields.into_iter().flatten().filter(|field| lacks(field)).collect();
            if !missing.is_empty() {
                faults.push(format!("action `{name}` {verb} {}, which the state has not", listed(missing)));
            }
        }
        let Definition { made, options, .. } = action;
        match &options.reads {
            Some(reads) if made.about.state && TypeId::of::<S>() != TypeId::of::<Dynamic>() => {
                faults.push(format!(
                    "action `{name}` declares that it reads {} and takes the whole `State`, which nothing can hold to it: \
                     take `Reads` of a struct with these fields, or do not declare it",
                    listed(reads)
                ));
            }
            _ => {}
        }
        match &options.writes {
            Some(writes) if !made.about.state && !writes.is_empty() => {
                let writes = listed(writes);
                faults.push(format!(
                    "action `{name}` declares that it writes {writes} and does not take the `State`"
                ));
            }
            _ => {}
        }
    }
    for transition in &builder.transitions {
        let (from, to) = (transition.from.escape_debug(), transition.to.escape_debug());
        for test in transition.condition.iter().flat_map(|condition| condition.tests()) {
            if let Some(fault) = &test.fault {
                faults.push(format!("transition `{from}` -> `{to}` tests `{}`: {fault}", test.path));
            }
            if lacks(test.path.split('.').next().unwrap_or_default()) {
                let path = test.path.escape_debug();
                faults.push(format!("transition `{from}` -> `{to}` tests `{path}`, which the state has not"));
            }
        }
    }
    faults
}

/// The fields of a state; `None` if it may have any.
fn keys<S: session::State>() -> Result<Option<BTreeSet<String>>, String> {
    let bytes = rmp_serde::to_vec_named(&S::default())
        .map_err(|error| format!("the default of its state cannot be stored: {error}"))?;
    let encoded = look::keys(&bytes).map_err(|error| format!("the default of its state: {error}"))?;
    match (encoded, fields::<S>()) {
        // A struct with fields, of which some are left out while they have nothing to say.
        (Some(keys), Some(fields)) => {
            Ok(Some(keys.into_iter().chain(fields.iter().map(|&field| field.to_owned())).collect()))
        }
        (Some(_), None) => Ok(None),
        (None, _) => Ok(Some(BTreeSet::new())),
    }
}
