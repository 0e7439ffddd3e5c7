//! A version of a state as bytes: whole, or as what changed; and the whole again from both. Nothing here is read from
//! anywhere.
//!
//! Both begin with a byte that says which version of the shape it is, and have no checksum: what they are stored in has one.
//! Numbers are varints.
//! - Whole: next log number, how many logs, each log's *view*, the state as MessagePack with field names.
//! - Change: next log number, how many logs moved, each one's *move*, the state's length afterwards, the patch (see
//!   [`patch`](crate::session::msgpack::patch)). If the state is the same, the length is 0 and there is no patch.
//! - View: number, start, end, how many runs, each run's position and offset, both from the second one on as the difference
//!   to the one before.
//! - Move: number, start, from, how many items, and if there are any the offset of the first one.

use bytes::Bytes;

use crate::session::format::{Malformed, put_varint, take_varint};
use crate::session::log::{Moved, Runs};
use crate::session::msgpack::patch::Tree;
use crate::session::read::log_numbers;

/// The shape that is written.
const FORMAT: u8 = 1;

/// A version of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    /// The number that the next new log gets.
    pub(super) next_log: u64,
    /// The logs inside, in the order of their numbers once it is read.
    pub(super) views: Vec<View>,
    /// MessagePack, with an extension for each log.
    pub(super) state: Vec<u8>,
}

impl Version {
    /// A version that was written whole, with the changes that were written after it.
    pub(super) fn read(whole: &[u8], changes: &[Bytes]) -> Result<Self, Malformed> {
        let mut rest = whole;
        let (mut next_log, mut views) = open_whole(&mut rest)?;
        let mut tree = Tree::Raw(rest);
        let mut state_len = rest.len() as u64;
        for change in changes {
            let mut rest = &change[..];
            let (next, count) = open(&mut rest)?;
            for _ in 0..count {
                Move::take(&mut rest)?.apply(&mut views)?;
            }
            next_log = next;
            let len = take_varint(&mut rest)?;
            if len > 0 {
                tree.apply(rest)?;
                state_len = len;
            } else if !rest.is_empty() {
                return Err(Malformed::Patch);
            }
        }
        let mut state = Vec::new();
        tree.write(&mut state);
        if state.len() as u64 != state_len {
            return Err(Malformed::Patch);
        }
        Ok(Self { next_log, views: in_state(views, &state)?, state })
    }

    pub(super) fn encode(next_log: u64, views: &[View], state: &[u8]) -> Vec<u8> {
        let runs: usize = views.iter().map(|view| 32 + 8 * view.runs.as_slice().len()).sum();
        let mut out = Vec::with_capacity(16 + runs + state.len());
        out.push(FORMAT);
        put(&mut out, [next_log, views.len() as u64]);
        views.iter().for_each(|view| view.put(&mut out));
        out.extend_from_slice(state);
        out
    }
}

/// Where the logs of a version lie that was written whole.
pub(super) fn views(mut whole: &[u8]) -> Result<Vec<View>, Malformed> {
    open_whole(&mut whole).map(|(_, views)| views)
}

/// What became of the logs in a change.
pub(super) fn moves(mut change: &[u8]) -> Result<Vec<Move>, Malformed> {
    let (_, count) = open(&mut change)?;
    (0..count).map(|_| Move::take(&mut change)).collect()
}

/// The next log number and the views of a version that was written whole; what is left is its state.
fn open_whole(rest: &mut &[u8]) -> Result<(u64, Vec<View>), Malformed> {
    let (next_log, count) = open(rest)?;
    let views = (0..count).map(|_| View::take(rest)).collect::<Result<_, _>>()?;
    Ok((next_log, views))
}

/// The next log number of what was written, whole or as a change.
pub(super) fn next_log(mut written: &[u8]) -> Result<u64, Malformed> {
    open(&mut written).map(|(next_log, _)| next_log)
}

fn open(rest: &mut &[u8]) -> Result<(u64, u64), Malformed> {
    match rest.split_first() {
        Some((&FORMAT, after)) => *rest = after,
        Some((&found, _)) => return Err(Malformed::Tracked(found)),
        None => return Err(Malformed::Truncated),
    }
    Ok((take_varint(rest)?, take_varint(rest)?))
}

/// The views of the logs that the state has, each of them once.
fn in_state(mut views: Vec<View>, state: &[u8]) -> Result<Vec<View>, Malformed> {
    let numbers = log_numbers(state)?;
    views.retain(|view| numbers.binary_search(&view.number).is_ok());
    views.sort_unstable_by_key(|view| view.number);
    if views.iter().map(|view| view.number).eq(numbers) { Ok(views) } else { Err(Malformed::Patch) }
}

