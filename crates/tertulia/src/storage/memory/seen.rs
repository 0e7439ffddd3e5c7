//! The ids that were appended to a queue within the last 48 hours.

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::RandomState;

use super::super::{ItemId, SEEN_FOR};
use crate::{Name, Timestamp};

/// At how many ids the first sweep looks for outdated ones.
const FIRST_SWEEP: usize = 1_024;

/// Until when each id is remembered. Outdated ones are swept each time the number of ids has doubled, so that a sweep
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
        let until = match id {
            ItemId::Number(space, number) => self.numbers.get(&(self.space(space), *number)),
            ItemId::Bytes(space, bytes) => self.bytes.get(&(self.space(space), *bytes)),
        };
        until.is_some_and(|until| now < *until)
    }

    /// Remembers an id for so long, at most 48 hours.
    pub(super) fn insert(&mut self, id: &ItemId, now: Timestamp, left: Duration) {
        let until = now.after(left.min(SEEN_FOR));
        let (ItemId::Number(space, _) | ItemId::Bytes(space, _)) = id;
        let mut number = self.space(space);
        if number == self.next_space() {
            self.spaces.push(space.clone());
            number = self.next_space() - 1;
        }
        match id {
            ItemId::Number(_, id) => self.numbers.insert((number, *id), until),
            ItemId::Bytes(_, id) => self.bytes.insert((number, *id), until),
        };
        if self.numbers.len() + self.bytes.len() > self.sweep_at.max(FIRST_SWEEP) {
            self.numbers.retain(|_, until| now < *until);
            self.bytes.retain(|_, until| now < *until);
            self.sweep_at = 2 * (self.numbers.len() + self.bytes.len());
        }
    }

    /// The next ids behind this one with the time that is left of each, in their order. Looks at all of them.
    pub(super) fn after(
        &self,
        after: Option<&ItemId>,
        most: usize,
        now: Timestamp,
    ) -> Vec<(ItemId, Duration)> {
        let space = |number: u32| self.spaces[number as usize].clone();
        let numbers = self.numbers.iter().map(|((s, id), until)| (ItemId::Number(space(*s), *id), *until));
        let bytes = self.bytes.iter().map(|((s, id), until)| (ItemId::Bytes(space(*s), *id), *until));
        let left = |(id, until): (ItemId, Timestamp)| (id, until.since(now));
        let wanted =
            |(id, left): &(ItemId, Duration)| !left.is_zero() && after.is_none_or(|after| after < id);
        let mut found: Vec<_> = numbers.chain(bytes).map(left).filter(wanted).collect();
        if found.len() > most {
            found.select_nth_unstable(most);
            found.truncate(most);
        }
        found.sort_unstable();
        found
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

#[cfg(test)]
mod tests {
    use super::{FIRST_SWEEP, ItemId, Name, SEEN_FOR, Seen, Timestamp};

    #[test]
    fn outdated_ids_are_swept_and_the_others_kept() {
        let mut seen = Seen::default();
        let id = |number| ItemId::Number(Name::from_static("test"), number);
        let later = Timestamp(0).after(SEEN_FOR);
        for number in 0..FIRST_SWEEP as i64 {
            seen.insert(&id(number), Timestamp(0), SEEN_FOR);
        }
        assert!(seen.contains(&id(0), Timestamp(later.0 - 1)));
        assert!(!seen.contains(&id(0), later));
        seen.insert(&id(-1), later, SEEN_FOR);
        assert_eq!(seen.numbers.len(), 1);
        assert!(seen.contains(&id(-1), later));
    }
}
