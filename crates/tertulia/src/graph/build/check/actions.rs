//! Actions that lack what they take, or have options that cannot be.

use super::Builder;
use crate::graph::Definition;

pub(super) fn faults<S>(builder: &Builder<S>) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, action) in &builder.actions {
        let of_this = |fault: String| format!("action `{}` {fault}", name.escape_debug());
        let Definition { made, options, .. } = action;
        let missing = made.about.data.iter().filter(|(id, _)| !builder.data.contains(*id));
        faults.extend(missing.map(|(_, kind)| of_this(format!("takes a `{kind}`, of which none was given"))));
        faults.extend(made.about.nameless.iter().map(|kind| {
            of_this(format!("takes the fields of `{kind}`, which has none that can be told: it has to be a struct without `#[serde(flatten)]`"))
        }));
        if options.retry.tries == 0 {
            faults.push(of_this("is tried 0 times, it has to be 1 or more".to_owned()));
        }
        if options.time_limit.is_some_and(|limit| limit.is_zero()) {
            faults.push(of_this("has a time limit of 0 s, it has to be more".to_owned()));
        }
    }
    faults
}
