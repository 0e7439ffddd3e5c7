//! Damaged bytes: refused, never a panic.

use fastrand::Rng;

use super::value::Value;
use super::{apply, encode};
use crate::session::format::{Base, Malformed, Patch, Record};
use crate::session::msgpack::MAX_DEPTH;
use crate::session::msgpack::diff::diff;
use crate::session::msgpack::encoding;
use crate::session::read::log_numbers;

fn some_patch(rng: &mut Rng) -> (Vec<u8>, Vec<u8>) {
    let mut value = Value::default();
    (0..40).for_each(|_| value.mutate(rng));
    let old = encode(&value);
    loop {
        (0..4).for_each(|_| value.mutate(rng));
        if let Some(patch) = diff(&old, &encode(&value)).unwrap() {
            return (old, patch);
        }
    }
}

#[test]
fn a_record_with_a_bit_flipped_is_refused() {
    let mut rng = Rng::with_seed(1);
    for _ in 0..300 {
        let (_, changes) = some_patch(&mut rng);
        let record = Patch { next_log: 3, state_len: 500, changes: &changes }.encode();
        assert_eq!(Patch::decode(&record).unwrap().changes, changes);
        let mut damaged = record.clone();
        let place = rng.usize(..record.len());
        damaged[place] ^= 1 << rng.u8(..8);
        let error = Patch::decode(&damaged).unwrap_err();
        assert!(matches!(error, Malformed::Checksum | Malformed::Version(_)), "{error}");
        assert!(Patch::decode(&record[..place]).is_err());
    }
}

#[test]
fn a_patch_whose_checksum_was_made_anew_may_fail_and_never_panics() {
    let mut rng = Rng::with_seed(2);
    let mut refused = 0;
    for _ in 0..3_000 {
        let (mut old, mut patch) = some_patch(&mut rng);
        let target = if rng.bool() { &mut patch } else { &mut old };
        for _ in 0..rng.usize(1..4) {
            let place = rng.usize(..target.len());
            target[place] = rng.u8(..);
        }
        match apply(&old, &[patch]) {
            Ok(applied) => drop((log_numbers(&applied), encoding::decode::<Value>(&applied))),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 500, "{refused}");
}

#[test]
fn random_bytes_never_panic() {
    let mut rng = Rng::with_seed(3);
    for _ in 0..50_000 {
        let mut bytes = || -> Vec<u8> { (0..rng.usize(0..40)).map(|_| rng.u8(..)).collect() };
        let (one, other) = (bytes(), bytes());
        let _ = (Base::decode(&one), Patch::decode(&one), Record::decode(&one));
        let _ = (apply(&one, std::slice::from_ref(&other)), log_numbers(&one));
        let _ = (diff(&one, &other), encoding::decode::<Value>(&one));
    }
}

#[test]
fn nesting_beyond_the_limit_is_refused() {
    let nested = |depth: usize| [vec![0x91; depth], vec![1]].concat();
    assert_eq!(log_numbers(&nested(MAX_DEPTH)), Ok(vec![]));
    assert_eq!(log_numbers(&nested(MAX_DEPTH + 1)), Err(Malformed::Depth));
    assert!(diff(&nested(1), &nested(MAX_DEPTH)).is_ok());
    assert_eq!(diff(&nested(1), &nested(MAX_DEPTH + 1)), Err(Malformed::Depth));
    let deep = nested(1_000_000);
    assert_eq!(log_numbers(&deep), Err(Malformed::Depth));
    assert_eq!(diff(&nested(1), &deep), Err(Malformed::Depth));
}
