//! How the children of a step are run and kept.

use crate::graph::runs::Ground;

/// What becomes of a step when a child fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// The first failure cancels the other children, and the step fails with it. When the step's checkpoint says so, nothing
    /// of them is written any more. Those that have come to their end stay, and are not run again when the step is.
    #[default]
    FailFast,
    /// All children run to their end, and what each has come to is joined, errors too.
    Collect,
}

/// How the children of a step are run and kept.
#[derive(Clone)]
pub(super) struct How {
    /// How many run at once.
    pub(super) limit: usize,
    pub(super) policy: Policy,
    pub(super) keep: Keep,
}

/// Where children are kept.
#[derive(Clone)]
pub(super) enum Keep {
    /// Where their parent is.
    Beside,
    /// Nowhere.
    Nowhere,
    /// There.
    There(Ground),
}
