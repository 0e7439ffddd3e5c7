//! A bot as its author writes it.

mod routing;
mod sessions;
mod start;
mod support;
mod writes;
