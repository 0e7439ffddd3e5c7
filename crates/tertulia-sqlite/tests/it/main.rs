//! What the SQLite storage promises.

mod basics;
mod conformance;
