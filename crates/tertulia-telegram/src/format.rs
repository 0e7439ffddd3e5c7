//! The stored shape of a call: a version byte, then JSON. In version 1 that is an array of `{"method", "params"}` that
//! are made in order, in version 2 a [`Change`] of what an earlier call sent.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tertulia::{Error, Result};

use crate::change::Change;

/// The versions, each written where it says what there is to say.
const REQUESTS: u8 = 1;
const CHANGE: u8 = 2;

/// What a call makes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    /// These requests.
    Requests(Vec<Request>),
    /// What the change becomes when the messages are known.
    Change(Change),
}

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
    write(REQUESTS, requests)
}

/// The call that makes this change.
///
/// # Errors
/// As [`encode`].
pub(crate) fn encode_change(change: &Change) -> Result<Bytes> {
    write(CHANGE, change)
}

fn write(version: u8, value: &(impl Serialize + ?Sized)) -> Result<Bytes> {
    let mut bytes = BytesMut::with_capacity(128);
    bytes.put_u8(version);
    let mut writer = bytes.writer();
    serde_json::to_writer(&mut writer, value)
        .map_err(|error| Error::internal("a call cannot be written as JSON").with_source(error))?;
    Ok(writer.into_inner().freeze())
}

/// What a call makes.
///
/// # Errors
/// `Corrupt` if it is none, or of a version this program does not know.
pub(crate) fn decode(bytes: &[u8]) -> Result<Body> {
    let body = match bytes.split_first() {
        Some((&REQUESTS, json)) => serde_json::from_slice(json).map(Body::Requests),
        Some((&CHANGE, json)) => serde_json::from_slice(json).map(Body::Change),
        Some((version, _)) => {
            return Err(Error::corrupt(format!(
                "a stored call of Telegram has format version {version}, this program reads up to {CHANGE}"
            )));
        }
        None => return Err(Error::corrupt("a stored call of Telegram is empty")),
    };
    body.map_err(|error| Error::corrupt("a stored call of Telegram cannot be read").with_source(error))
}
