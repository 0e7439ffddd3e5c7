//! The suite on the storages of the library, and the storages of this crate.

mod listed;
mod memory;
