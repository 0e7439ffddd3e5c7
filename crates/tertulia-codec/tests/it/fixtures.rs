//! What format version 1 sealed opens for ever.
//!
//! `encryption-v1.bin` was sealed by libsodium and `compression-v1-liblz4.bin` by liblz4, so that the formats are those
//! of the field and not only of the libraries used here; `compression-v1.bin` was sealed by this crate. A format that is
//! changed gets another version and files of its own; these stay as they are.

use std::path::Path;

use tertulia_codec::{Compression, Encryption, Key};

use crate::rig::open;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

#[test]
fn a_record_encrypted_in_version_1_opens() {
    let codec = Encryption::new(7, Key::from_bytes(std::array::from_fn(|i| i as u8)));
    assert_eq!(open(&codec, &fixture("encryption-v1.bin")).unwrap(), fixture("record.bin"));
}

#[test]
fn records_compressed_in_version_1_open() {
    for name in ["compression-v1.bin", "compression-v1-liblz4.bin"] {
        assert_eq!(open(&Compression::default(), &fixture(name)).unwrap(), fixture("record.bin"), "{name}");
    }
}
