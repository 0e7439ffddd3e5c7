//! How long an update waits that a webhook refused.

use std::time::Duration;

/// The longest wait a webhook can ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// The longest wait otherwise is random, from this to twice as much.
const MAX_WAIT: u32 = 60;

/// How an update fared so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
    /// The last wait, in seconds.
    wait: u32,
    fails: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self { wait: 1, fails: 0 }
    }
}

impl Retry {
    /// Counts a failure and gives the wait: none after the first, then 2 s, 4 s and so on; or what the webhook asks.
    pub(super) fn failed(&mut self, retry_after: Duration, random: &mut fastrand::Rng) -> Duration {
        let first = self.fails == 0;
        self.fails += 1;
        if !retry_after.is_zero() {
            return retry_after.min(MAX_RETRY_AFTER);
        }
        if first {
            return Duration::ZERO;
        }
        self.wait = (self.wait * 2).min(random.u32(MAX_WAIT..=2 * MAX_WAIT));
        Duration::from_secs(self.wait.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_minute_or_two_and_the_webhook_may_ask_for_an_hour() {
        let (mut retry, mut random) = (Retry::default(), fastrand::Rng::with_seed(1));
        let mut wait = |seconds| retry.failed(Duration::from_secs(seconds), &mut random).as_secs();
        assert_eq!([0; 6].map(&mut wait), [0, 2, 4, 8, 16, 32]);
        assert!((60..=64).contains(&wait(0)));
        assert!((60..=120).contains(&wait(0)));
        assert_eq!([7, 3600, 9999].map(&mut wait), [7, 3600, 3600]);
    }
}
