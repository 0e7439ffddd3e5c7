//! The difference of one version of a state to the next.

use std::sync::Arc;

use super::version::{Move, Version, begin_change};
use super::{Track, view};
use crate::session::format::put_varint;
use crate::session::log::{self, Encoded, Moved, Place};
use crate::session::msgpack::diff::diff_to;
use crate::session::msgpack::encoding;
use crate::session::msgpack::patch::SET;
use crate::session::read::log_numbers;
use crate::session::store::State;
use crate::session::write::{check_logs, check_readable, check_same, not_storable, too_long};
use crate::storage::{Head, LogWrite, Pending};
use crate::{Error, Result};

/// A version that is not accepted yet.
#[derive(Debug)]
pub(crate) struct Change {
    /// The state afterwards.
    pub(super) state: Vec<u8>,
    /// What is stored of the change; empty if it was not asked for.
    pub(super) record: Vec<u8>,
    /// Where the patch begins in it, which goes to its end; `None` if the state is the same.
    pub(super) patch: Option<usize>,
    pub(super) next_log: u64,
    /// The logs that it has, and what became of each.
    pub(super) logs: Vec<(Arc<Place>, Option<Moved>)>,
}

impl Track {
    /// What there is of a first value.
    pub(super) fn first<S: State>(&mut self, value: &S) -> Result<Change> {
        let mut state = Vec::new();
        let logs = self.encode(value, &mut state)?;
        log_numbers(&state).map_err(not_storable)?;
        if self.home.is_plain() {
            let value: S = encoding::decode(&state)
                .map_err(|e| Error::invalid(format!("cannot be read back: {e}")).with_source(e))?;
            let mut again = Vec::with_capacity(state.len());
            encode_plain(&value, &mut again)?;
            check_same(&state, &again)?;
        } else {
            check_readable::<S>(&logs, &state)?;
        }
        let mut change = self.change(state, logs)?;
        change.record_with(|change, record| {
            record.push(SET);
            record.extend_from_slice(&change.state);
            Ok(true)
        })?;
        Ok(change)
    }

    /// What there is of the next value, if it is another one; with `record`, what is to be stored of it.
    pub(super) fn next<S: State>(&mut self, value: &S, record: bool) -> Result<Option<Change>> {
        let mut state = std::mem::take(&mut self.spare);
        state.clear();
        let logs = self.encode(value, &mut state)?;
        let (is_same, moves) = (state == self.state, logs.met.iter().any(|(_, new)| new.is_some()));
        if is_same && !moves {
            self.spare = state;
            return Ok(None);
        }
        let mut change = self.change(state, logs)?;
        if !record {
            change.patch = (!is_same).then_some(0);
            return Ok(Some(change));
        }
        change.record = std::mem::take(&mut self.spare_record);
        change.record_with(|change, record| {
            Ok(!is_same && diff_to(&self.state, &change.state, record).map_err(not_storable)?)
        })?;
        if change.patch.is_none() && !moves {
            (self.spare, self.spare_record) = (change.state, change.record);
            return Ok(None);
        }
        Ok(Some(change))
    }

    fn encode<S: State>(&self, value: &S, state: &mut Vec<u8>) -> Result<Encoded> {
        if self.home.is_plain() {
            encode_plain(value, state)?;
            let mut none = Encoded::default();
            none.next = self.next_log;
            return Ok(none);
        }
        let live = self.logs.iter().map(|tail| tail.place.clone()).collect();
        let logs = log::encode(value, live, self.next_log, state)?;
        if !logs.met.is_empty() {
            check_logs(&logs, state)?;
        }
        Ok(logs)
    }

    fn change(&self, state: Vec<u8>, logs: Encoded) -> Result<Change> {
        let most = self.home.max_bytes();
        if state.len() > most {
            return Err(too_long(state.len(), most));
        }
        let mut moved = Vec::with_capacity(logs.met.len());
        for (place, new) in logs.met {
            let home = || self.home.of_log(place.number).expect("only what is stored has logs");
            let home = place.settle_at(home);
            let new = new.map(|new| place.moved(home, new)).transpose()?;
            moved.push((place, new));
        }
        Ok(Change { state, record: Vec::new(), patch: None, next_log: logs.next, logs: moved })
    }
}

