//! What an action can take as an argument.

mod about;
mod data;
mod given;
mod input;
mod reads;
mod state;

use super::{Parts, Result, Step};

pub use about::About;
pub use data::Data;
pub use given::Given;
pub use input::Input;
pub use reads::Reads;
pub use state::State;

/// Something an action takes. It owns what it gives, and describes what it needs when the graph is built, so that a graph
/// that lacks it is refused then. One of your own is made of these:
///
/// ```
/// use tertulia::graph::{self, About, Data, FromStep, Input, Parts};
///
/// #[derive(serde::Deserialize)]
/// struct Locale { language: String }
///
/// struct Phrases(std::collections::HashMap<String, String>);
///
/// /// The greeting in the caller's language.
/// struct Greeting(String);
///
/// impl<S> FromStep<S> for Greeting {
///     fn from_step(parts: &Parts<'_, S>) -> graph::Result<Self> {
///         let (locale, phrases) = <(Input<Locale>, Data<Phrases>)>::from_step(parts)?;
///         Ok(Self(phrases.0.get(&locale.language).cloned().unwrap_or_default()))
///     }
///
///     fn describe(about: &mut About) {
///         <(Input<Locale>, Data<Phrases>) as FromStep<S>>::describe(about);
///     }
/// }
/// ```
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

    /// Describes what it needs. One that is made of others lets them describe themselves.
    fn describe(about: &mut About) {
        let _ = about;
    }
}

impl<S> FromStep<S> for Step {
    fn from_step(parts: &Parts<'_, S>) -> Result<Self> {
        Ok(parts.step.clone())
    }
}

macro_rules! tuple {
    ($($argument:ident)*) => {
        impl<S, $($argument: FromStep<S>),*> FromStep<S> for ($($argument,)*) {
            fn from_step(parts: &Parts<'_, S>) -> Result<Self> {
                let _ = &parts;
                Ok(($($argument::from_step(parts)?,)*))
            }

            fn describe(about: &mut About) {
                let _ = &about;
                $($argument::describe(about);)*
            }
        }
    };
}

tuple!();
tuple!(A1);
tuple!(A1 A2);
tuple!(A1 A2 A3);
tuple!(A1 A2 A3 A4);
tuple!(A1 A2 A3 A4 A5);
tuple!(A1 A2 A3 A4 A5 A6);
tuple!(A1 A2 A3 A4 A5 A6 A7);
tuple!(A1 A2 A3 A4 A5 A6 A7 A8);
