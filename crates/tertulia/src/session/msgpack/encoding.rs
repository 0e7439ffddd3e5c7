//! A typed value to MessagePack with field names, and back. Sessions go through [`log`](crate::session::log), which knows
//! of the logs inside them.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Appends `value` to `out`.
pub(in crate::session) fn encode<S: Serialize>(
    value: &S,
    out: &mut Vec<u8>,
) -> Result<(), rmp_serde::encode::Error> {
    value.serialize(&mut rmp_serde::Serializer::new(out).with_struct_map())
}

/// Reads a value that takes all of `bytes`.
pub(in crate::session) fn decode<S: DeserializeOwned>(bytes: &[u8]) -> Result<S, rmp_serde::decode::Error> {
    let mut rest = bytes;
    let value = S::deserialize(&mut rmp_serde::Deserializer::new(&mut rest))?;
    match rest.len() {
        0 => Ok(value),
        left => Err(serde::de::Error::custom(format!("{left} bytes are left over"))),
    }
}
