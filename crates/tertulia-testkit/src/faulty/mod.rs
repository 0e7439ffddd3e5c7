//! A storage that fails, delays or loses answers by plan, over any other.

mod fault;
mod plan;
mod saver;
mod storage;

pub use fault::{Call, Fault, Gate};
pub use plan::Rates;
pub use saver::FaultySaver;
pub use storage::Faulty;
