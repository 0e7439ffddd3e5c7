//! The judgement, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::judge::Verdict;
use super::recovery::{Recovered, spoken};

/// All that is told at the end.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    pub(crate) verdict: Verdict,
    pub(crate) chats: u32,
    pub(crate) kills: u64,
    /// How often the bot ended by itself.
    pub(crate) ended: u64,
    /// How many poisonous texts were sent besides.
    pub(crate) poison: u64,
    pub(crate) recovery: Recovered,
    /// From the first update to the last answer, without the last update of each chat.
    pub(crate) seconds: f64,
    pub(crate) updates_per_second: f64,
    /// The most bytes of memory that the processes of one start of the bot had together, each at its own peak;
    /// nothing where the system does not tell. One that ends by itself may have had more than was seen.
    pub(crate) memory: Option<u64>,
    pub(crate) seed: u64,
}

impl Report {
    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// A line for each figure.
    pub(super) fn text(&self) -> String {
        let Self { verdict, recovery, .. } = self;
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:<12}{value}");
        };
        line("updates", format!("{} in {} chats", verdict.updates, self.chats));
        line("kills", format!("{}, and {} times it ended by itself", self.kills, self.ended));
        if self.poison > 0 {
            line("poison", self.poison.to_string());
        }
        line(
            "lost",
            format!("{}, of which it had confirmed {}", verdict.lost, verdict.lost_though_confirmed),
        );
        line("reordered", verdict.reordered.to_string());
        line("doubled", verdict.doubled.to_string());
        line("went back", format!("{} counters", verdict.state_lost));
        line("counters", format!("{} in all, of {}", verdict.counted, verdict.updates));
        line("repeated", format!("{} sends", verdict.repeated));
        if verdict.strange > 0 {
            line("strange", format!("{} texts that are no answers", verdict.strange));
        }
        line(
            "recovery",
            format!(
                "p50 {}, p99 {}, max {} from start to first answer ({} starts; {} were killed before)",
                spoken(recovery.p50),
                spoken(recovery.p99),
                spoken(recovery.max),
                recovery.starts,
                recovery.unfinished,
            ),
        );
        line("speed", format!("{:.0} updates/s for {:.1} s", self.updates_per_second, self.seconds));
        if let Some(bytes) = self.memory {
            line("memory", format!("{} MiB at most", bytes.div_ceil(1 << 20)));
        }
        line("seed", self.seed.to_string());
        line("judgement", verdict.wrong().unwrap_or_else(|| "nothing lost, reordered or doubled".to_owned()));
        text
    }
}
