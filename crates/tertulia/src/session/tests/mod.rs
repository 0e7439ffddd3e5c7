//! The codec against its definition: what a patch makes of the old bytes is the new ones.

mod damage;
mod fuzz;
pub(super) mod sizes;
pub(super) mod value;
pub(super) mod with_logs;

use super::format::Malformed;
use super::msgpack::encoding;
use super::msgpack::patch::Tree;
use super::msgpack::{Kind, header, put_header, take_value};

pub(super) fn encode<S: serde::Serialize>(value: &S) -> Vec<u8> {
    let mut out = Vec::new();
    encoding::encode(value, &mut out).unwrap();
    out
}

/// Applies patches one after another, as a load does.
fn apply(old: &[u8], patches: &[Vec<u8>]) -> Result<Vec<u8>, Malformed> {
    let mut tree = Tree::Raw(old);
    for patch in patches {
        tree.apply(patch)?;
    }
    let mut out = Vec::new();
    tree.write(&mut out);
    Ok(out)
}

/// The value with the pairs of every map in the order of their keys: values are the same if these bytes are.
fn canonical(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    put_canonical(value, &mut out);
    out
}

fn put_canonical(value: &[u8], out: &mut Vec<u8>) {
    let header = header(value, 0).unwrap();
    let mut rest = &value[header.payload..];
    let mut next = || (!rest.is_empty()).then(|| take_value(&mut rest).unwrap());
    match header.kind {
        Kind::Map => {
            let mut pairs = Vec::new();
            while let Some(key) = next() {
                pairs.push((key, next().unwrap()));
            }
            pairs.sort_by_key(|(key, _)| *key);
            put_header(out, Kind::Map, pairs.len());
            for (key, value) in pairs {
                out.extend_from_slice(key);
                put_canonical(value, out);
            }
        }
        Kind::Array => {
            put_header(out, Kind::Array, header.len);
            while let Some(item) = next() {
                put_canonical(item, out);
            }
        }
        _ => out.extend_from_slice(value),
    }
}
