//! How long the bot takes from its start to its first answer.

use std::time::Duration;

use serde::Serialize;

use super::fake::Present;

/// The starts after kills, in the fake server's time.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    /// The one that has not answered yet.
    started: Option<Present>,
    took: Vec<u64>,
    /// How many were killed before they answered.
    unfinished: u64,
}

/// What came of the starts, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Recovered {
    /// How many answered.
    pub(crate) starts: usize,
    /// How many were killed before.
    pub(crate) unfinished: u64,
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) max: u64,
}

impl Recovery {
    /// The bot is started; what comes over connections that are there already is of the one before.
    pub(super) fn started(&mut self, present: Present) {
        self.unfinished += u64::from(self.started.replace(present).is_some());
    }

    /// A message was sent over a connection.
    pub(super) fn heard(&mut self, at: u64, connection: u64) {
        if let Some(started) = self.started.take_if(|started| connection > started.connected) {
            self.took.push(at.saturating_sub(started.now));
        }
    }

    pub(super) fn recovered(&self) -> Recovered {
        let mut took = self.took.clone();
        took.sort_unstable();
        // The smallest that so many of a hundred do not exceed.
        let of_hundred = |share: usize| {
            let place = (took.len() * share).div_ceil(100).saturating_sub(1);
            took.get(place).copied().unwrap_or(0)
        };
        let (p50, p99, max) = (of_hundred(50), of_hundred(99), of_hundred(100));
        Recovered { starts: took.len(), unfinished: self.unfinished, p50, p99, max }
    }
}

/// In the unit that suits.
pub(super) fn spoken(milliseconds: u64) -> String {
    match milliseconds {
        ..10_000 => format!("{milliseconds} ms"),
        _ => format!("{:.1} s", Duration::from_millis(milliseconds).as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_over_with_the_first_answer_of_its_own() {
        let mut recovery = Recovery::default();
        recovery.heard(5, 1);
        recovery.started(Present { now: 100, connected: 3 });
        recovery.heard(101, 3);
        recovery.heard(140, 4);
        recovery.heard(150, 4);
        recovery.started(Present { now: 200, connected: 4 });
        recovery.started(Present { now: 300, connected: 6 });
        recovery.heard(310, 7);
        let expected = Recovered { starts: 2, unfinished: 1, p50: 10, p99: 40, max: 40 };
        assert_eq!(recovery.recovered(), expected);
    }
}
