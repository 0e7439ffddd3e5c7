//! Fixtures of what earlier versions wrote, and what cannot be read.

use super::super::Limit;
use super::super::window::Window;
use super::*;
use crate::error::Kind;

fn full() -> Meta {
    let source = StreamId::new(Conversation::new("http", "a/b").unwrap(), "one").unwrap();
    let mut meta = Meta::new(BranchId(7));
    meta.content_type = "application/json".into();
    meta.expiry = Expiry::Sliding(Duration::from_secs(2));
    meta.visible = Visible::Live;
    meta.abandoned_after = Some(Duration::from_secs(9));
    meta.branches.begin(Branch { id: BranchId(8), from: 3, log: 2 });
    meta.start = 1;
    meta.producers.0.push(Remembered { id: "p".into(), epoch: 4, seq: 5, at: Timestamp(6) });
    meta.seq = Some("s".into());
    meta.attempt = Some(Attempt { number: 2, from: 3 });
    meta.closed = Some(End::Stopped);
    meta.cancelled = true;
    meta.origin =
        Some(Origin { source: source.clone(), at: Cursor { offset: 3, branch: BranchId(7) }, sub: 1 });
    meta.forks = vec![source];
    meta.phase = Phase::Deleted;
    meta
}

/// A base of version 1 with every field.
const FULL: &[u8] = include_bytes!("fixtures/base-1.bin");
/// The base of version 1 of a stream that was just made.
const PLAIN: &[u8] = b"\x01\x82\xa2id\x07\xa8branches\x91\x93\x07\x00\x00";
/// A record of version 1: entries 3 and 4, `{}` and `[1]`, of a JSON stream.
const RECORD: &[u8] = b"\x01\x03\xcd\x03\xe8\x02\x03\x04{},[1],";

#[test]
fn what_version_1_wrote_is_read_and_written_again() {
    assert_eq!(decode_meta(FULL).unwrap(), full());
    assert_eq!(encode_meta(&full()), FULL);
    assert_eq!(decode_meta(PLAIN).unwrap(), Meta::new(BranchId(7)));
    assert_eq!(encode_meta(&Meta::new(BranchId(7))), PLAIN);

    let record = decode_record(&Bytes::from_static(RECORD)).unwrap();
    assert_eq!((record.block.first, record.at, &*record.block.ends), (3, Timestamp(1_000), &[3, 7][..]));
    let mut window = Window::new(3, true);
    window.push(b"{}");
    window.push(b"[1]");
    assert_eq!(encode_record(&window.slice(3, 5, Limit::NONE), Timestamp(1_000)), RECORD);
}

#[test]
fn what_cannot_be_read_is_corrupt() {
    for base in [&b""[..], b"\x02", b"\x01", b"\x01\x80", b"\x01\x82\xa2id\x07\xa8branches\x90"] {
        assert_eq!(decode_meta(base).unwrap_err().kind(), Kind::Corrupt, "{base:?}");
    }
    for cut in 0..RECORD.len() {
        let error = decode_record(&Bytes::from_static(&RECORD[..cut])).unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt, "{cut} bytes");
    }
    let huge = [1, 0, 0, 0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(decode_record(&Bytes::copy_from_slice(&huge)).unwrap_err().kind(), Kind::Corrupt);
}
