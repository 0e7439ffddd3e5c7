//! Which lives a stream has had: what a cursor is checked against and minted from.

use smallvec::SmallVec;

use super::{BranchId, Cursor, Lost};

/// Where the records of a branch begin before anything of it was stored.
pub(super) const UNPLACED: u64 = u64::MAX;

/// The most branches that are remembered, beside the first. Cursors of forgotten ones are refused as foreign.
const KEPT: usize = 63;

/// One life of a stream. What branches before it said at and after `from` is superseded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Branch {
    pub(super) id: BranchId,
    /// Its first entry's offset.
    pub(super) from: u64,
    /// Where its records begin in the stored log.
    pub(super) log: u64,
}

/// The branches of a stream, in the order in which they began; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Branches(Vec<Branch>);

impl Branches {
    /// Those of a new stream.
    pub(super) fn new(id: BranchId) -> Self {
        Self(vec![Branch { id, from: 0, log: 0 }])
    }

    /// Those that were stored, if there are any.
    pub(super) fn stored(branches: Vec<Branch>) -> Option<Self> {
        (!branches.is_empty()).then_some(Self(branches))
    }

    /// Those of a copy up to `at`, whose own entries begin at `log`.
    pub(super) fn forked(&self, at: u64, id: BranchId, log: u64) -> Self {
        let shared = self.0.iter().enumerate().filter(|(i, branch)| *i == 0 || branch.from < at);
        let mut branches: Vec<Branch> = shared.map(|(_, branch)| Branch { log: 0, ..*branch }).collect();
        branches.push(Branch { id, from: at, log });
        Self(branches)
    }

    /// Begins another one: what was said at and after `from` is superseded.
    pub(super) fn begin(&mut self, branch: Branch) {
        self.0.push(branch);
        if self.0.len() > KEPT + 1 {
            self.0.remove(1);
        }
    }

    /// Says where the records of branches begin that have none yet.
    pub(super) fn place(&mut self, log: u64) {
        for branch in self.0.iter_mut().filter(|branch| branch.log == UNPLACED) {
            branch.log = log;
        }
    }

    /// The one that writes.
    pub(super) fn current(&self) -> Branch {
        *self.0.last().expect("there is always a branch")
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Branch> {
        self.0.iter()
    }

    /// The cursor of a place.
    pub(super) fn mint(&self, offset: u64) -> Cursor {
        let of_entry_before = self.0.iter().rev().find(|branch| branch.from < offset);
        Cursor { offset, branch: of_entry_before.unwrap_or(&self.0[0]).id }
    }

    /// The offset of a cursor; where to go on, and why, if its place is not there (any more).
    pub(super) fn find(&self, cursor: Cursor) -> Result<u64, (u64, Lost)> {
        let Some(place) = self.0.iter().rposition(|branch| branch.id == cursor.branch) else {
            return Err((0, Lost::Foreign));
        };
        let limit = self.0[place + 1..].iter().map(|later| later.from).min();
        match limit {
            Some(limit) if cursor.offset > limit => Err((limit, Lost::Superseded)),
            _ => Ok(cursor.offset),
        }
    }

    /// The branches that begin before `end`, and the first, with the entry at which each begins.
    pub(super) fn up_to(&self, end: u64) -> SmallVec<[(u64, BranchId); 2]> {
        let before = self.0.iter().enumerate().filter(|(i, branch)| *i == 0 || branch.from < end);
        before.map(|(_, branch)| (branch.from, branch.id)).collect()
    }

    /// The entries of the stored log in which the record with the entry `offset` is, if it is stored; the end is not
    /// known of what is still written.
    pub(super) fn stored_at(&self, offset: u64) -> (u64, Option<u64>) {
        let place = self.0.iter().rposition(|branch| branch.from <= offset).unwrap_or(0);
        let log = self.0[place].log;
        (log, self.0[place + 1..].iter().map(|later| later.log).find(|later| *later > log))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: BranchId = BranchId(10);
    const SECOND: BranchId = BranchId(20);
    const THIRD: BranchId = BranchId(30);

    fn at(offset: u64, branch: BranchId) -> Cursor {
        Cursor { offset, branch }
    }

    #[test]
    fn what_a_later_attempt_said_again_is_superseded_and_what_came_before_stays() {
        let mut branches = Branches::new(FIRST);
        branches.begin(Branch { id: SECOND, from: 3, log: 2 });
        assert_eq!(branches.find(at(3, FIRST)), Ok(3));
        assert_eq!(branches.find(at(4, FIRST)), Err((3, Lost::Superseded)));
        assert_eq!(branches.find(at(9, SECOND)), Ok(9));
        assert_eq!(branches.find(at(1, THIRD)), Err((0, Lost::Foreign)));
        assert_eq!(branches.mint(3), at(3, FIRST));
        assert_eq!(branches.mint(4), at(4, SECOND));
        branches.begin(Branch { id: THIRD, from: 3, log: 5 });
        assert_eq!(branches.find(at(9, SECOND)), Err((3, Lost::Superseded)));
        assert_eq!(branches.mint(4), at(4, THIRD));
        assert_eq!((branches.stored_at(2), branches.stored_at(3)), ((0, Some(2)), (5, None)));
    }

    #[test]
    fn every_place_is_found_with_the_cursor_minted_for_it() {
        let mut branches = Branches::new(FIRST);
        branches.begin(Branch { id: SECOND, from: 5, log: 1 });
        branches.begin(Branch { id: THIRD, from: 2, log: 2 });
        for offset in 0..9 {
            assert_eq!(branches.find(branches.mint(offset)), Ok(offset));
        }
    }

    #[test]
    fn a_fork_shares_the_cursors_of_its_source_up_to_where_it_begins() {
        let mut source = Branches::new(FIRST);
        source.begin(Branch { id: SECOND, from: 4, log: 7 });
        let fork = source.forked(6, THIRD, 1);
        for offset in 0..=6 {
            assert_eq!(fork.mint(offset), source.mint(offset));
        }
        assert_eq!(fork.find(at(7, SECOND)), Err((6, Lost::Superseded)));
        assert_eq!(source.find(fork.mint(7)), Err((0, Lost::Foreign)));
        let from_start = source.forked(0, THIRD, 0);
        assert_eq!(from_start.mint(0), source.mint(0));
        assert_eq!(from_start.mint(1), at(1, THIRD));
    }

    #[test]
    fn so_many_branches_are_kept_and_no_more() {
        let mut branches = Branches::new(FIRST);
        for n in 0..1_000 {
            branches.begin(Branch { id: BranchId(1_000 + n), from: 0, log: n });
        }
        assert_eq!(branches.iter().count(), KEPT + 1);
        assert_eq!(branches.find(at(5, FIRST)), Err((0, Lost::Superseded)));
        assert_eq!(branches.find(at(5, BranchId(1_001))), Err((0, Lost::Foreign)));
    }
}
