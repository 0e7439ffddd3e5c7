//! Which items of an old array are still in the new one, and which became which.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;
use xxhash_rust::xxh3::xxh3_64;

use super::skip;
use crate::session::format::Malformed;

/// What happened to the next items of the old array.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::session) enum Step<'a> {
    /// So many are as they were.
    Keep(usize),
    /// So many are gone.
    Drop(usize),
    /// These bytes came in, so many items.
    Add(&'a [u8], usize),
    /// One was changed, or only differs in the order of a map's pairs.
    Edit(&'a [u8], &'a [u8]),
}

/// Items of an array, by where they lie.
struct Items<'a> {
    bytes: &'a [u8],
    /// Where each begins, and where the last ends.
    bounds: Vec<usize>,
}

impl<'a> Items<'a> {
    fn read(bytes: &'a [u8], mut at: usize) -> Result<Self, Malformed> {
        let mut bounds = vec![at];
        while at < bytes.len() {
            at = skip(bytes, at)?;
            bounds.push(at);
        }
        Ok(Self { bytes, bounds })
    }

    fn len(&self) -> usize {
        self.bounds.len() - 1
    }

    fn get(&self, i: usize) -> &'a [u8] {
        self.slice(i..i + 1)
    }

    fn slice(&self, range: Range<usize>) -> &'a [u8] {
        &self.bytes[self.bounds[range.start]..self.bounds[range.end]]
    }
}

/// Shows the steps from the items in `old` to those in `new`, in order.
pub(in crate::session) fn align<'a>(
    old: &'a [u8],
    new: &'a [u8],
    show: &mut impl FnMut(Step<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    // Equal bytes are equal items, so that one walk finds the bounds of both.
    let (mut at, mut same) = (0, 0);
    while at < new.len() {
        let end = skip(new, at)?;
        if old.get(at..end) != Some(&new[at..end]) {
            break;
        }
        (at, same) = (end, same + 1);
    }
    if same > 0 {
        show(Step::Keep(same))?;
    }
    let (old, new) = (Items::read(old, at)?, Items::read(new, at)?);
    let most = old.len().min(new.len());
    let tail = (1..=most).take_while(|i| old.get(old.len() - i) == new.get(new.len() - i)).count();
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let (mut old_at, mut new_at) = (0, 0);
    for (old_anchor, new_anchor) in anchors(&old, old_end, &new, new_end) {
        gap(&old, old_at..old_anchor, &new, new_at..new_anchor, show)?;
        show(Step::Keep(1))?;
        (old_at, new_at) = (old_anchor + 1, new_anchor + 1);
    }
    gap(&old, old_at..old_end, &new, new_at..new_end, show)
}

/// Between two kept items: as far as there are both, an old one became a new one.
fn gap<'a>(
    old: &Items<'a>,
    old_range: Range<usize>,
    new: &Items<'a>,
    new_range: Range<usize>,
    show: &mut impl FnMut(Step<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let both = old_range.len().min(new_range.len());
    for i in 0..both {
        show(Step::Edit(old.get(old_range.start + i), new.get(new_range.start + i)))?;
    }
    if old_range.len() > both {
        show(Step::Drop(old_range.len() - both))?;
    }
    if new_range.len() > both {
        let added = new_range.start + both..new_range.end;
        show(Step::Add(new.slice(added.clone()), added.len()))?;
    }
    Ok(())
}

/// Pairs of equal items, rising on both sides, as many as can be: the n-th occurrence in one is paired with the
/// n-th in the other, and the longest rising run of the pairs is taken. Hashes nominate, bytes decide.
fn anchors(old: &Items<'_>, old_end: usize, new: &Items<'_>, new_end: usize) -> Vec<(usize, usize)> {
    if old_end <= 1 && new_end <= 1 || old_end == 0 || new_end == 0 {
        return Vec::new();
    }
    let mut places: HashMap<u64, Vec<usize>, RandomState> = HashMap::default();
    for i in (0..old_end).rev() {
        places.entry(xxh3_64(old.get(i))).or_default().push(i);
    }
    let mut pairs = Vec::new();
    for j in 0..new_end {
        let place = places.get_mut(&xxh3_64(new.get(j))).and_then(Vec::pop);
        if let Some(i) = place.filter(|i| old.get(*i) == new.get(j)) {
            pairs.push((i, j));
        }
    }
    longest_rising(&pairs)
}

/// The longest run whose first numbers rise; the second ones do already.
fn longest_rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // For each length: where the run of that length with the lowest end ends.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (i, pair) in pairs.iter().enumerate() {
        let len = ends.partition_point(|end| pairs[*end].0 < pair.0);
        before.push(len.checked_sub(1).map(|shorter| ends[shorter]));
        if len == ends.len() {
            ends.push(i);
        } else {
            ends[len] = i;
        }
    }
    let mut run = Vec::with_capacity(ends.len());
    let mut next = ends.last().copied();
    while let Some(i) = next {
        run.push(pairs[i]);
        next = before[i];
    }
    run.reverse();
    run
}
