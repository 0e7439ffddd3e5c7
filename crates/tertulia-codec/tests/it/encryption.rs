//! What is encrypted opens unchanged, at its place, with its key, and not otherwise.

use tertulia::error::Kind;
use tertulia::session::Codec;
use tertulia_codec::Encryption;

use crate::rig::{MAX, OTHER_PLACE, PLACE, encryption, expect_error, key, open, seal, text};

/// What is added to each record.
const ADDED: usize = 45;

#[test]
fn a_record_of_any_size_comes_back_and_45_bytes_are_added() {
    let codec = encryption(1);
    for bytes in [0, 1, 63, 64, 65, 1_000, 1 << 20] {
        let record = text(bytes);
        let sealed = seal(&codec, &record);
        assert_eq!(sealed.len(), bytes + ADDED);
        assert_eq!(open(&codec, &sealed).unwrap(), record);
    }
}

#[test]
fn a_sealed_record_tells_its_format_and_key_and_nothing_of_the_record() {
    let codec = Encryption::new(0x01020304, key(1));
    let record = text(64);
    let sealed = seal(&codec, &record);
    assert_eq!(sealed[..5], [1, 1, 2, 3, 4]);
    assert!(!sealed.windows(8).any(|window| record.windows(8).any(|of_record| of_record == window)));
}

#[test]
fn the_same_record_is_never_sealed_twice_with_the_same_nonce() {
    let codec = encryption(1);
    let nonces: std::collections::HashSet<_> =
        (0..1_000).map(|_| seal(&codec, b"record")[5..29].to_vec()).collect();
    assert_eq!(nonces.len(), 1_000);
}

#[test]
fn a_record_of_another_place_is_refused() {
    let codec = encryption(1);
    let here = codec.seal(b"here", PLACE).unwrap().unwrap();
    let there = codec.seal(b"there", OTHER_PLACE).unwrap().unwrap();
    expect_error(codec.open(&here, OTHER_PLACE, MAX), Kind::Corrupt, &["another place"]);
    expect_error(codec.open(&there, PLACE, MAX), Kind::Corrupt, &["another place"]);
    expect_error(codec.open(&here, &PLACE[..PLACE.len() - 1], MAX), Kind::Corrupt, &["another place"]);
}

#[test]
fn every_bit_that_is_flipped_is_found() {
    let codec = encryption(1).and_opens_with(3, key(3)).unwrap();
    let sealed = seal(&codec, &text(100));
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // Of the key's id only the change from 1 to 3 names a key that there is.
        let kind = match bit / 8 {
            1..5 if flipped[1..5] != [0, 0, 0, 3] => Kind::Invalid,
            _ => Kind::Corrupt,
        };
        expect_error(open(&codec, &flipped), kind, &[]);
    }
}

#[test]
fn a_record_that_was_cut_off_or_went_on_is_refused() {
    let codec = encryption(1);
    let sealed = seal(&codec, &text(100));
    for bytes in 0..sealed.len() {
        let words: &[&str] = if bytes < ADDED { &["cut off", "45"] } else { &["not authentic"] };
        expect_error(open(&codec, &sealed[..bytes]), Kind::Corrupt, words);
    }
    expect_error(open(&codec, &[&sealed[..], &[0]].concat()), Kind::Corrupt, &["not authentic"]);
}

#[test]
fn an_unknown_format_version_is_named() {
    let codec = encryption(1);
    let mut sealed = seal(&codec, b"record");
    sealed[0] = 2;
    expect_error(open(&codec, &sealed), Kind::Corrupt, &["format version 2", "known is 1"]);
    expect_error(open(&codec, &[9]), Kind::Corrupt, &["format version 9"]);
}

#[test]
fn a_record_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
    let codec = encryption(1);
    let sealed = seal(&codec, &text(100));
    assert_eq!(codec.open(&sealed, PLACE, 100).unwrap(), text(100));
    expect_error(codec.open(&sealed, PLACE, 99), Kind::Corrupt, &["100 bytes", "limit is 99"]);
}

#[test]
fn after_a_change_of_key_the_old_one_opens_and_the_new_one_seals() {
    let before = seal(&encryption(1), b"before");
    let both = encryption(2).and_opens_with(1, key(1)).unwrap();
    assert_eq!(open(&both, &before).unwrap(), b"before");

    let after = seal(&both, b"after");
    let new = encryption(2);
    assert_eq!(open(&new, &after).unwrap(), b"after");
    expect_error(open(&encryption(1), &after), Kind::Invalid, &["key 2"]);

    let rewritten = seal(&both, &open(&both, &before).unwrap());
    assert_eq!(open(&new, &rewritten).unwrap(), b"before");
    expect_error(open(&new, &before), Kind::Invalid, &["key 1"]);
}

#[test]
fn another_key_under_the_same_id_opens_nothing() {
    let sealed = seal(&encryption(1), b"record");
    expect_error(open(&Encryption::new(1, key(2)), &sealed), Kind::Corrupt, &["another key 1"]);
}

#[test]
fn the_same_id_twice_is_refused() {
    expect_error(encryption(1).and_opens_with(1, key(2)), Kind::Invalid, &["the id 1"]);
    let two = encryption(1).and_opens_with(2, key(2)).unwrap();
    expect_error(two.and_opens_with(2, key(3)), Kind::Invalid, &["the id 2"]);
}

#[test]
fn plain_records_are_taken_only_if_it_was_said() {
    assert!(!encryption(1).takes_plain());
    assert!(encryption(1).taking_plain().takes_plain());
    assert_eq!(encryption(1).tag(), 2);
}

#[test]
fn debug_shows_ids_and_no_key() {
    let codec = encryption(1).and_opens_with(2, key(2)).unwrap();
    assert_eq!(format!("{codec:?}"), "Encryption { seals_with: 1, opens_with: [1, 2], takes_plain: false }");
}
