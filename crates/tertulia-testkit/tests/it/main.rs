//! The suite on the storages of the library, the storages of this crate, and the fake Bot API server.

mod bot_api;
mod counting;
mod faulty;
mod listed;
mod memory;
mod seeded;
mod simulator;
