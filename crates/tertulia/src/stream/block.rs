//! Entries that lie one after another in memory, given out without being copied.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

/// Consecutive entries in one piece of memory. Nothing of it changes any more.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The offset of its first entry.
    pub(super) first: u64,
    /// The entries one after another, each followed by its separator if they have one.
    pub(super) bytes: Bytes,
    /// Where each entry ends in `bytes`, with its separator.
    pub(super) ends: Arc<[u32]>,
}

/// Some of the entries of a block.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) block: Block,
    /// Which of them.
    pub(super) range: Range<usize>,
    /// The length of the separator after each entry.
    pub(super) separator: usize,
}

impl Block {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The offset after its last entry.
    pub(super) fn next(&self) -> u64 {
        self.first + self.ends.len() as u64
    }

    /// What it takes in memory.
    pub(super) fn memory(&self) -> usize {
        // The block itself, and the head of the ends' allocation.
        const FIXED: usize = size_of::<Block>() + 16;
        self.bytes.len() + self.ends.len() * 4 + FIXED
    }

    fn begin_of(&self, entry: usize) -> usize {
        if entry == 0 { 0 } else { self.ends[entry - 1] as usize }
    }

    /// How many bytes an entry has, with its separator.
    pub(super) fn length(&self, entry: usize) -> usize {
        self.ends[entry] as usize - self.begin_of(entry)
    }

    /// The entries before `keep`.
    pub(super) fn cut(&self, keep: usize) -> Self {
        let bytes = self.bytes.slice(..self.begin_of(keep));
        Self { first: self.first, bytes, ends: self.ends[..keep].into() }
    }

    /// How many of the entries from `from` on fit into `bytes`; one fits always.
    pub(super) fn fit(&self, from: usize, bytes: usize) -> usize {
        let limit = self.begin_of(from).saturating_add(bytes);
        let fit = self.ends[from..].partition_point(|end| (*end as usize) <= limit);
        fit.max(usize::from(from < self.len()))
    }
}

impl Run {
    pub(super) fn first(&self) -> u64 {
        self.block.first + self.range.start as u64
    }

    pub(super) fn bytes(&self) -> usize {
        self.block.begin_of(self.range.end) - self.block.begin_of(self.range.start)
    }

    /// Each entry, sharing the block's memory.
    pub(super) fn entries(&self) -> impl Iterator<Item = Bytes> {
        let entry = |i: usize| {
            let begin = self.block.begin_of(i);
            let end = (self.block.ends[i] as usize).saturating_sub(self.separator).max(begin);
            self.block.bytes.slice(begin..end)
        };
        self.range.clone().map(entry)
    }

    /// All of them in one piece, each with its separator.
    pub(super) fn with_separators(&self) -> Bytes {
        self.block.bytes.slice(self.block.begin_of(self.range.start)..self.block.begin_of(self.range.end))
    }

    /// All of them in one piece, with the separators between them but not after the last.
    pub(super) fn joined(&self) -> Bytes {
        let end = self.block.begin_of(self.range.end).saturating_sub(self.separator);
        let begin = self.block.begin_of(self.range.start);
        self.block.bytes.slice(begin..end.max(begin))
    }
}
