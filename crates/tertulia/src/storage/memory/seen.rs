//! The ids that were appended to a queue within the last 48 hours.

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::RandomState;

use super::super::ItemId;
use crate::{Name, Timestamp};

/// How long an id is remembered.
const KEPT: Duration = Duration::from_hours(48);
/// At how many ids the first sweep looks for outdated ones.
const FIRST_SWEEP: usize = 1_024;

/// When each id was appended. Outdated ones are swept each time the number of ids has doubled, so that a sweep
/// costs nothing to speak of and there are at most twice as many as were appended within the time.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The spaces of ids, by the number that stands for each below.
    spaces: Vec<Name>,
    numbers: HashMap<(u32, i64), Timestamp, RandomState>,
    bytes: HashMap<(u32, [u8; 16]), Timestamp, RandomState>,
    /// How many ids there may be before the next sweep.
    sweep_at: usize,
}

impl Seen {
    pub(super) fn contains(&self, id: &ItemId, now: Timestamp) -> bool {
        let at = match id {
            ItemId::Number(space, number) => self.numbers.get(&(self.space(space), *number)),
            ItemId::Bytes(space, bytes) => self.bytes.get(&(self.space(space), *bytes)),
        };
        at.is_some_and(|at| is_kept(*at, now))
    }

    pub(super) fn insert(&mut self, id: &ItemId, now: Timestamp) {
        let (ItemId::Number(space, _) | ItemId::Bytes(space, _)) = id;
        let mut number = self.space(space);
        if number == self.next_space() {
            self.spaces.push(space.clone());
            number = self.next_space() - 1;
        }
        match id {
            ItemId::Number(_, id) => self.numbers.insert((number, *id), now),
            ItemId::Bytes(_, id) => self.bytes.insert((number, *id), now),
        };
        if self.numbers.len() + self.bytes.len() > self.sweep_at.max(FIRST_SWEEP) {
            self.numbers.retain(|_, at| is_kept(*at, now));
            self.bytes.retain(|_, at| is_kept(*at, now));
            self.sweep_at = 2 * (self.numbers.len() + self.bytes.len());
        }
    }

    /// The number of a space; the next free one if it has none.
    fn space(&self, space: &Name) -> u32 {
        let place = self.spaces.iter().position(|known| known == space);
        place.map_or_else(|| self.next_space(), |place| u32::try_from(place).unwrap_or(u32::MAX))
    }

    fn next_space(&self) -> u32 {
        u32::try_from(self.spaces.len()).unwrap_or(u32::MAX)
    }
}

fn is_kept(at: Timestamp, now: Timestamp) -> bool {
    now.since(at) < KEPT
}

#[cfg(test)]
mod tests {
    use super::{FIRST_SWEEP, ItemId, KEPT, Name, Seen, Timestamp};

    #[test]
    fn outdated_ids_are_swept_and_the_others_kept() {
        let mut seen = Seen::default();
        let id = |number| ItemId::Number(Name::from_static("test"), number);
        let later = Timestamp(0).after(KEPT);
        for number in 0..FIRST_SWEEP as i64 {
            seen.insert(&id(number), Timestamp(0));
        }
        assert!(seen.contains(&id(0), Timestamp(later.0 - 1)));
        assert!(!seen.contains(&id(0), later));
        seen.insert(&id(-1), later);
        assert_eq!(seen.numbers.len(), 1);
        assert!(seen.contains(&id(-1), later));
    }
}
