//! Who may do what over HTTP: API tokens with scopes, capability tokens for one thing, pages of other origins.

mod capabilities;
mod capability;
mod check;
mod grant;
mod guard;
mod origins;
mod resource;
mod right;
mod scope;
mod tokens;

pub use capabilities::{Capabilities, Mint, Minted};
pub use check::Access;
pub use grant::Grant;
pub(crate) use guard::needing;
pub use origins::Origins;
pub use resource::Resource;
pub use right::{Right, Rights};
pub use scope::{Scope, Scopes};
pub(crate) use tokens::routes;
