//! What changed between two encoded values, as a patch. The order of a map's pairs is no change.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::align::{Step, align};
use super::patch::{ADD, ARRAY, DROP, EDIT, END, KEEP, MAP, REMOVE, SET, SPLICE};
use super::{Header, Kind, MAX_DEPTH, header, skip, take_value, walk};
use crate::session::format::{Malformed, put_varint};

/// Up to so many keys are compared with each other; more are hashed.
const FEW_KEYS: usize = 16;

/// A patch that makes `new` of `old`, both one whole value each; `None` if they are the same.
///
/// `Depth` if something new is nested too deeply; `MessagePack` if either is none, such as a map with more or fewer pairs than it
/// tells.
pub(in crate::session) fn diff(old: &[u8], new: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
    // Most patches are small, and need no more than this.
    let mut out = Vec::with_capacity(48);
    Ok(diff_to(old, new, &mut out)?.then_some(out))
}

/// The same at the end of `out`; tells whether there is one.
///
/// As [`diff`].
pub(in crate::session) fn diff_to(old: &[u8], new: &[u8], out: &mut Vec<u8>) -> Result<bool, Malformed> {
    diff_value(old, new, 0, out)
}

/// Appends the change from `old` to `new`; appends nothing and tells `false` if there is none.
fn diff_value(old: &[u8], new: &[u8], depth: usize, out: &mut Vec<u8>) -> Result<bool, Malformed> {
    if old == new {
        return Ok(false);
    }
    if depth > MAX_DEPTH {
        return Err(Malformed::Depth);
    }
    let mark = out.len();
    let (old_header, new_header) = (header(old, 0)?, header(new, 0)?);
    let done = match (old_header.kind, new_header.kind) {
        (Kind::Map, Kind::Map) => diff_map((old, old_header), (new, new_header), depth, out)?,
        (Kind::Array, Kind::Array) => diff_array((old, old_header), (new, new_header), depth, out)?,
        (Kind::Text, Kind::Text) | (Kind::Bytes, Kind::Bytes) => {
            diff_content(&old[old_header.payload..], &new[new_header.payload..], out);
            Some(true)
        }
        _ => None,
    };
    match done {
        Some(false) => {
            out.truncate(mark);
            Ok(false)
        }
        Some(true) if out.len() - mark <= new.len() => Ok(true),
        _ => {
            out.truncate(mark);
            out.push(SET);
            put_value(new, depth, out)?;
            Ok(true)
        }
    }
}

fn put_value(value: &[u8], depth: usize, out: &mut Vec<u8>) -> Result<(), Malformed> {
    if walk(value, 0, depth, &mut |_| ())? != value.len() {
        return Err(Malformed::MessagePack);
    }
    out.extend_from_slice(value);
    Ok(())
}

type Value<'a> = (&'a [u8], Header);

/// `None` if it cannot be told, because a key is there twice.
fn diff_map(
    (old, old_header): Value<'_>,
    (new, new_header): Value<'_>,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<Option<bool>, Malformed> {
    out.push(MAP);
    put_varint(out, new_header.len as u64);
    let mark = out.len();
    let (mut old_rest, mut new_rest) = (&old[old_header.payload..], &new[new_header.payload..]);
    let mut pairs = 0;
    // As long as the keys come in the same order, which they mostly do to the end, nothing is looked up.
    while !old_rest.is_empty() && !new_rest.is_empty() {
        let key_len = skip(new_rest, 0)?;
        let key = &new_rest[..key_len];
        if !old_rest.starts_with(key) {
            break;
        }
        (old_rest, new_rest) = (&old_rest[key_len..], &new_rest[key_len..]);
        let (old_value, new_value) = (take_value(&mut old_rest)?, take_value(&mut new_rest)?);
        diff_pair(key, old_value, new_value, depth, out)?;
        pairs += 1;
    }
    let are_alike = old_rest.is_empty() && new_rest.is_empty();
    if !are_alike {
        let mut left = HashMap::with_hasher(RandomState::default());
        while !old_rest.is_empty() {
            let key = take_value(&mut old_rest)?;
            left.insert(key, take_value(&mut old_rest)?);
        }
        while !new_rest.is_empty() {
            let (key, new_value) = (take_value(&mut new_rest)?, take_value(&mut new_rest)?);
            pairs += 1;
            match left.remove(key) {
                Some(old_value) => diff_pair(key, old_value, new_value, depth, out)?,
                None => {
                    out.extend_from_slice(key);
                    out.push(SET);
                    put_value(new_value, depth + 1, out)?;
                }
            }
        }
        // The same change gives the same bytes each time.
        let mut gone: Vec<&[u8]> = left.into_keys().collect();
        gone.sort_unstable();
        for key in gone {
            out.extend_from_slice(key);
            out.push(REMOVE);
        }
    }
    // A `Serialize` may announce fewer fields than it writes: what is behind those could not be read again.
    if pairs != new_header.len {
        return Err(Malformed::MessagePack);
    }
    if out.len() == mark && old_header.len == new_header.len {
        return Ok(Some(false));
    }
    // Maps with the same keys in the same order have both none twice, or one of both.
    if !has_single_keys((new, new_header))? || !are_alike && !has_single_keys((old, old_header))? {
        return Ok(None);
    }
    out.push(END);
    Ok(Some(true))
}

