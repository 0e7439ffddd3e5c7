//! Whether two encoded values hold the same in whatever order: a set comes back in another one than it was written in.

use super::{Kind, MAX_DEPTH, header, take_value};
use crate::session::format::Malformed;

/// Whether they are the same but for the order of pairs in maps and of items in lists.
///
/// `Depth` if one is nested too deeply; `MessagePack` if it is none.
pub(in crate::session) fn same(one: &[u8], other: &[u8]) -> Result<bool, Malformed> {
    Ok(one.len() == other.len() && sorted(one, 0)? == sorted(other, 0)?)
}

fn sorted(value: &[u8], depth: usize) -> Result<Vec<u8>, Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed::Depth);
    }
    let header = header(value, 0)?;
    if !matches!(header.kind, Kind::Map | Kind::Array) {
        return Ok(value.to_vec());
    }
    let mut rest = &value[header.payload..];
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let mut part = sorted(take_value(&mut rest)?, depth + 1)?;
        if header.kind == Kind::Map {
            part.extend(sorted(take_value(&mut rest)?, depth + 1)?);
        }
        parts.push(part);
    }
    parts.sort_unstable();
    Ok([&value[..header.payload], &parts.concat()].concat())
}
