//! What a runner counts, for whatever recorder of the `metrics` crate the program has installed before it starts.

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

use super::{CallStats, Stats};

/// Counters and gauges, looked up once. Without a recorder they do nothing.
pub(super) struct Meter {
    /// Updates that entered the inbox.
    pub(super) accepted: Counter,
    /// Updates that had been there before.
    pub(super) seen: Counter,
    /// Updates that were refused because too many waited.
    pub(super) refused: Counter,
    /// Updates that went to `dead` because they were none, or one of too many.
    pub(super) turned_away: Counter,
    /// Turns that were committed, or had nothing to write.
    pub(super) applied: Counter,
    /// Tries that failed.
    pub(super) failed: Counter,
    /// Tries that met a conflict and run again.
    pub(super) conflicts: Counter,
    /// Updates that were cancelled.
    pub(super) cancelled: Counter,
    /// Updates that were given up.
    pub(super) dead: Counter,
    /// Updates that were parked.
    pub(super) parked: Counter,
    /// Updates that the storage has lost, and that were brought again.
    pub(super) lost: Counter,
    /// Turns that ran for too long, and looks at which no turn had ended.
    pub(super) stalled: Counter,
    updates: Gauge,
    running: Gauge,
    ready: Gauge,
    parked_now: Gauge,
    calls: Gauge,
    oldest: Gauge,
    /// Calls, in the order of [`OUTCOMES`].
    call_outcomes: [Counter; OUTCOMES.len()],
}

/// What becomes of calls, as [`CallStats`] has it.
const OUTCOMES: [&str; 6] = ["made", "repeated", "dead", "unknown", "joined", "put_off"];

impl Meter {
    pub(super) fn new() -> Self {
        describe_counter!("tertulia_updates_total", "Updates that arrived, by what became of them then.");
        describe_counter!("tertulia_turns_total", "Tries of updates, by how they ended.");
        describe_counter!("tertulia_calls_total", "Calls, by what became of them.");
        describe_counter!("tertulia_stalls_total", "Turns that ran for too long, and times when none ended.");
        describe_gauge!("tertulia_updates", "Updates that are known and not finished.");
        describe_gauge!("tertulia_calls", "Calls that are known and not made.");
        describe_gauge!("tertulia_oldest_update_seconds", "How long ago the oldest of the updates arrived.");
        let arrived = |outcome| counter!("tertulia_updates_total", "outcome" => outcome);
        let turns = |outcome| counter!("tertulia_turns_total", "outcome" => outcome);
        Self {
            accepted: arrived("accepted"),
            seen: arrived("seen"),
            refused: arrived("refused"),
            turned_away: arrived("dead"),
            applied: turns("applied"),
            failed: turns("failed"),
            conflicts: turns("conflict"),
            cancelled: turns("cancelled"),
            dead: turns("dead"),
            parked: turns("parked"),
            lost: turns("lost"),
            stalled: counter!("tertulia_stalls_total"),
            updates: gauge!("tertulia_updates", "state" => "known"),
            running: gauge!("tertulia_updates", "state" => "running"),
            ready: gauge!("tertulia_updates", "state" => "ready"),
            parked_now: gauge!("tertulia_updates", "state" => "parked"),
            calls: gauge!("tertulia_calls"),
            oldest: gauge!("tertulia_oldest_update_seconds"),
            call_outcomes: OUTCOMES.map(|outcome| counter!("tertulia_calls_total", "outcome" => outcome)),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "no more than 2^52 updates fit in memory")]
    pub(super) fn set(&self, stats: &Stats, calls: &CallStats) {
        let CallStats { made, repeated, dead, unknown, joined, put_off } = *calls;
        for (counter, value) in
            self.call_outcomes.iter().zip([made, repeated, dead, unknown, joined, put_off])
        {
            counter.absolute(value);
        }
        self.updates.set(stats.updates as f64);
        self.running.set(stats.running as f64);
        self.ready.set(stats.ready as f64);
        self.parked_now.set(stats.parked as f64);
        self.calls.set(stats.calls as f64);
        self.oldest.set(stats.oldest.unwrap_or_default().as_secs_f64());
    }
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meter")
    }
}