fn diff_pair(key: &[u8], old: &[u8], new: &[u8], depth: usize, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let mark = out.len();
    out.extend_from_slice(key);
    if !diff_value(old, new, depth + 1, out)? {
        out.truncate(mark);
    }
    Ok(())
}

/// Whether no key is there twice: a patch finds values by their keys.
fn has_single_keys((map, header): Value<'_>) -> Result<bool, Malformed> {
    if header.len < 2 {
        return Ok(true);
    }
    let mut rest = &map[header.payload..];
    let mut keys: Vec<&[u8]> = Vec::with_capacity(header.len.min(rest.len()));
    while !rest.is_empty() {
        keys.push(take_value(&mut rest)?);
        take_value(&mut rest)?;
    }
    if keys.len() <= FEW_KEYS {
        return Ok(keys.iter().enumerate().all(|(i, key)| !keys[..i].contains(key)));
    }
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    Ok(keys.len() == count)
}

fn diff_array(
    (old, old_header): Value<'_>,
    (new, new_header): Value<'_>,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<Option<bool>, Malformed> {
    let mut steps = Steps::new(out, new_header.len);
    align(&old[old_header.payload..], &new[new_header.payload..], &mut |step| {
        match step {
            Step::Keep(count) => steps.keep(count),
            Step::Drop(count) => steps.step(DROP, count),
            Step::Add(items, count) => {
                steps.step(ADD, count);
                let mut at = 0;
                while at < items.len() {
                    at = walk(items, at, depth + 1, &mut |_| ())?;
                }
                steps.out.extend_from_slice(items);
            }
            Step::Edit(old, new) => {
                let mark = steps.mark();
                steps.step(EDIT, 1);
                if !diff_value(old, new, depth + 1, steps.out)? {
                    steps.back_to(mark);
                    steps.keep(1);
                }
            }
        }
        Ok(())
    })?;
    Ok(Some(steps.finish()))
}

/// Writes steps, and a `KEEP` only before another one.
struct Steps<'a> {
    out: &'a mut Vec<u8>,
    kept: usize,
    changed: bool,
}

impl<'a> Steps<'a> {
    fn new(out: &'a mut Vec<u8>, count: usize) -> Self {
        out.push(ARRAY);
        put_varint(out, count as u64);
        Self { out, kept: 0, changed: false }
    }

    fn mark(&self) -> (usize, usize, bool) {
        (self.out.len(), self.kept, self.changed)
    }

    fn back_to(&mut self, mark: (usize, usize, bool)) {
        self.out.truncate(mark.0);
        (self.kept, self.changed) = (mark.1, mark.2);
    }

    fn keep(&mut self, count: usize) {
        self.kept += count;
    }

    fn step(&mut self, code: u64, count: usize) {
        let kept = std::mem::take(&mut self.kept);
        if kept > 0 {
            put_varint(self.out, (kept as u64) << 2 | KEEP);
        }
        put_varint(self.out, (count as u64) << 2 | code);
        self.changed = true;
    }

    fn finish(self) -> bool {
        self.out.push(0);
        self.changed
    }
}

/// What is between the longest common beginning and the longest common end.
fn diff_content(old: &[u8], new: &[u8], out: &mut Vec<u8>) {
    let at = common_prefix(old, new);
    let (old, new) = (&old[at..], &new[at..]);
    let end = common_suffix(old, new);
    let added = &new[..new.len() - end];
    out.push(SPLICE);
    put_varint(out, at as u64);
    put_varint(out, (old.len() - end) as u64);
    put_varint(out, added.len() as u64);
    out.extend_from_slice(added);
}

/// Compared by blocks, which is as fast as memory is, then within the first that differ.
const BLOCK: usize = 256;

fn common_prefix(old: &[u8], new: &[u8]) -> usize {
    let blocks = old.chunks_exact(BLOCK).zip(new.chunks_exact(BLOCK));
    let at = BLOCK * blocks.take_while(|(old, new)| old == new).count();
    at + old[at..].iter().zip(&new[at..]).take_while(|(old, new)| old == new).count()
}

fn common_suffix(old: &[u8], new: &[u8]) -> usize {
    let blocks = old.rchunks_exact(BLOCK).zip(new.rchunks_exact(BLOCK));
    let end = BLOCK * blocks.take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[..old.len() - end], &new[..new.len() - end]);
    end + old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count()
}
