//! Sessions over HTTP.

mod changing;
mod conditions;
mod following;
mod rights;
mod running;
mod support;
