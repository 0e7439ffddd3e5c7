//! Sessions over HTTP: read, changed and followed as JSON, whatever their Rust type.

mod change;
mod condition;
mod exposed;
mod options;
mod route;
mod tail;

pub use exposed::Exposed;
pub use options::SessionsHttpOptions;
pub use route::sessions;
