//! Bot platforms for tests, all of which read texts as updates: one that only sends, one whose messages can be changed, and
//! one that is read.

mod board;
mod desk;
mod window;

pub use board::Board;
pub use desk::Desk;
pub use window::Window;
