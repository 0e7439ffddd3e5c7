//! What the tests share: keys, places, records, and how an error is checked.

use tertulia::Result;
use tertulia::error::Kind;
use tertulia::session::Codec;
use tertulia_codec::{Encryption, Key};

pub(crate) const PLACE: &[u8] = b"test:1/session/note";
pub(crate) const OTHER_PLACE: &[u8] = b"test:2/session/note";

/// More than any record here has.
pub(crate) const MAX: usize = 2 << 20;

/// Another key for each number.
pub(crate) fn key(number: u8) -> Key {
    Key::from_bytes(std::array::from_fn(|i| number.wrapping_mul(40) + i as u8))
}

pub(crate) fn encryption(id: u32) -> Encryption {
    Encryption::new(id, key(id as u8))
}

/// A record of `bytes` bytes that can be compressed.
pub(crate) fn text(bytes: usize) -> Vec<u8> {
    b"what is said again, and once more, ".iter().copied().cycle().take(bytes).collect()
}

/// What `codec` makes of `record` at [`PLACE`].
pub(crate) fn seal(codec: &dyn Codec, record: &[u8]) -> Vec<u8> {
    codec.seal(record, PLACE).unwrap().expect("the record is sealed")
}

pub(crate) fn open(codec: &dyn Codec, sealed: &[u8]) -> Result<Vec<u8>> {
    codec.open(sealed, PLACE, MAX)
}

/// That the call failed so, with these words in its text.
#[track_caller]
pub(crate) fn expect_error<T>(result: Result<T>, kind: Kind, words: &[&str]) {
    let Err(error) = result else { panic!("no error, expected {kind}: {words:?}") };
    assert_eq!(error.kind(), kind, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "`{error}` does not say `{word}`");
    }
}
