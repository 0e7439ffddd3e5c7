//! The suite on the storages of the library, the storages of this crate, and the fake servers.

mod bot_api;
mod counting;
mod faulty;
mod late;
mod listed;
mod memory;
mod openai;
mod proxy;
mod seeded;
mod simulator;
mod spoilt;
