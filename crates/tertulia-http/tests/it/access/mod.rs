//! Who may do what: API tokens, capabilities, pages.

mod capabilities;
mod minting;
mod origins;
mod streams;
pub(crate) mod support;
mod tokens;
