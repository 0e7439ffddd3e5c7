//! The library's behaviour at its boundary.

mod runner;
