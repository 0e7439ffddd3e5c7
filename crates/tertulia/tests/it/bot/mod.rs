//! A bot as its author writes it.

mod batch;
mod changes;
mod dynamic;
mod journal;
mod keys;
mod promises;
mod queued;
mod routing;
mod save;
mod sessions;
mod several;
mod start;
mod support;
mod turns;
mod writes;
