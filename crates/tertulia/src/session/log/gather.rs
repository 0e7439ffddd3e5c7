//! Reading items of a log whose places are all known: a version's last ones, and older ones.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::place::{Home, Place};
use super::records::{MORE, PAGE_BYTES, Tail, head, range, read_range};
use super::runs::Runs;
use crate::Result;
use crate::session::format::{Malformed, Record};
use crate::storage::{CommitId, LogPage, Page};

/// The most pieces of a log that are asked for at once.
const MOST_READS: usize = 128;

impl Tail {
    /// The last `count` items of a version, whose items lie where `runs` say; `page` is what
    /// [`read_tail`](super::read_tail) gave.
    pub(in crate::session) async fn of_version(
        (number, home): (u64, Home),
        positions: Range<u64>,
        runs: Runs,
        page: LogPage,
        count: usize,
    ) -> Result<Self> {
        let head = page.head;
        let start = positions.start;
        let first = positions.end.saturating_sub(count as u64).max(start);
        let wanted = first..positions.end;
        if let Some(last) = wanted.clone().next_back()
            && runs.offset_of(last).is_none_or(|offset| offset >= head.end.0)
        {
            return Err(Malformed::Gap.into());
        }
        let known = vec![(page.first.0, page.entries)];
        let items = read_items(&home, head.incarnation, &runs, wanted, known).await?;
        let place = Place::mapped(number, home, head, start, runs);
        let tail = Self { place, start, first, items };
        tail.place.prepend(&tail);
        Ok(tail)
    }
}

/// Up to `count` items before position `first`.
pub(super) async fn read_before(
    place: &Arc<Place>,
    home: &Home,
    first: u64,
    start: u64,
    count: usize,
) -> Result<Tail> {
    let (known, runs) = {
        let stored = place.stored.lock();
        (stored.head, stored.runs.clone())
    };
    let at = first.saturating_sub(count as u64).max(start);
    let read = async {
        let incarnation = match known {
            Some(head) => head.incarnation,
            None => head(home).await?.ok_or(Malformed::Gap)?.incarnation,
        };
        read_items(home, incarnation, &runs, at..first, Vec::new()).await
    };
    let items = read.await.map_err(|error| error.context(home.key()))?;
    Ok(Tail { place: place.clone(), start, first: at, items })
}

/// Entries one after another, from an offset on.
type Piece = (u64, Vec<Bytes>);

/// The items at these positions with their offsets; `pieces` of the log are known.
async fn read_items(
    home: &Home,
    incarnation: CommitId,
    runs: &Runs,
    positions: Range<u64>,
    mut pieces: Vec<Piece>,
) -> Result<Vec<(u64, Bytes)>> {
    let missing = spans(runs, positions.clone(), &pieces)?;
    for spans in missing.chunks(MOST_READS) {
        let limit = PAGE_BYTES / spans.len();
        let reads: Vec<_> = spans.iter().map(|span| range(home, incarnation, span.clone(), limit)).collect();
        for (span, page) in spans.iter().zip(home.storage().read(&reads).await?) {
            let page = page?.and_then(Page::into_log).ok_or(Malformed::Gap)?;
            let mut entries = page.entries;
            let rest = span.start + entries.len() as u64;
            entries.extend(read_range(home, incarnation, rest, span.end).await?);
            pieces.push((span.start, entries));
        }
    }
    pieces.sort_unstable_by_key(|(first, _)| *first);
    let mut items = Vec::new();
    for position in positions {
        let offset = runs.offset_of(position).ok_or(Malformed::Gap)?;
        let entry = find(&pieces, offset).ok_or(Malformed::Gap)?;
        let opened = home.open(offset, entry)?;
        let record = Record::decode(&opened)?;
        if record.from != position || record.item.is_empty() {
            return Err(Malformed::Gap.into());
        }
        items.push((offset, home.migrate(&opened, record.schema, record.item)?));
    }
    Ok(items)
}

/// The offsets that are to be read for these positions; what lies between near ones is read too.
fn spans(runs: &Runs, positions: Range<u64>, known: &[Piece]) -> Result<Vec<Range<u64>>> {
    let mut spans: Vec<Range<u64>> = Vec::new();
    let mut is_near = false;
    for position in positions {
        let offset = runs.offset_of(position).ok_or(Malformed::Gap)?;
        if find(known, offset).is_some() {
            is_near = false;
            continue;
        }
        match spans.last_mut() {
            Some(last) if is_near && offset >= last.end && offset - last.end <= MORE => last.end = offset + 1,
            _ => spans.push(offset..offset + 1),
        }
        is_near = true;
    }
    Ok(spans)
}

/// The entry at an offset.
fn find(pieces: &[Piece], offset: u64) -> Option<&Bytes> {
    let piece = pieces.partition_point(|(first, _)| *first <= offset).checked_sub(1)?;
    let (first, entries) = &pieces[piece];
    entries.get(usize::try_from(offset - first).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_items_are_read_at_once_but_for_those_that_are_known() {
        let mut runs = Runs::default();
        for (position, offset) in [(0, 0), (1, 65), (2, 131), (3, 140), (4, 141), (5, 150)] {
            runs.push(position, offset);
        }
        assert_eq!(spans(&runs, 0..6, &[]).unwrap(), [0..66, 131..151]);
        let known = [(140, vec![Bytes::new(); 5])];
        assert_eq!(spans(&runs, 0..6, &known).unwrap(), [0..66, 131..132, 150..151]);
        assert!(spans(&Runs::default(), 0..1, &[]).is_err());
    }
}
