//! The past of a conversation, read out of its [journal](crate::runner::journal): as a [timeline](timeline()), run again
//! on other code ([`Replay`]), or gone on with elsewhere ([`fork`](fork())).

mod answers;
mod compare;
mod diff;
mod fork;
mod replay;
mod replayed;
mod sessions;
mod stage;
mod timeline;

pub use self::answers::answers;
pub use self::fork::{Forked, fork, fork_before};
pub use self::replay::Replay;
pub use self::replayed::{Difference, Replayed, Skipped, Strayed};
pub(super) use self::sessions::Readers;
pub use self::sessions::SessionId;
pub(super) use self::stage::Stage;
pub use self::timeline::{SessionChange, TimelineTurn, timeline};
