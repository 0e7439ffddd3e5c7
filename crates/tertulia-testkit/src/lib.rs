//! What every storage of Tertulia is judged by, storages that misbehave or count on purpose, and platforms for tests.
//!
//! - [`mod@conformance`]: the rules of the storage contract, each a named case; [`conformance!`] lists them as tests.
//! - [`model`]: random batches and reads against a plain map; one of the suite's cases.
//! - [`mod@sessions`]: what sessions promise on every storage, each a named case; [`sessions!`] lists them as tests.
//! - [`mod@streams`]: the same for streams; [`streams!`].
//! - [`mod@graphs`]: the same for runs of graphs, and for persisters of one's own; [`graphs!`].
//! - [`graphs::parallel`]: what actions of graphs that run others promise; [`parallel!`].
//! - [`mod@runner`]: what the runner promises on every storage, whatever process dies; [`runner!`].
//! - [`mod@turns`]: the same of the turns of bots; [`turns!`].
//! - [`suites!`]: all of them.
//! - [`Faulty`]: a storage that fails, delays or loses answers by plan; [`FaultySaver`]: a persister that does.
//! - [`Counting`]: a storage that counts what is written and read, by name.
//! - [`count_through_both`]: two processes at one store, with nothing between them.
//! - [`Desk`]: a bot platform that brings nothing and sends nowhere; [`Board`]: one whose messages can be changed;
//!   [`Window`]: one that is read.
//! - [`bot_api`]: a fake Bot API server, which also misbehaves.
//! - [`openai`]: a fake model server, which does too.
//! - [`proxy`]: a TCP proxy that fails as networks do, for storages that are reached through one.
//! - [`servers`]: private servers of databases, started by the test and gone with it.
//! - [`Played`]: how long a random test plays, and how one that failed is played again.
//!
//! # Running the suites on a storage of your own
//!
//! In an integration test, say how an empty store is opened and which [`Time`](conformance::Time) it keeps.
//! Every case becomes a test of its own, `mine::contract::queue::an_id_appended_again_is_seen`,
//! `mine::sessions::fire_and_forget::deletion::a_guard_deletes_its_session` and so on.
//!
//! ```
//! use std::sync::Arc;
//!
//! use tertulia::Clock;
//! use tertulia::storage::{Limits, Memory};
//! use tertulia_testkit::Subject;
//!
//! mod mine {
//!     use super::*;
//!
//!     /// Opens a new, empty store; called once for each case, inside that case's runtime.
//!     async fn open(limits: Limits) -> Subject {
//!         // Your storage here. One that keeps files would add `.keep(directory)`, so that they outlive the case,
//!         // and `.reopen(..)`, so that the cases of durability run.
//!         Subject::new(Arc::new(Memory::with(Clock::system(), limits, 1 << 30)))
//!     }
//!
//!     tertulia_testkit::suites!(tertulia_testkit::conformance::Time::Paused, open);
//! }
//! # fn main() {}
//! ```
//!
//! Each suite has a macro of its own too, for a module that has one of them alone.
//!
//! `TERTULIA_MODEL_ROUNDS` says how many rounds the model test plays; `TERTULIA_MODEL_SEED` repeats one that
//! failed. [`Played`] tells the names that other random tests go by.

pub mod bot_api;
pub mod conformance;
mod counters;
mod counting;
mod faulty;
pub mod graphs;
pub mod model;
pub mod openai;
mod platforms;
mod played;
mod process;
pub mod proxy;
pub mod runner;
pub mod servers;
pub mod sessions;
pub mod simulator;
pub mod streams;
mod subject;
mod suites;
pub mod turns;

pub use counters::count_through_both;
pub use counting::{Counting, Counts, Written};
pub use faulty::{Call, Fault, Faulty, FaultySaver, Gate, Rates};
pub use platforms::{Board, Desk, Window};
pub use played::Played;
pub use subject::Subject;
