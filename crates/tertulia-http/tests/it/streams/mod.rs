//! Streams as their readers and writers see them. Names that begin with a scenario's letter and number are its test.

mod appending;
mod caching;
mod creating;
mod events;
mod following;
mod forking;
mod hostile;
mod listing;
mod rights;
pub(crate) mod support;