fn encode_plain<S: State>(value: &S, out: &mut Vec<u8>) -> Result<()> {
    encoding::encode(value, out).map_err(|e| Error::invalid(format!("cannot be encoded: {e}")).with_source(e))
}

impl Change {
    /// The change to be stored, after the version that it is a change of.
    pub(crate) fn record(&self) -> &[u8] {
        &self.record
    }

    /// Writes the record, in the room that it has. `put` writes the patch, or nothing and tells `false`.
    fn record_with(&mut self, put: impl FnOnce(&Self, &mut Vec<u8>) -> Result<bool>) -> Result<()> {
        let mut record = std::mem::take(&mut self.record);
        record.clear();
        let moves: Vec<Move> = self.moves().map(|(place, moved)| Move::of(place.number, moved)).collect();
        begin_change(&mut record, self.next_log, &moves);
        let end = record.len();
        put_varint(&mut record, self.state.len() as u64);
        let patch = record.len();
        if put(self, &mut record)? {
            self.patch = Some(patch);
        } else {
            record.truncate(end);
            put_varint(&mut record, 0);
        }
        self.record = record;
        Ok(())
    }

    /// The version that it leads to, to be stored whole: a first one, or a snapshot. `track` is the one that gave the change
    /// and has not accepted it.
    pub(crate) fn whole(&self, track: &Track) -> Vec<u8> {
        let mut views = Vec::with_capacity(self.logs.len());
        for (place, moved) in &self.logs {
            views.extend(
                track.logs.iter().find(|tail| tail.place.number == place.number).map(|tail| view(tail)),
            );
            if let Some(moved) = moved {
                let fits = Move::of(place.number, moved).apply(&mut views);
                debug_assert_eq!(fits, Ok(()));
            }
        }
        let state = if self.patch.is_some() { &self.state } else { &track.state };
        Version::encode(self.next_log, &views, state)
    }

    /// The version that it leads to, as [`Track::bytes`]. `track` is the one that gave the change and has not accepted it.
    pub(crate) fn bytes<'a>(&'a self, track: &'a Track) -> &'a [u8] {
        if self.patch.is_some() { &self.state } else { &track.state }
    }

    /// What makes its bytes of those of the version before; empty if they are the same. [`patched`](super::patched) does it.
    pub(crate) fn patch(&self) -> &[u8] {
        self.patch.map_or(&[], |from| &self.record[from..])
    }

    /// What is to be written of the logs inside, with what it expects, in the batch that stores the change.
    pub(crate) fn writes(&self) -> Vec<LogWrite> {
        self.moves().filter_map(|(_, moved)| moved.write.clone()).collect()
    }

    /// The writes were committed and gave these heads, in their order. To be said before it is accepted.
    pub(crate) fn committed(&mut self, heads: &[Option<Head>]) {
        let written = self.logs.iter_mut().filter_map(|(_, moved)| moved.as_mut());
        for (moved, head) in written.filter(|moved| moved.write.is_some()).zip(heads) {
            moved.head = head.and_then(|head| head.log()).or(moved.head);
            moved.pending = None;
        }
    }

    /// The writes are queued, and this tells what becomes of them: who reads older items of the logs waits for it. To be
    /// said before it is accepted.
    pub(crate) fn queued(&mut self, pending: &Pending) {
        let written = self.logs.iter_mut().filter_map(|(_, moved)| moved.as_mut());
        written.for_each(|moved| moved.pending = Some(pending.clone()));
    }

    fn moves(&self) -> impl Iterator<Item = (&Arc<Place>, &Moved)> {
        self.logs.iter().filter_map(|(place, moved)| Some((place, moved.as_ref()?)))
    }
}
