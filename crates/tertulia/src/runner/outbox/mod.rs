//! The way out: calls that turns made, in order per conversation, once their turns are committed.
//!
//! A call is an entry of its shard's outbox until it was made or given up:
//!
//! ```text
//! pending -> under way -> removed            made; its mark rides on a later batch
//!    ^   ^       '------> resting            made in steps, and there is nothing to do for it now
//!    ^           |------> dead               refused, too late, or nobody knows and it is made at most once
//!    '-----------'        put off: unavailable, or nobody knows and it is made at least once
//! ```
//!
//! [`lanes`] knows which call may be made next and touches neither time nor storage; [`room`] is when turns must wait
//! for calls to be made; [`make`] makes one call, [`record`] keeps what became of it, [`refer`] finds what an earlier
//! one gave that it is about, [`load`] reads what an earlier process left.

mod lanes;
mod load;
mod make;
mod pending;
mod platform;
mod record;
mod refer;
mod room;
mod shared;
mod stats;

pub(super) use pending::Pending;
pub(super) use room::Load;
pub(super) use shared::Outbox;
pub use stats::CallStats;
