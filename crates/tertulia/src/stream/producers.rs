//! Who appends to a stream, and what each of them has said last: what makes a repeated request harmless.

use std::time::Duration;

use super::{Producer, Refused};
use crate::Timestamp;

/// The most producers that are remembered of a stream; the one that was silent for longest goes first.
const KEPT: usize = 64;
/// How long one is remembered.
const KEPT_FOR: Duration = Duration::from_hours(7 * 24);

/// What is remembered of a producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remembered {
    pub(super) id: String,
    pub(super) epoch: u64,
    /// The number of the last request of this epoch.
    pub(super) seq: u64,
    pub(super) at: Timestamp,
}

/// The producers of a stream, in no order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Producers(pub(super) Vec<Remembered>);

/// Whether a request is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    New,
    Duplicate,
}

impl Producers {
    /// What a request is, without taking it.
    pub(super) fn judge(&self, request: &Producer) -> Result<Request, Refused> {
        let Some(known) = self.0.iter().find(|known| known.id == request.id) else {
            return match request.seq {
                0 => Ok(Request::New),
                received => Err(Refused::Gap { expected: 0, received }),
            };
        };
        if request.epoch < known.epoch {
            return Err(Refused::StaleEpoch { current: known.epoch });
        }
        if request.epoch > known.epoch {
            return match request.seq {
                0 => Ok(Request::New),
                received => Err(Refused::EpochBegin { received }),
            };
        }
        if request.seq <= known.seq {
            return Ok(Request::Duplicate);
        }
        match known.seq + 1 {
            expected if expected == request.seq => Ok(Request::New),
            expected => Err(Refused::Gap { expected, received: request.seq }),
        }
    }

    /// The number of a producer's last request that was taken, in its present epoch.
    pub(super) fn last(&self, id: &str) -> Option<u64> {
        self.0.iter().find(|known| known.id == id).map(|known| known.seq)
    }

    /// Remembers a request that was taken.
    pub(super) fn take(&mut self, request: &Producer, now: Timestamp) {
        let Producer { id, epoch, seq } = request;
        if let Some(known) = self.0.iter_mut().find(|known| known.id == *id) {
            (known.epoch, known.seq, known.at) = (*epoch, *seq, now);
            return;
        }
        self.0.retain(|known| now.since(known.at) < KEPT_FOR);
        if self.0.len() >= KEPT
            && let Some((oldest, _)) = self.0.iter().enumerate().min_by_key(|(_, known)| known.at)
        {
            self.0.swap_remove(oldest);
        }
        self.0.push(Remembered { id: id.clone(), epoch: *epoch, seq: *seq, at: now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: &str, epoch: u64, seq: u64) -> Producer {
        Producer { id: id.to_owned(), epoch, seq }
    }

    #[test]
    fn a_request_is_taken_once_and_in_order() {
        let mut producers = Producers::default();
        assert_eq!(producers.judge(&request("a", 0, 1)), Err(Refused::Gap { expected: 0, received: 1 }));
        producers.take(&request("a", 0, 0), Timestamp(0));
        assert_eq!(producers.judge(&request("a", 0, 0)), Ok(Request::Duplicate));
        assert_eq!(producers.judge(&request("a", 0, 2)), Err(Refused::Gap { expected: 1, received: 2 }));
        assert_eq!(producers.judge(&request("a", 0, 1)), Ok(Request::New));
        assert_eq!(producers.judge(&request("b", 0, 0)), Ok(Request::New));
        producers.take(&request("a", 0, 1), Timestamp(0));
        assert_eq!((producers.last("a"), producers.last("b")), (Some(1), None));
    }

    #[test]
    fn a_new_epoch_begins_at_nothing_and_ends_the_old_one() {
        let mut producers = Producers::default();
        producers.take(&request("a", 3, 0), Timestamp(0));
        assert_eq!(producers.judge(&request("a", 2, 1)), Err(Refused::StaleEpoch { current: 3 }));
        assert_eq!(producers.judge(&request("a", 4, 1)), Err(Refused::EpochBegin { received: 1 }));
        assert_eq!(producers.judge(&request("a", 4, 0)), Ok(Request::New));
    }

    #[test]
    fn the_one_silent_for_longest_is_forgotten_first() {
        let mut producers = Producers::default();
        for n in 0..=KEPT as u64 {
            producers.take(&request(&n.to_string(), 0, 0), Timestamp(n));
        }
        assert_eq!(producers.0.len(), KEPT);
        assert_eq!(producers.judge(&request("1", 0, 0)), Ok(Request::Duplicate));
        assert_eq!(producers.judge(&request("0", 0, 0)), Ok(Request::New));
        producers.take(&request("late", 0, 0), Timestamp(0).after(KEPT_FOR * 2));
        assert_eq!(producers.0.len(), 1);
    }
}
