//! Transitions that are never taken, and actions that are never run.

use std::collections::{HashMap, HashSet};

use super::Builder;
use crate::graph::names::listed;

pub(super) fn faults<S>(builder: &Builder<S>) -> Vec<String> {
    let mut faults = Vec::new();
    // Where each action leads, and under which conditions; none: always.
    let mut ways: HashMap<&str, Vec<(Option<String>, &str)>> = HashMap::new();
    for transition in &builder.transitions {
        let (from, to) = (transition.from.as_str(), transition.to.as_str());
        let condition = transition.condition.as_ref().map(ToString::to_string);
        let before = ways.entry(from).or_default();
        let dead = before.iter().find(|(other, _)| other.is_none() || *other == condition);
        match dead {
            Some((None, first)) => faults.push(format!(
                "transition `{from}` -> `{to}` is never taken: `{from}` -> `{first}` before it always is"
            )),
            Some((Some(same), first)) => faults.push(format!(
                "transition `{from}` -> `{to}` is never taken: `{from}` -> `{first}` before it has the same condition, `{same}`"
            )),
            None => before.push((condition, to)),
        }
    }
    let mut reached = HashSet::new();
    let mut next: Vec<&str> = builder.entrypoint.as_deref().into_iter().collect();
    while let Some(action) = next.pop() {
        if reached.insert(action) {
            next.extend(ways.get(action).into_iter().flatten().map(|(_, to)| *to));
        }
    }
    let names = builder.actions.iter().map(|(name, _)| name.as_str());
    let unreached: Vec<_> = names.filter(|name| !reached.contains(name)).collect();
    if !unreached.is_empty() {
        faults.push(format!("no way leads from the entrypoint to {}", listed(unreached)));
    }
    faults
}
