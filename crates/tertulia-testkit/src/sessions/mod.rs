//! What sessions promise on every storage and in every write mode, each a named case.
//!
//! A case is a plain function of a [`Setting`], a storage under test with a write mode;
//! [`sessions!`](crate::sessions!) lists them all, so that each shows as a test of its own for every storage in every
//! mode. All go through the public interface: what one [`Sessions`](tertulia::Sessions) saved is looked at through
//! another, which is what another process, or the same one after a restart, has. [`threads`] and [`timed`] run one.

pub mod deletion;
pub mod expiry;
mod listed;
pub mod logs;
pub mod migrations;
pub mod processes;
pub mod reads;
pub mod restart;
mod run;
mod setting;
pub mod several;
pub mod styles;
pub mod tasks;
pub mod undone;
mod value;
pub mod writers;

pub use run::{threads, timed};
pub use setting::Setting;
#[doc(no_inline)]
pub use tertulia::session::WriteMode;
