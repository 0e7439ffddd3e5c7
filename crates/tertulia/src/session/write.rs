//! What to write of a session that was touched.

use std::sync::Arc;

use super::backing::Backing;
use super::entry::Entry;
use super::format::{Base, Malformed, Patch};
use super::log::{self, Encoded, Tail};
use super::msgpack::diff::diff;
use super::msgpack::unordered;
use super::read::log_numbers;
use super::store::State;
use crate::{Error, Result};

/// A state up to this many bytes is written whole, so that it stays one small row.
const SMALL: usize = 1_024;

/// Patches are joined into the base when they have more bytes than it has, but not before this many.
const FEW_BYTES: u64 = 4_096;

/// The most logs in a session: each takes part in every batch that writes it, twice if it is replaced by another.
const MAX_LOGS: usize = 120;

/// What codecs may add to a patch before it is too long to be an entry.
const SEAL_BYTES: usize = 256;

/// What to do with the session's own log.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Its state is as it is stored.
    None,
    /// A new base.
    Whole(Vec<u8>),
    /// One entry more.
    Patch(Vec<u8>),
}

/// Encodes a session into `encoded` and compares it with what is stored. The logs of the entry are handed over to
/// what is returned.
pub(super) fn compare<S: State>(
    entry: &mut Entry<S>,
    encoded: &mut Vec<u8>,
    backing: &Backing,
    max_bytes: usize,
) -> Result<(Change, Encoded)> {
    let mut live = std::mem::take(&mut entry.logs);
    // None of the logs is known any more, so that each of them is a copy, which becomes a new one.
    let vanish = if entry.is_renewed { std::mem::take(&mut live) } else { Vec::new() };
    let mut logs = log::encode(&entry.value, live, entry.next_log, encoded)?;
    logs.live.extend(vanish);
    if !logs.met.is_empty() {
        check_logs(&logs, encoded)?;
    }
    let schema = backing.migrations.version();
    let change = if entry.is_stale || entry.is_renewed {
        whole(schema, &logs, encoded)?
    } else if entry.head.is_some() {
        change(entry, schema, &logs, encoded)?
    } else if is_initial::<S>(entry.next_log, &logs, encoded)? {
        return Ok((Change::None, Encoded::default()));
    } else {
        check_readable::<S>(&logs, encoded)?;
        whole(schema, &logs, encoded)?
    };
    if let Change::Whole(base) = &change
        && base.len() > backing.limits.base_bytes
    {
        return Err(too_long(base.len(), backing.limits.base_bytes));
    }
    let max_bytes = max_bytes.min(backing.limits.base_bytes);
    if change != Change::None && encoded.len() > max_bytes {
        return Err(too_long(encoded.len(), max_bytes));
    }
    match change {
        Change::Patch(patch) if patch.len().saturating_add(SEAL_BYTES) > backing.limits.entry_bytes => {
            Ok((whole(schema, &logs, encoded)?, logs))
        }
        change => Ok((change, logs)),
    }
}

fn change<S>(entry: &Entry<S>, schema: u32, logs: &Encoded, encoded: &[u8]) -> Result<Change> {
    if encoded == entry.shadow {
        return Ok(Change::None);
    }
    let small = encoded.len() <= SMALL;
    if small && encoded.len() != entry.shadow.len() {
        return whole(schema, logs, encoded);
    }
    let Some(changes) = diff(&entry.shadow, encoded).map_err(not_storable)? else { return Ok(Change::None) };
    if small {
        return whole(schema, logs, encoded);
    }
    let patch = Patch { next_log: logs.next, state_len: encoded.len() as u64, changes: &changes }.encode();
    let (base_len, entry_bytes) = entry.head.map_or((0, 0), |head| (head.base_len, head.entry_bytes));
    let is_worth = patch.len() < encoded.len() && entry_bytes + patch.len() as u64 <= base_len.max(FEW_BYTES);
    if is_worth { Ok(Change::Patch(patch)) } else { whole(schema, logs, encoded) }
}

fn whole(schema: u32, logs: &Encoded, encoded: &[u8]) -> Result<Change> {
    log_numbers(encoded).map_err(not_storable)?;
    Ok(Change::Whole(Base { schema, next_log: logs.next, state: encoded }.encode()))
}

/// Every log that was encoded must be found in what was encoded, once: a custom `Serialize` may have dropped one.
pub(super) fn check_logs(logs: &Encoded, encoded: &[u8]) -> Result<()> {
    if logs.met.len() > MAX_LOGS {
        let count = logs.met.len();
        return Err(Error::invalid(format!("it holds {count} logs, at most {MAX_LOGS} are allowed")));
    }
    let mut met: Vec<u64> = logs.met.iter().map(|(place, _)| place.number).collect();
    met.sort_unstable();
    if log_numbers(encoded).map_err(not_storable)? == met {
        return Ok(());
    }
    Err(Error::invalid("a Log inside it was serialized and is not in the result, its items would be lost"))
}

/// Whether the value is the type's default, which is not written.
fn is_initial<S: State>(next: u64, logs: &Encoded, encoded: &[u8]) -> Result<bool> {
    let mut initial = Vec::with_capacity(encoded.len());
    let initial_logs = log::encode(&S::default(), Vec::new(), next, &mut initial)?;
    let new = |logs: &Encoded| logs.met.len();
    let same_logs = new(&initial_logs) == new(logs)
        && initial_logs.met.iter().zip(&logs.met).all(|(initial, met)| initial.1 == met.1);
    Ok(same_logs && diff(&initial, encoded).map_err(not_storable)?.is_none())
}

/// A value that cannot come back is refused before anything of it is stored.
pub(super) fn check_readable<S: State>(logs: &Encoded, encoded: &[u8]) -> Result<()> {
    let tails = logs.met.iter().filter_map(|(place, new)| Some((place, new.as_ref()?)));
    let tails: Vec<Arc<Tail>> = tails.map(|(place, new)| Arc::new(Tail::of_new(new, place.number))).collect();
    let live = tails.iter().map(|tail| tail.place.clone()).collect();
    let value: S = log::decode(encoded, tails)
        .map_err(|e| Error::invalid(format!("cannot be read back: {e}")).with_source(e))?;
    let mut again = Vec::with_capacity(encoded.len());
    let logs = log::encode(&value, live, logs.next, &mut again)?;
    if logs.met.iter().any(|(_, new)| new.is_some()) {
        return Err(another_value());
    }
    check_same(encoded, &again)
}

/// Whether a value that was encoded and read back was encoded again as the same.
pub(super) fn check_same(encoded: &[u8], again: &[u8]) -> Result<()> {
    let is_same = || Ok(diff(encoded, again)?.is_none() || unordered::same(encoded, again)?);
    if is_same().map_err(not_storable)? { Ok(()) } else { Err(another_value()) }
}

fn another_value() -> Error {
    Error::invalid("cannot be read back: what comes back is another value")
}

pub(super) fn too_long(len: usize, most: usize) -> Error {
    Error::invalid(format!("it has {len} bytes, at most {most} are allowed"))
}

/// Where the value that is at hand is to blame, and not what is stored.
pub(super) fn not_storable(malformed: Malformed) -> Error {
    Error::invalid(format!("cannot be stored: {malformed}")).with_source(malformed)
}
