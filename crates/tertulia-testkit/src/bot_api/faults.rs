//! What goes wrong on purpose, by probability.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How often what goes wrong: probabilities from 0 to 1, and none unless set.
///
/// Each request to a method meets at most one of the first three; a delay comes on top. Control requests meet none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Faults {
    /// The connection is cut before the request had an effect.
    pub cut_before: f64,
    /// The connection is cut after the request had its effect: its answer is lost.
    pub cut_after: f64,
    /// The answer is a 500, and the request had no effect.
    pub error: f64,
    /// The answer comes late.
    pub delay: Delay,
    /// An update that was confirmed is given once more.
    pub duplicate: f64,
    /// The random numbers begin anew from here, if given.
    pub seed: Option<u64>,
}

/// Late answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Delay {
    /// How often.
    pub probability: f64,
    /// How late at most; each is random. In milliseconds.
    pub most_ms: u64,
}

/// What happens to one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) cut: Option<Cut>,
    pub(super) error: bool,
    pub(super) late: Duration,
}

/// When a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    Before,
    After,
}

impl Faults {
    /// Cuts this share of the requests, half of them after they had their effect.
    #[must_use]
    pub fn cut(mut self, share: f64) -> Self {
        (self.cut_before, self.cut_after) = (share / 2.0, share / 2.0);
        self
    }

    /// Delays this share of the answers, by `most` at most.
    #[must_use]
    pub fn delay(mut self, share: f64, most: Duration) -> Self {
        self.delay.probability = share;
        self.delay.most_ms = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// Answers this share of the requests with a 500.
    #[must_use]
    pub fn error(mut self, share: f64) -> Self {
        self.error = share;
        self
    }

    /// Gives this share of the confirmed updates once more.
    #[must_use]
    pub fn duplicate(mut self, share: f64) -> Self {
        self.duplicate = share;
        self
    }

    pub(super) fn fate(&self, random: &mut fastrand::Rng) -> Fate {
        let (dice, late) = (random.f64(), random.f64());
        let after = self.cut_before + self.cut_after;
        let cut = match dice {
            _ if dice < self.cut_before => Some(Cut::Before),
            _ if dice < after => Some(Cut::After),
            _ => None,
        };
        let error = cut.is_none() && dice < after + self.error;
        let late = match late < self.delay.probability {
            true => Duration::from_millis(random.u64(0..=self.delay.most_ms)),
            false => Duration::ZERO,
        };
        Fate { cut, error, late }
    }
}
