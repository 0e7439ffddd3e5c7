//! Who may do what over HTTP: API tokens with scopes, capability tokens for one thing, pages of other origins.

mod capabilities;
mod capability;
mod check;
mod grant;
mod guard;
mod resource;
mod right;
mod scope;

pub use capabilities::{Capabilities, Mint, Minted};
pub use check::Access;
pub use grant::Grant;
pub(crate) use guard::needing;
pub use resource::Resource;
pub use right::{Right, Rights};
pub use scope::{Scope, Scopes};
