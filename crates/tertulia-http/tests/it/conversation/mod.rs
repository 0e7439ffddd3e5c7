//! Conversations: posted to without waiting, read, followed, stopped, and said again elsewhere.

mod following;
mod posting;
mod reading;
mod regenerating;
mod rights;
mod stopping;
mod support;
