//! Streams over HTTP, in the protocols that clients speak.

mod app;
mod append;
mod body;
mod cancel;
mod create;
mod durable;
mod etag;
mod events;
mod follow;
mod frame;
mod headers;
mod json;
mod list;
mod live;
mod named;
mod options;
pub(crate) mod path;
mod pieces;
pub(crate) mod query;
mod read;
mod refusal;
mod rfc3339;
mod router;
mod sse;

pub use options::StreamsHttpOptions;
pub use router::streams;
