//! At which offsets of a log its items lie.

/// From each position on, items lie one after another from the offset, up to the next position. Positions rise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::session) struct Runs(Vec<(u64, u64)>);

impl Runs {
    /// The offset of the item at a position, if there is a run for it.
    pub(in crate::session) fn offset_of(&self, position: u64) -> Option<u64> {
        let run = self.0.partition_point(|(begin, _)| *begin <= position).checked_sub(1)?;
        let (begin, offset) = self.0[run];
        Some(offset + (position - begin))
    }

    /// An item after all others lies at `offset`, and those after it behind.
    pub(in crate::session) fn push(&mut self, position: u64, offset: u64) {
        if self.0.last().is_none_or(|(begin, first)| first + (position - begin) != offset) {
            self.0.push((position, offset));
        }
    }

    /// Items from position `from` on lie from `offset` on; without one there are none.
    pub(in crate::session) fn replace(&mut self, from: u64, offset: Option<u64>) {
        let kept = self.0.partition_point(|(begin, _)| *begin < from);
        self.0.truncate(kept);
        if let Some(offset) = offset {
            self.push(from, offset);
        }
    }

    /// Items before `start` are of no matter any more.
    pub(in crate::session) fn drop_before(&mut self, start: u64) {
        let passed = self.0.partition_point(|(begin, _)| *begin <= start).saturating_sub(1);
        self.0.drain(..passed);
    }

    /// What comes after these.
    pub(in crate::session) fn append(&mut self, later: &mut Self) {
        self.0.append(&mut later.0);
    }

    /// Nothing lies anywhere.
    pub(in crate::session) fn clear(&mut self) {
        self.0.clear();
    }

    /// Positions and offsets.
    pub(in crate::session) fn as_slice(&self) -> &[(u64, u64)] {
        &self.0
    }
}
