//! What a read gives.

use bytes::Bytes;
use smallvec::SmallVec;

use super::block::Run;
use super::branches::Branches;
use super::{BranchId, Cursor, End};

/// Consecutive entries of a stream. They share the stream's memory; what one reader got, no other can change.
#[derive(Clone, Debug)]
pub struct Page {
    runs: Vec<Run>,
    first: u64,
    next: u64,
    /// The branches up to its end, with the entry at which each begins.
    branches: SmallVec<[(u64, BranchId); 2]>,
    is_json: bool,
    /// Whether it reaches to what was the end when it was read.
    up_to_date: bool,
    closed: Option<End>,
}

impl Page {
    pub(super) fn new(runs: Vec<Run>, first: u64, branches: &Branches, is_json: bool) -> Self {
        let next = first + runs.iter().map(|run| run.range.len() as u64).sum::<u64>();
        let branches = branches.up_to(next);
        Self { runs, first, next, branches, is_json, up_to_date: false, closed: None }
    }

    /// Says that the stream ended here when it was read, and whether for good.
    pub(super) fn at_end(mut self, closed: Option<End>) -> Self {
        (self.up_to_date, self.closed) = (true, closed);
        self
    }

    /// Where it begins.
    pub fn first(&self) -> Cursor {
        self.mint(self.first)
    }

    /// Where the next page begins.
    pub fn next(&self) -> Cursor {
        self.mint(self.next)
    }

    fn mint(&self, offset: u64) -> Cursor {
        let before = self.branches.iter().rev().find(|(from, _)| *from < offset);
        Cursor { offset, branch: before.unwrap_or(&self.branches[0]).1 }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.runs.iter().map(|run| run.range.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many bytes the entries have, with the commas between those of a JSON stream.
    pub fn bytes(&self) -> usize {
        self.runs.iter().map(Run::bytes).sum()
    }

    /// Whether this was the end of the stream when it was read.
    pub fn is_up_to_date(&self) -> bool {
        self.up_to_date
    }

    /// How the stream ended, if it did and this page reaches to its end.
    pub fn closed(&self) -> Option<End> {
        self.closed
    }

    /// Whether the entries are joined by commas.
    pub fn is_json(&self) -> bool {
        self.is_json
    }

    /// The entries. No bytes are copied.
    pub fn entries(&self) -> impl Iterator<Item = Bytes> {
        self.runs.iter().flat_map(Run::entries)
    }

    /// The entries, each with the cursor after it.
    pub fn iter(&self) -> impl Iterator<Item = (Cursor, Bytes)> {
        let offsets = self.first + 1..;
        offsets.zip(self.entries()).map(|(offset, entry)| (self.mint(offset), entry))
    }

    /// All entries in a few large pieces, one after another; those of a JSON stream with commas between them. No bytes
    /// are copied.
    pub fn joined(&self) -> impl Iterator<Item = Bytes> {
        let comma = |i: usize| (i > 0 && self.is_json).then(|| Bytes::from_static(b","));
        self.runs.iter().enumerate().flat_map(move |(i, run)| comma(i).into_iter().chain([run.joined()]))
    }
}
