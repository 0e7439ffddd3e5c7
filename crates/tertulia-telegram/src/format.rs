//! The stored shape of a call: a version byte, then JSON, an array of `{"method", "params"}` that are made in order.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tertulia::{Error, Result};

/// The version this program writes. All up to it are read.
const VERSION: u8 = 1;

/// One request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// Such as `sendMessage`.
    pub(crate) method: String,
    /// Its parameters.
    pub(crate) params: Map<String, Value>,
}

/// The call that makes these requests.
///
/// # Errors
/// `Internal` if the values cannot be JSON, which JSON values always can.
pub(crate) fn encode(requests: &[Request]) -> Result<Bytes> {
    let mut bytes = BytesMut::with_capacity(128);
    bytes.put_u8(VERSION);
    let mut writer = bytes.writer();
    serde_json::to_writer(&mut writer, requests)
        .map_err(|error| Error::internal("a call cannot be written as JSON").with_source(error))?;
    Ok(writer.into_inner().freeze())
}

/// The requests of a call.
///
/// # Errors
/// `Corrupt` if it is none, or of a version this program does not know.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Request>> {
    match bytes.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json)
            .map_err(|error| Error::corrupt("a stored call of Telegram cannot be read").with_source(error)),
        Some((version, _)) => Err(Error::corrupt(format!(
            "a stored call of Telegram has format version {version}, this program reads up to {VERSION}"
        ))),
        None => Err(Error::corrupt("a stored call of Telegram is empty")),
    }
}
