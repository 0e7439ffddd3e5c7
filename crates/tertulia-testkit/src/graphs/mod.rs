//! What runs of graphs promise wherever they are kept and in every write mode, each a named case.
//!
//! A case is a plain function of a [`Setting`], which provides runs: of a storage under test or of a
//! [`StateSaver`](tertulia::graph::StateSaver), in a write mode. [`graphs!`](crate::graphs!) lists them all, so that each
//! shows as a test of its own. All go through the public interface: what one [`Runs`](tertulia::graph::Runs) stored is looked
//! at through another, which is what another process, or the same one after a restart, has. [`Shelf`] is a persister that
//! holds all of them; [`Counter`] and [`Diary`] are the states that they work on.

pub mod branches;
pub mod cancelled;
pub mod crashes;
pub mod deletion;
pub mod expiry;
pub mod failures;
pub mod history;
pub mod hooks;
mod listed;
pub mod parallel;
pub mod queued;
pub mod random;
mod run;
pub mod said;
mod setting;
mod shelf;
mod state;
pub mod steps;
pub mod undeclared;
pub mod waiting;
pub mod writers;

pub use run::{threads, timed};
pub use setting::{Flow, Setting};
pub use shelf::Shelf;
pub use state::{Counter, Diary, diary, once, turns};
#[doc(no_inline)]
pub use tertulia::session::WriteMode;
