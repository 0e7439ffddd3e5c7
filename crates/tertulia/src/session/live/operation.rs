//! The operations of a JSON Patch, RFC 6902, as far as they are used here.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One operation of a JSON Patch (RFC 6902), which serializes as the RFC has it: `{"op":"add","path":"/a/-","value":1}`.
///
/// Of the RFC's six operations only these three are given; they are to be applied in the order in which they come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Operation {
    /// A new field of an object, or an item that is put in before the one in its place, or at the end for `-`.
    Add {
        /// Where, as a JSON Pointer (RFC 6901).
        path: String,
        /// What.
        value: Value,
    },
    /// What is there goes; items after it move up.
    Remove {
        /// Where, as a JSON Pointer.
        path: String,
    },
    /// What is there becomes another value. The path of the whole is empty.
    Replace {
        /// Where, as a JSON Pointer.
        path: String,
        /// The value it becomes.
        value: Value,
    },
}

impl Operation {
    /// The bytes that it has as JSON.
    pub(super) fn bytes(&self) -> usize {
        json_bytes(self, usize::MAX)
    }
}

/// The bytes that `value` has as JSON; counted up to about `most`.
pub(super) fn json_bytes(value: &impl Serialize, most: usize) -> usize {
    let mut counter = Counter { bytes: 0, most };
    // The only error is that of the counter, which has counted enough then.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.bytes
}

struct Counter {
    bytes: usize,
    most: usize,
}

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes += bytes.len();
        if self.bytes > self.most { Err(io::ErrorKind::WriteZero.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
