//! What is compressed comes back, and damage is an error that costs no memory.

use tertulia::error::Kind;
use tertulia::session::Codec;
use tertulia_codec::Compression;

use crate::rig::{MAX, PLACE, expect_error, open, seal, text};

fn all() -> Compression {
    Compression::default().min_bytes(0)
}

#[test]
fn a_record_comes_back_from_fewer_bytes() {
    for bytes in [100, 256, 1_000, 65_535, 65_536, 1 << 20] {
        let record = text(bytes);
        let sealed = seal(&all(), &record);
        assert!(sealed.len() < bytes, "{} bytes of {bytes}", sealed.len());
        assert_eq!(open(&all(), &sealed).unwrap(), record);
    }
}

#[test]
fn a_small_record_is_left_alone() {
    let codec = Compression::default();
    assert_eq!(codec.seal(&text(255), PLACE).unwrap(), None);
    assert!(codec.seal(&text(256), PLACE).unwrap().is_some());
    let codec = codec.min_bytes(1_000);
    assert_eq!(codec.seal(&text(999), PLACE).unwrap(), None);
    assert!(codec.seal(&text(1_000), PLACE).unwrap().is_some());
}

#[test]
fn a_record_that_does_not_get_smaller_is_left_alone() {
    let mut random = fastrand::Rng::with_seed(1);
    for bytes in [0, 1, 12, 300, 100_000] {
        let record: Vec<u8> = (0..bytes).map(|_| random.u8(..)).collect();
        assert_eq!(all().seal(&record, PLACE).unwrap(), None);
    }
    // Around the length from which something is won, what is sealed is shorter.
    for bytes in 0..200 {
        if let Some(sealed) = all().seal(&text(bytes), PLACE).unwrap() {
            assert!(sealed.len() < bytes);
        }
    }
}

#[test]
fn no_memory_is_kept_beyond_the_sealed_bytes() {
    let sealed = seal(&all(), &text(1 << 20));
    assert_eq!(sealed.capacity(), sealed.len());
}

#[test]
fn plain_records_are_taken() {
    assert!(Compression::default().takes_plain());
    assert_eq!(Compression::default().tag(), 1);
}

#[test]
fn a_record_that_was_cut_off_or_went_on_is_refused() {
    let record = [text(200), (0..100).collect()].concat();
    let sealed = seal(&all(), &record);
    for bytes in 0..sealed.len() {
        let words: &[&str] = if bytes < 5 { &["cut off"] } else { &["compressed record"] };
        expect_error(open(&all(), &sealed[..bytes]), Kind::Corrupt, words);
    }
    expect_error(open(&all(), &[&sealed[..], &[0; 3]].concat()), Kind::Corrupt, &["compressed record"]);
}

#[test]
fn a_flipped_bit_is_refused_or_gives_a_record_of_the_length_that_is_named() {
    let sealed = seal(&all(), &[text(200), (0..100).collect()].concat());
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        match open(&all(), &flipped) {
            Ok(record) => assert_eq!(record.len(), 300, "bit {bit}"),
            Err(error) => assert_eq!(error.kind(), Kind::Corrupt, "bit {bit}"),
        }
    }
}

#[test]
fn an_unknown_format_version_is_named() {
    let mut sealed = seal(&all(), &text(300));
    sealed[0] = 2;
    expect_error(open(&all(), &sealed), Kind::Corrupt, &["format version 2", "known is 1"]);
}

#[test]
fn a_record_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
    let sealed = seal(&all(), &text(300));
    assert_eq!(all().open(&sealed, PLACE, 300).unwrap(), text(300));
    expect_error(all().open(&sealed, PLACE, 299), Kind::Corrupt, &["300 bytes", "limit is 299"]);
}

#[test]
fn a_length_that_the_block_cannot_hold_takes_no_memory() {
    let bomb = [1, 0xff, 0xff, 0xff, 0xff, 0];
    for max_bytes in [MAX, usize::MAX] {
        let used = allocation_counter::measure(|| {
            expect_error(all().open(&bomb, PLACE, max_bytes), Kind::Corrupt, &["4294967295 bytes"]);
        });
        assert!(used.bytes_max < 1_000, "{} bytes", used.bytes_max);
    }
}

#[test]
fn the_most_that_can_be_compressed_is_not_taken_for_a_bomb() {
    let record = vec![b'a'; MAX];
    let sealed = seal(&all(), &record);
    assert!(sealed.len() < MAX / 250);
    assert_eq!(open(&all(), &sealed).unwrap(), record);
}
