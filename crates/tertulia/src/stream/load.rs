//! Brings a stored stream into memory, and what others wrote to it since.

use std::ops::Range;
use std::sync::Arc;

use super::block::Block;
use super::branches::Branches;
use super::format::{decode_meta, decode_record};
use super::live::{Live, Place};
use super::room::make_room;
use super::state::{Kept, State};
use super::streams::{Inner, Streams};
use crate::error::Kind;
use crate::storage::{Base, From, LogHead, LogPage, Offset, Page, Read, Storage};
use crate::{Error, Result};

/// The most bytes of records that are read at once.
const PAGE: usize = 1 << 20;

impl Streams {
    /// Sees to it that it is known whether the stream is there. One reads, the others wait for it.
    pub(super) async fn load(&self, live: &Arc<Live>) -> Result<()> {
        let inner = &*self.0;
        let is_unknown = |live: &Live| {
            let mut cell = live.cell();
            cell.here(|| inner.clock.now());
            matches!(cell.place, Place::Unknown | Place::Absent)
        };
        if inner.storage.is_none() {
            return Ok(());
        }
        if !is_unknown(live) {
            return Ok(());
        }
        let _loading = live.loading.lock().await;
        if !is_unknown(live) {
            return Ok(());
        }
        let place = inner.look_up(live).await?;
        let mut cell = live.cell();
        if matches!(cell.place, Place::Unknown | Place::Absent) {
            cell.place = place;
            inner.room.used(live);
        }
        Ok(())
    }

    /// Sees to it that what others wrote to the stored stream is known.
    pub(super) async fn refresh(&self, live: &Arc<Live>) -> Result<()> {
        let Some(storage) = &self.0.storage else { return Ok(()) };
        loop {
            self.load(live).await?;
            let Some(known) = known(live) else { return Ok(()) };
            let read = Read::new(live.key.clone())
                .from(From::At(known.incarnation, known.end))
                .limit(usize::MAX, PAGE)
                .base(Base::Unless(known.incarnation, known.base_version));
            let page = match read_log(storage, read).await {
                Ok(page) => page,
                // It was made anew, or trimmed beyond what is known.
                Err(error) if matches!(error.kind(), Kind::Gone | Kind::Invalid) => None,
                Err(error) => return Err(error),
            };
            let mut cell = live.cell();
            let still = cell
                .state()
                .and_then(|state| state.kept.as_ref())
                .is_some_and(|kept| kept.is_quiet() && kept.head.map(|head| head.etag) == Some(known.etag));
            // Whoever writes here finds out what others wrote.
            if !still {
                return Ok(());
            }
            let caught_up = match (page, cell.state()) {
                (Some(page), Some(state)) if page.head.etag == known.etag => {
                    // A deadline on its way is newer than the stored one.
                    if state.kept.as_ref().is_some_and(Kept::is_settled) {
                        state.deadline = page.head.expires_in.map(|left| self.0.clock.now().after(left));
                    }
                    return Ok(());
                }
                (Some(page), Some(state)) => match catch_up(state, &page) {
                    Ok(all) => {
                        state.count(self.0.options.stream_memory);
                        all
                    }
                    Err(error) if error.kind() == Kind::Corrupt => {
                        return Err(error.context(&live.key));
                    }
                    Err(_) => None,
                },
                _ => None,
            };
            if caught_up.is_none() {
                // Nobody needs a deadline that was only on its way: whoever reads moves it.
                if let Some(kept) = cell.state().and_then(|state| state.kept.as_ref()) {
                    kept.progress.settle(kept.accepted);
                }
                cell.drop_state(Place::Unknown);
            }
            drop(cell);
            live.wake();
            make_room(&self.0);
            if caught_up == Some(true) {
                return Ok(());
            }
        }
    }

    /// The stored entries from `offset` on, in the pieces they were stored in, the first of which may begin before it.
    /// At most as many as have `bytes` bytes, but at least one piece if there is any before `until`.
    pub(super) async fn stored(
        &self,
        live: &Live,
        head: LogHead,
        branches: &Branches,
        Range { start: offset, end: until }: Range<u64>,
        bytes: usize,
    ) -> Result<Vec<Block>> {
        let Some(storage) = &self.0.storage else { return Ok(Vec::new()) };
        let mut blocks: Vec<Block> = Vec::new();
        let (mut next, mut left) = (offset, bytes);
        while next < until && (left > 0 || blocks.is_empty()) {
            let (log, log_end) = branches.stored_at(next);
            let (log, log_end) = (log.max(head.start.0), log_end.unwrap_or(head.end.0).min(head.end.0));
            let mut at = find_record(storage, live, head, next, log, log_end).await?;
            let before = next;
            while at < log_end && next < until && (left > 0 || blocks.is_empty()) {
                let most = usize::try_from(log_end - at).unwrap_or(usize::MAX);
                let read = Read::new(live.key.clone())
                    .from(From::At(head.incarnation, Offset(at)))
                    .limit(most, left.clamp(1, PAGE))
                    .base(Base::Never);
                let Some(page) = read_log(storage, read).await? else { return Ok(blocks) };
                for record in &page.entries {
                    let block = decode_record(record).map_err(|error| error.context(&live.key))?.block;
                    at += 1;
                    // What another branch said again is not in this one's records, and the other way round.
                    if block.next() <= next || block.first > next || next >= until {
                        continue;
                    }
                    left = left.saturating_sub(block.bytes.len());
                    next = block.next();
                    blocks.push(block);
                }
                if page.entries.is_empty() {
                    break;
                }
                // The next branch says what comes then.
                if branches.stored_at(next).0.max(head.start.0) != log {
                    break;
                }
            }
            if next == before {
                return Err(Error::corrupt(format!("{}: entry {next} is not stored", live.key)));
            }
        }
        Ok(blocks)
    }
}

