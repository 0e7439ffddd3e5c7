//! Names that are none, that are there twice, or that nothing has.

use std::collections::HashSet;

use super::Builder;

/// The most bytes of a name.
const MAX_NAME: usize = 128;

pub(super) fn faults<S>(builder: &Builder<S>) -> Vec<String> {
    let mut faults = Vec::new();
    faults.extend(no_name("a graph", &builder.name));
    if builder.actions.is_empty() {
        faults.push("it has no actions".to_owned());
    }
    let mut actions = HashSet::new();
    for (name, action) in &builder.actions {
        faults.extend(no_name("an action", name));
        if !actions.insert(name.as_str()) {
            faults.push(format!("there are two actions `{}`", name.escape_debug()));
        }
        faults.extend(action.options.tags.iter().filter_map(|tag| no_name("a tag", tag)));
    }
    match &builder.entrypoint {
        None => faults.push("it has no entrypoint".to_owned()),
        Some(name) if !actions.contains(name.as_str()) => {
            faults.push(format!("its entrypoint `{}` is no action of it", name.escape_debug()));
        }
        Some(_) => {}
    }
    for transition in &builder.transitions {
        let (from, to) = (transition.from.escape_debug(), transition.to.escape_debug());
        for name in [&transition.from, &transition.to] {
            if !actions.contains(name.as_str()) {
                let name = name.escape_debug();
                faults
                    .push(format!("transition `{from}` -> `{to}` names `{name}`, which is no action of it"));
            }
        }
    }
    faults
}

fn no_name(what: &str, name: &str) -> Option<String> {
    let is_none = name.is_empty()
        || name.len() > MAX_NAME
        || name.starts_with('@')
        || name.chars().any(char::is_control);
    is_none.then(|| {
        format!(
            "`{}` is no name of {what}: it has to have 1 to {MAX_NAME} bytes without control characters, and no `@` first",
            name.escape_debug()
        )
    })
}
