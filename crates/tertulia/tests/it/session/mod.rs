//! Typed sessions.

mod updates;
