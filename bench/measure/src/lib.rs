//! What every peer written in Rust shares: the run it was asked for, the clocks, and the line it prints.
//!
//! A peer is an executable that runs one case and prints one line of JSON. [`Run`] is its command line,
//! [`Stopwatch`] measures the run and [`Report`] is the line.

mod report;
mod run;
mod stopwatch;

pub use report::Report;
pub use run::Run;
pub use stopwatch::{Stopwatch, Taken};
