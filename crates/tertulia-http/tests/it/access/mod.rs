//! Who may do what: API tokens, capabilities, pages.

mod capabilities;
mod support;
mod tokens;
