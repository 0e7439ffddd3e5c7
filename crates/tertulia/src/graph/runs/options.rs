//! How the runs of a graph are kept.

use std::time::Duration;

use crate::session::WriteMode;

/// How the runs of a graph are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// When a step returns: once its checkpoint is durable. With fire-and-forget, once it is queued: checkpoints of a run are
    /// stored in their order, a crash loses the last ones, never one before another that is there, and no more than the queue
    /// holds; a failure is told by the next call or by `flush`, and the run is what is stored then.
    pub mode: WriteMode,
    /// The most checkpoints of a run that may be queued, with fire-and-forget, beside the bytes of all: any number.
    pub max_queued: Option<usize>,
    /// How long a run is kept after its last checkpoint, or up to a quarter longer: for ever.
    pub expiry: Option<Duration>,
    /// How long a call of the storage may take: as long as it takes. What was being written may be stored or not; the run
    /// looks before it goes on.
    pub time_limit: Option<Duration>,
    /// How many items of each [`Log`](crate::Log) are loaded with a state: 256.
    pub log_tail: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: WriteMode::Transactional,
            max_queued: None,
            expiry: None,
            time_limit: None,
            log_tail: 256,
        }
    }
}
