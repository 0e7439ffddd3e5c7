//! The entries of a stream that are in memory: the last ones, one after another in few pieces of memory.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::Limit;
use super::block::{Block, Run};

/// How much lies in one piece of memory, unless one entry is larger.
const PIECE: usize = 64 << 10;
/// So many pieces in a row that are smaller than one of these sizes are put together.
const JOINED: usize = 16;
/// Readers at the end of a stream cut it into pieces of an entry or two. Put together in two steps, an entry is
/// copied twice at most.
const SMALL: [usize; 2] = [4 << 10, PIECE];

/// Entries from [`first`](Window::first) to [`end`](Window::end).
#[derive(Debug)]
pub(super) struct Window {
    /// What somebody has seen or what is full, oldest first.
    blocks: VecDeque<Block>,
    /// What was appended since: nobody has seen it, so it can still grow.
    open: BytesMut,
    /// Where each entry ends in `open`.
    open_ends: Vec<u32>,
    /// The offset of the first entry of `open`.
    open_first: u64,
    /// The byte after each entry: a comma in a JSON stream.
    separator: Option<u8>,
    /// What the blocks take in memory.
    block_memory: usize,
}

impl Window {
    /// No entries yet; the first one will be `first`.
    pub(super) fn new(first: u64, is_json: bool) -> Self {
        Self {
            blocks: VecDeque::new(),
            open: BytesMut::new(),
            open_ends: Vec::new(),
            open_first: first,
            separator: is_json.then_some(b','),
            block_memory: 0,
        }
    }

    /// The first entry that is in memory.
    pub(super) fn first(&self) -> u64 {
        self.blocks.front().map_or(self.open_first, |block| block.first)
    }

    /// The offset the next entry gets.
    pub(super) fn end(&self) -> u64 {
        self.open_first + self.open_ends.len() as u64
    }

    /// What it takes in memory.
    pub(super) fn memory(&self) -> usize {
        self.block_memory + self.open.capacity() + self.open_ends.capacity() * 4
    }

    /// Adds an entry at the end: its one copy.
    pub(super) fn push(&mut self, entry: &[u8]) {
        if !self.open.is_empty() && self.open.len() + entry.len() >= PIECE {
            self.seal();
        }
        self.open.extend_from_slice(entry);
        self.open.extend_from_slice(self.separator.as_slice());
        self.open_ends.push(u32::try_from(self.open.len()).expect("an entry has less than 4 GiB"));
    }

    /// Adds entries that lie one after another already, as they were stored.
    pub(super) fn push_block(&mut self, block: Block) {
        self.seal();
        debug_assert_eq!(block.first, self.end(), "entries are dense");
        self.open_first = block.next();
        self.block_memory += block.memory();
        self.blocks.push_back(block);
    }

    /// Adds what comes before the entries that are there.
    pub(super) fn push_front(&mut self, block: Block) {
        debug_assert_eq!(block.next(), self.first(), "entries are dense");
        self.block_memory += block.memory();
        self.blocks.push_front(block);
    }

    /// Makes what is open readable. What more is appended goes on in the same piece of memory, behind it.
    fn seal(&mut self) {
        if self.open_ends.is_empty() {
            return;
        }
        let is_full = self.open.len() >= PIECE / 2;
        let bytes = match is_full && self.open.capacity() > self.open.len() + self.open.len() / 4 {
            // Nothing more comes into this piece, so its empty rest would only be kept.
            true => {
                let exact = Bytes::copy_from_slice(&self.open);
                self.open = BytesMut::new();
                exact
            }
            false => self.open.split().freeze(),
        };
        let block = Block { first: self.open_first, bytes, ends: self.open_ends.as_slice().into() };
        self.open_first = block.next();
        self.open_ends.clear();
        self.block_memory += block.memory();
        self.blocks.push_back(block);
        for size in SMALL {
            self.join_small(size);
        }
    }

