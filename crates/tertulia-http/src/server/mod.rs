//! Serves routes within limits.

mod addresses;
mod body;
mod options;
mod patience;
mod serve;

pub use options::ServerOptions;
pub use serve::Server;
