//! The token that a live answer carries, so that caches on the way do not give the same empty answer for ever.

use tertulia::Timestamp;

/// 2024-10-09T00:00:00Z, from where intervals are counted.
const EPOCH: u64 = 1_728_432_000_000;
const INTERVAL: u64 = 20_000;
/// The most intervals that a token moves ahead of the one it answers: an hour.
const JITTER: u64 = 180;

/// The token of an answer: the number of the present interval, or a greater one than the client sent.
/// What is no token is taken as none.
pub(crate) fn token(sent: Option<&str>, now: Timestamp, random: u64) -> u64 {
    let present = now.0.saturating_sub(EPOCH) / INTERVAL;
    let sent = sent.and_then(|sent| sent.parse::<u64>().ok()).filter(|sent| *sent >= present);
    sent.and_then(|sent| sent.checked_add(1 + random % JITTER)).unwrap_or(present)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(EPOCH + 100 * INTERVAL + 19_999);

    #[test]
    fn a_token_is_the_number_of_the_interval() {
        for sent in [None, Some("99"), Some("-1"), Some("x"), Some("18446744073709551615")] {
            assert_eq!(token(sent, NOW, 7), 100, "{sent:?}");
        }
    }

    #[test]
    fn a_token_is_greater_than_the_one_that_was_sent() {
        assert_eq!(token(Some("100"), NOW, 0), 101);
        assert_eq!(token(Some("100"), NOW, JITTER - 1), 100 + JITTER);
        assert_eq!(token(Some("500"), NOW, JITTER), 501);
    }
}
