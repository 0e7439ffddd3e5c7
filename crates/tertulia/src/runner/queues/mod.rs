//! What people do with the queues of a runner, over any storage, whether a runner runs over it or not: they look at
//! what was given up or is parked, and put it right. A runner that runs is then [told](super::Intake::look).

pub mod dead;
mod entry_id;
mod notice;
mod pages;
pub mod parked;
mod settle;

pub use entry_id::EntryId;
pub use notice::Notice;
pub use pages::{Listing, Query};