    /// Puts the last blocks together if there are many of less than `size`.
    fn join_small(&mut self, size: usize) {
        let small = self.blocks.iter().rev().take_while(|block| block.bytes.len() < size);
        if small.take(JOINED).count() < JOINED {
            return;
        }
        let parts = self.blocks.split_off(self.blocks.len() - JOINED);
        let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.bytes.len()).sum());
        let mut ends = Vec::with_capacity(parts.iter().map(Block::len).sum());
        for part in &parts {
            let before = u32::try_from(bytes.len()).expect("parts are small");
            bytes.extend_from_slice(&part.bytes);
            ends.extend(part.ends.iter().map(|end| before + end));
            self.block_memory -= part.memory();
        }
        let block = Block { first: parts[0].first, bytes: bytes.into(), ends: ends.into() };
        self.block_memory += block.memory();
        self.blocks.push_back(block);
    }

    /// The entries from `from` to before `until`, up to the limit; at least one if there is any.
    pub(super) fn slice(&mut self, from: u64, until: u64, limit: Limit) -> Vec<Run> {
        if until > self.open_first {
            self.seal();
        }
        let mut runs = Vec::new();
        let (mut next, mut bytes, mut entries) = (from, limit.bytes, limit.entries.max(1));
        let place = self.blocks.partition_point(|block| block.next() <= from);
        for block in self.blocks.range(place..) {
            if next >= until || entries == 0 || (bytes == 0 && !runs.is_empty()) {
                break;
            }
            let skip = index(next - block.first);
            let wanted = index(until.min(block.next()) - next).min(entries);
            let mut count = block.fit(skip, bytes).min(wanted);
            let begins_past_limit = count == 1 && !runs.is_empty() && {
                let one = Run { block: block.clone(), range: skip..skip + 1, separator: 0 };
                one.bytes() > bytes
            };
            if begins_past_limit {
                count = 0;
            }
            if count == 0 {
                break;
            }
            let run = Run {
                block: block.clone(),
                range: skip..skip + count,
                separator: self.separator.iter().len(),
            };
            (entries, bytes) = (entries - count, bytes.saturating_sub(run.bytes()));
            next += count as u64;
            runs.push(run);
            if count < wanted {
                break;
            }
        }
        runs
    }

    /// Drops the entries at and after `end`.
    pub(super) fn truncate(&mut self, end: u64) {
        self.seal();
        while let Some(last) = self.blocks.pop_back_if(|last| last.next() > end) {
            self.block_memory -= last.memory();
            if last.first < end {
                let kept = last.cut(index(end - last.first));
                self.block_memory += kept.memory();
                self.blocks.push_back(kept);
            }
        }
        self.open_first = self.blocks.back().map_or(end, Block::next);
    }

    /// Drops the first piece of entries, all of which come before `until`. Whether there was one.
    pub(super) fn drop_first(&mut self, until: u64) -> bool {
        match self.blocks.pop_front_if(|first| first.next() <= until) {
            Some(dropped) => {
                self.block_memory -= dropped.memory();
                true
            }
            None => false,
        }
    }

    /// Drops the entries before `until`, with those that share a piece of memory with what comes before.
    pub(super) fn drop_until(&mut self, until: u64) {
        if until > self.open_first {
            self.seal();
        }
        while self.drop_first(until) {}
    }
}

fn index(entries: u64) -> usize {
    usize::try_from(entries).expect("what is in memory can be counted")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(runs: &[Run]) -> Vec<String> {
        let entries = runs.iter().flat_map(Run::entries);
        entries.map(|entry| String::from_utf8(entry.to_vec()).unwrap()).collect()
    }

    fn numbers(range: std::ops::Range<u64>) -> Vec<String> {
        range.map(|n| n.to_string()).collect()
    }

    #[test]
    fn what_was_pushed_is_read_in_any_pieces() {
        let mut random = fastrand::Rng::with_seed(7);
        for is_json in [false, true] {
            let mut window = Window::new(0, is_json);
            for n in 0..3_000_u64 {
                window.push(n.to_string().as_bytes());
                if random.u8(..) < 100 {
                    let from = random.u64(0..=n);
                    let until = random.u64(from..=n + 1);
                    let limit = Limit { entries: random.usize(1..50), bytes: random.usize(0..300) };
                    let runs = window.slice(from, until, limit);
                    let read = texts(&runs);
                    assert_eq!(read, numbers(from..from + read.len() as u64));
                    assert!(read.len() <= limit.entries);
                    assert!(read.len() <= 1 || runs.iter().map(Run::bytes).sum::<usize>() <= limit.bytes);
                    assert_eq!(read.is_empty(), from == until);
                }
            }
            assert_eq!(texts(&window.slice(0, 3_000, Limit::NONE)), numbers(0..3_000));
        }
    }

    #[test]
    fn a_reader_at_the_end_leaves_few_pieces() {
        let mut window = Window::new(0, false);
        for n in 0..10_000_u64 {
            window.push(&[b'x'; 100]);
            assert_eq!(window.slice(n, n + 1, Limit::NONE).len(), 1);
        }
        assert!(window.blocks.len() < 64, "{} blocks", window.blocks.len());
        assert!(window.memory() < 10_000 * 120, "{} bytes", window.memory());
    }

    #[test]
    fn entries_are_not_copied_to_be_read() {
        let mut window = Window::new(0, true);
        window.push(b"{}");
        window.push(b"[1]");
        let (one, two) = (window.slice(0, 2, Limit::NONE), window.slice(0, 2, Limit::NONE));
        let addresses = |runs: &[Run]| runs[0].entries().map(|entry| entry.as_ptr()).collect::<Vec<_>>();
        assert_eq!(addresses(&one), addresses(&two));
        assert_eq!(one[0].joined(), "{},[1]");
    }

    #[test]
    fn what_is_cut_off_is_pushed_anew() {
        for seen in [0, 3, 10] {
            let mut window = Window::new(0, false);
            for n in 0..10_u64 {
                window.push(n.to_string().as_bytes());
                if n + 1 == seen {
                    window.slice(0, seen, Limit::NONE);
                }
            }
            window.truncate(5);
            assert_eq!(window.end(), 5);
            window.push(b"again");
            assert_eq!(texts(&window.slice(4, 6, Limit::NONE)), ["4", "again"]);
            window.truncate(0);
            assert_eq!((window.first(), window.end()), (0, 0));
        }
    }

    #[test]
    fn the_first_entries_leave_in_whole_pieces() {
        let mut window = Window::new(0, false);
        let entry = vec![b'x'; PIECE / 4];
        for _ in 0..20 {
            window.push(&entry);
        }
        let before = window.memory();
        window.drop_until(7);
        assert!(window.memory() < before && window.first() > 0 && window.first() <= 7);
        assert_eq!(window.slice(window.first(), 20, Limit::NONE).iter().flat_map(Run::entries).count(), {
            index(20 - window.first())
        });
        window.drop_until(20);
        assert_eq!((window.first(), window.end(), window.block_memory), (20, 20, 0));
    }
}
