//! The suite on the storages of the library, and the storages of this crate.

mod counting;
mod faulty;
mod listed;
mod memory;
mod seeded;
mod simulator;
