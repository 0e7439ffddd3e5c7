//! What an action can take as an argument.

mod data;
mod input;
mod state;

use super::{Parts, Result, Step};

pub use data::Data;
pub use input::Input;
pub use state::State;

/// Something an action takes. It owns what it gives, and describes what it needs when the graph is built, so that a graph
/// that lacks it is refused then. One of your own is made of these: `State::from_step(parts)?`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of an action of a graph over `{S}`",
    note = "actions take `State<{S}>`, `Reads<T>`, `Input<T>`, `Data<T>` and `Step`",
    note = "arguments are taken by value: `state: State<Agent>`, not `&mut Agent`"
)]
pub trait FromStep<S>: Sized {
    /// Takes it.
    ///
    /// # Errors
    /// Any; it fails the step.
    fn from_step(parts: &Parts<'_, S>) -> Result<Self>;

    /// Describes what it needs.
    fn describe(about: &mut About) {
        let _ = about;
    }
}

/// What the arguments of an action need.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Whether it takes the whole state.
    pub(super) state: bool,
    /// The inputs.
    pub(super) inputs: Vec<String>,
    /// Values that all actions share.
    pub(super) data: Vec<(std::any::TypeId, &'static str)>,
}

impl<S> FromStep<S> for Step {
    fn from_step(parts: &Parts<'_, S>) -> Result<Self> {
        Ok(parts.step.clone())
    }
}