/// The stored log's head as it is known, unless this process is about to change it.
fn known(live: &Live) -> Option<LogHead> {
    let mut cell = live.cell();
    let kept = cell.state()?.kept.as_ref()?;
    kept.head.filter(|_| kept.is_quiet())
}

async fn read_log(storage: &Arc<dyn Storage>, read: Read) -> Result<Option<LogPage>> {
    let mut pages = storage.read(std::slice::from_ref(&read)).await?;
    let page = pages.pop().ok_or_else(|| Error::internal("a read gave no page"))??;
    Ok(page.and_then(Page::into_log))
}

/// The place in the log of the record that holds entry `offset`, between `low` and `high`, where records follow one
/// another.
async fn find_record(
    storage: &Arc<dyn Storage>,
    live: &Live,
    head: LogHead,
    offset: u64,
    mut low: u64,
    mut high: u64,
) -> Result<u64> {
    while high.saturating_sub(low) > 1 {
        let middle = low + (high - low) / 2;
        let read = Read::new(live.key.clone())
            .from(From::At(head.incarnation, Offset(middle)))
            .limit(1, 1)
            .base(Base::Never);
        let Some(page) = read_log(storage, read).await? else { break };
        let Some(record) = page.entries.first() else { break };
        let first = decode_record(record).map_err(|error| error.context(&live.key))?.block.first;
        if first <= offset { low = middle } else { high = middle }
    }
    Ok(low)
}

/// Takes in what others wrote. Whether that was all; `None` if it does not fit what is known.
fn catch_up(state: &mut State, page: &LogPage) -> Result<Option<bool>> {
    if let Some(base) = &page.base {
        let meta = decode_meta(base)?;
        if meta.id != state.meta.id {
            return Ok(None);
        }
        if meta.branches.current() != state.meta.branches.current() {
            // What others said anew is not what is in memory.
            return Ok(None);
        }
        state.meta = meta;
    }
    for record in &page.entries {
        let record = decode_record(record)?;
        if record.block.first != state.end() {
            return Ok(None);
        }
        state.last_at = record.at;
        state.window.push_block(record.block);
    }
    let all = page.next() == page.head.end;
    state.shown = state.end();
    let Some(kept) = &mut state.kept else { return Ok(None) };
    kept.unsaved = state.window.end();
    kept.own = false;
    if all {
        state.ended = state.meta.closed;
        kept.head = Some(page.head);
    } else if let Some(head) = &mut kept.head {
        // With the old etag, so that nothing is appended before the rest is known.
        (head.end, head.base_version) = (page.next(), page.head.base_version);
    }
    Ok(Some(all))
}

impl Inner {
    /// What is stored.
    pub(super) async fn look_up(&self, live: &Live) -> Result<Place> {
        let Some(storage) = &self.storage else { return Ok(Place::Unknown) };
        let read = Read::new(live.key.clone()).from(From::Last(1)).limit(1, PAGE);
        Ok(match read_log(storage, read).await? {
            None => Place::Absent,
            Some(page) => Place::Here(Box::new(self.loaded(live, &page)?)),
        })
    }

    /// A stream of its base and its last record.
    fn loaded(&self, live: &Live, page: &LogPage) -> Result<State> {
        let context = |error: Error| error.context(&live.key);
        let base =
            page.base.as_ref().ok_or_else(|| Error::corrupt("a stream without a base")).map_err(context)?;
        let meta = decode_meta(base).map_err(context)?;
        let current = meta.branches.current();
        let last = page.entries.last().map(decode_record).transpose().map_err(context)?;
        // Records of earlier branches are superseded from where this one begins.
        let last = last.filter(|_| page.head.end.0 > current.log);
        let now = self.clock.now();
        let deadline = page.head.expires_in.map(|left| now.after(left));
        let first = last.as_ref().map_or(current.from, |last| last.block.first);
        let kept = Kept::new(Some(page.head), first);
        let mut state = State::new(meta, first, now, Some(kept), &self.room);
        if let Some(last) = last {
            state.last_at = last.at;
            state.window.push_block(last.block);
        }
        state.shown = state.end();
        if let Some(kept) = &mut state.kept {
            kept.unsaved = state.window.end();
        }
        state.deadline = deadline;
        state.count(self.options.stream_memory);
        Ok(state)
    }
}
