//! The names of the queues and logs that the runner keeps.

use crate::Name;

/// Updates received and not yet applied.
pub const INBOX: Name = Name::from_static("inbox");
/// Calls to make.
pub const OUTBOX: Name = Name::from_static("outbox");
/// Updates and calls that were given up.
pub const DEAD: Name = Name::from_static("dead");
/// Per conversation: what calls that were made gave.
pub const SENT: Name = Name::from_static("sent");
/// Per conversation: what its committed turns were and did.
pub const JOURNAL: Name = Name::from_static("journal");
/// Of one shard: whether a process runs, and whether those before it stopped well.
pub const PROCESS: Name = Name::from_static("process");