/// Begins a change, with `moves` of logs. The state's length comes next, and the patch.
pub(super) fn begin_change(out: &mut Vec<u8>, next_log: u64, moves: &[Move]) {
    out.push(FORMAT);
    put(out, [next_log, moves.len() as u64]);
    moves.iter().for_each(|one| one.put(out));
}

/// What a version knows of a log: where its items lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) number: u64,
    /// The first position it has, and the one after the last.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) runs: Runs,
}

impl View {
    fn put(&self, out: &mut Vec<u8>) {
        let runs = self.runs.as_slice();
        let mut before = (0, 0);
        put(out, [self.number, self.start, self.end, runs.len() as u64]);
        for (position, offset) in runs {
            put(out, [position - before.0, offset - before.1]);
            before = (*position, *offset);
        }
    }

    fn take(rest: &mut &[u8]) -> Result<Self, Malformed> {
        let [number, start, end, count] = take(rest)?;
        let mut runs = Runs::default();
        for i in 0..count {
            let [position, offset] = take(rest)?;
            let (position, offset) = match runs.as_slice().last() {
                Some(before) => (add(before.0, position)?, add(before.1, offset)?),
                None => (position, offset),
            };
            let rises = i == 0 || is_behind(&runs, position, offset);
            if !rises || position >= end {
                return Err(Malformed::Patch);
            }
            runs.push(position, offset);
        }
        let view = Self { number, start, end, runs };
        view.check()?;
        Ok(view)
    }

    /// Every item has a place, whose offset is a number.
    fn check(&self) -> Result<(), Malformed> {
        let first = self.runs.as_slice().first();
        let is_whole = self.start == self.end || first.is_some_and(|(position, _)| *position <= self.start);
        if self.start > self.end || !is_whole {
            return Err(Malformed::Patch);
        }
        if let Some((position, offset)) = self.runs.as_slice().last() {
            add(*offset, self.end.saturating_sub(*position))?;
        }
        Ok(())
    }
}

/// Whether an item at this position and offset lies after all that are there.
fn is_behind(runs: &Runs, position: u64, offset: u64) -> bool {
    runs.as_slice().last().is_none_or(|(begin, first)| {
        position > *begin && first.checked_add(position - begin).is_some_and(|least| offset >= least)
    })
}

/// What became of a log from one version to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) number: u64,
    pub(super) start: u64,
    pub(super) from: u64,
    pub(super) count: u64,
    /// 0 if there are no items.
    pub(super) offset: u64,
}

impl Move {
    pub(super) fn of(number: u64, moved: &Moved) -> Self {
        let count = moved.items.len() as u64;
        let offset = if count > 0 { moved.offset } else { 0 };
        Self { number, start: moved.start, from: moved.from, count, offset }
    }

    fn put(&self, out: &mut Vec<u8>) {
        put(out, [self.number, self.start, self.from, self.count]);
        if self.count > 0 {
            put_varint(out, self.offset);
        }
    }

    fn take(rest: &mut &[u8]) -> Result<Self, Malformed> {
        let [number, start, from, count] = take(rest)?;
        let offset = if count > 0 { take_varint(rest)? } else { 0 };
        Ok(Self { number, start, from, count, offset })
    }

    /// Makes the log's view what it is afterwards; a log that is not there begins.
    pub(super) fn apply(&self, views: &mut Vec<View>) -> Result<(), Malformed> {
        let Some(view) = views.iter_mut().find(|view| view.number == self.number) else {
            let (start, runs) = (self.start, Runs::default());
            let mut view = View { number: self.number, start, end: start, runs };
            self.advance(&mut view)?;
            views.push(view);
            return Ok(());
        };
        self.advance(view)
    }

    fn advance(&self, view: &mut View) -> Result<(), Malformed> {
        // Beyond the end there can only be items if all before them were dropped.
        if self.start < view.start || self.from < self.start || self.from > view.end.max(self.start) {
            return Err(Malformed::Patch);
        }
        if self.start > view.end {
            // Items that came and went in one change have no offset, so these need not be so far behind.
            view.runs.clear();
        }
        view.runs.replace(self.from, None);
        if self.count > 0 {
            if !is_behind(&view.runs, self.from, self.offset) {
                return Err(Malformed::Patch);
            }
            view.runs.push(self.from, self.offset);
        }
        (view.start, view.end) = (self.start, add(self.from, self.count)?);
        view.runs.drop_before(self.start);
        if view.start == view.end {
            view.runs.clear();
        }
        view.check()
    }
}

fn put<const N: usize>(out: &mut Vec<u8>, numbers: [u64; N]) {
    numbers.into_iter().for_each(|number| put_varint(out, number));
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u64; N], Malformed> {
    let mut numbers = [0; N];
    for number in &mut numbers {
        *number = take_varint(rest)?;
    }
    Ok(numbers)
}

fn add(one: u64, other: u64) -> Result<u64, Malformed> {
    one.checked_add(other).ok_or(Malformed::Number)
}
