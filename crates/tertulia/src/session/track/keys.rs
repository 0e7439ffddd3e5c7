//! Which fields of a state a change concerns.

use super::{Change, Track};
use crate::session::format::Malformed;
use crate::session::log::EXTENSION;
use crate::session::msgpack::diff::diff;
use crate::session::msgpack::{Kind, header, take_value, walk};

impl Change {
    /// The top-level keys of the state that came, went, or have another value; those of logs of which items came or went
    /// too. `track` is the one that gave the change and has not accepted it. None of a state that is not a map.
    pub(crate) fn changed_keys(&self, track: &Track) -> Vec<String> {
        // What was encoded or read here is MessagePack.
        self.keys(&track.state).unwrap_or_default()
    }

    fn keys(&self, before: &[u8]) -> Result<Vec<String>, Malformed> {
        let after = if self.patch.is_some() { &self.state } else { before };
        let old = if before.is_empty() { Vec::new() } else { pairs(before)? };
        let mut gone: Vec<bool> = vec![true; old.len()];
        let mut keys = Vec::new();
        for (i, (key, value)) in pairs(after)?.into_iter().enumerate() {
            let is_it = |(there, _): &Pair<'_>| *there == key;
            // They mostly come in the same order.
            let at = if old.get(i).is_some_and(is_it) { Some(i) } else { old.iter().position(is_it) };
            let is_same = at.is_some_and(|at| {
                gone[at] = false;
                old[at].1 == value || diff(old[at].1, value).is_ok_and(|patch| patch.is_none())
            });
            if !is_same || self.moves_in(value)? {
                keys.push(text(key)?);
            }
        }
        for ((key, _), gone) in old.iter().zip(gone) {
            if gone {
                keys.push(text(key)?);
            }
        }
        Ok(keys)
    }

    /// Whether items of a log in this value came or went.
    fn moves_in(&self, value: &[u8]) -> Result<bool, Malformed> {
        let mut found = false;
        if self.logs.iter().any(|(_, moved)| moved.is_some()) {
            walk(value, 0, 0, &mut |payload| {
                let number = payload.strip_prefix(&[EXTENSION.cast_unsigned()]);
                let number = number.and_then(|digits| digits.try_into().ok()).map(u64::from_be_bytes);
                found |=
                    self.logs.iter().any(|(place, moved)| moved.is_some() && Some(place.number) == number);
            })?;
        }
        Ok(found)
    }
}

/// A key and its value.
type Pair<'a> = (&'a [u8], &'a [u8]);

/// The pairs of a map; none of anything else.
fn pairs(state: &[u8]) -> Result<Vec<Pair<'_>>, Malformed> {
    let header = header(state, 0)?;
    let mut pairs = Vec::new();
    if header.kind == Kind::Map {
        let mut rest = &state[header.payload..];
        while !rest.is_empty() {
            pairs.push((take_value(&mut rest)?, take_value(&mut rest)?));
        }
    }
    Ok(pairs)
}

/// A key as text; a number or whatever else it is, as it would be read.
fn text(key: &[u8]) -> Result<String, Malformed> {
    let header = header(key, 0)?;
    if header.kind == Kind::Text {
        return Ok(String::from_utf8_lossy(&key[header.payload..]).into_owned());
    }
    let value = rmpv::decode::read_value(&mut &key[..]).map_err(|_| Malformed::MessagePack)?;
    Ok(value.to_string())
}
