//! Which call meets which fault.

use std::collections::HashMap;
use std::time::Duration;

use fastrand::Rng;
use tertulia::error::Kind;

use super::{Call, Fault};

/// How often calls fail at random, each in thousandths of all calls. Together at most 1,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// [`Fault::Refuse`] with `Unavailable`.
    pub refuse: u16,
    /// [`Fault::LoseRequest`].
    pub lose_request: u16,
    /// [`Fault::LoseAnswer`].
    pub lose_answer: u16,
    /// [`Fault::Delay`], by up to `max_delay`.
    pub delay: u16,
    /// The longest delay.
    pub max_delay: Duration,
}

/// The faults to come, and the calls that were made.
#[derive(Debug, Default)]
pub(super) struct Plan {
    calls: HashMap<Call, u64>,
    faults: u64,
    scripted: HashMap<(Call, u64), Fault>,
    always: HashMap<Call, Fault>,
    random: Option<(Rng, Rates)>,
}

impl Plan {
    pub(super) fn at_random(&mut self, seed: u64, rates: Rates) {
        self.random = Some((Rng::with_seed(seed), rates));
    }

    pub(super) fn at(&mut self, call: Call, n: u64, fault: Fault) {
        self.scripted.insert((call, n), fault);
    }

    pub(super) fn next(&mut self, call: Call, fault: Fault) {
        let made = self.calls(call);
        let free = (made + 1..).find(|n| !self.scripted.contains_key(&(call, *n)));
        self.scripted.insert((call, free.expect("numbers do not end")), fault);
    }

    pub(super) fn always(&mut self, call: Call, fault: Fault) {
        self.always.insert(call, fault);
    }

    pub(super) fn heal(&mut self) {
        self.scripted.clear();
        self.always.clear();
        self.random = None;
    }

    pub(super) fn calls(&self, call: Call) -> u64 {
        self.calls.get(&call).copied().unwrap_or(0)
    }

    pub(super) fn faults(&self) -> u64 {
        self.faults
    }

    /// Counts a call and gives its fault: its own, else that of every call, else one drawn at random.
    pub(super) fn meet(&mut self, call: Call) -> Option<Fault> {
        let n = self.calls.entry(call).or_default();
        *n += 1;
        let own = self.scripted.remove(&(call, *n)).or_else(|| self.always.get(&call).cloned());
        let fault = own.or_else(|| self.random.as_mut().and_then(|(rng, rates)| rates.draw(rng)));
        self.faults += u64::from(fault.is_some());
        fault
    }
}

impl Rates {
    fn draw(&self, rng: &mut Rng) -> Option<Fault> {
        // Both are drawn for every call, so that one rate does not move the faults of another.
        let (drawn, share) = (rng.u16(..1_000), rng.f64());
        let mut below = 0;
        let mut hits = |rate| {
            below += rate;
            drawn < below
        };
        if hits(self.refuse) {
            Some(Fault::Refuse(Kind::Unavailable))
        } else if hits(self.lose_request) {
            Some(Fault::LoseRequest)
        } else if hits(self.lose_answer) {
            Some(Fault::LoseAnswer)
        } else if hits(self.delay) {
            Some(Fault::Delay(self.max_delay.mul_f64(share)))
        } else {
            None
        }
    }
}
