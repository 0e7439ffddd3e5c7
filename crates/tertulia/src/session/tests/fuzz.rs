//! Random values, randomly changed: every patch makes the new bytes, and nothing else makes a patch.

use fastrand::Rng;

use super::value::Value;
use super::{apply, canonical, encode};
use crate::session::diff::diff;
use crate::session::encoding;

/// `TERTULIA_FUZZ_ROUNDS` for more.
const ROUNDS: usize = 20_000;

#[test]
fn a_patch_of_the_old_bytes_gives_the_new_ones_and_no_change_gives_no_patch() {
    let rounds = std::env::var("TERTULIA_FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok());
    let mut rng = Rng::with_seed(0x7e47_0001);
    let mut value = Value::default();
    let mut old = encode(&value);
    // What a load would find: a base and patches, whose maps need not have the order of the encoded ones.
    let (mut base, mut patches) = (old.clone(), Vec::new());
    let (mut changed, mut patch_bytes, mut whole_bytes) = (0, 0, 0);
    for round in 0..rounds.unwrap_or(ROUNDS) {
        for _ in 0..rng.usize(1..=3) {
            value.mutate(&mut rng);
        }
        let new = encode(&value);
        let patch = diff(&old, &new).unwrap();
        assert_eq!(patch.is_some(), canonical(&old) != canonical(&new), "round {round}");
        if let Some(patch) = patch {
            assert!(patch.len() <= new.len() + 1, "round {round}: {} for {}", patch.len(), new.len());
            (changed, patch_bytes, whole_bytes) =
                (changed + 1, patch_bytes + patch.len(), whole_bytes + new.len());
            patches.push(patch);
        }
        old = new;
        if round % 7 == 0 {
            let applied = apply(&base, &patches).unwrap();
            assert_eq!(applied.len(), old.len(), "round {round}");
            assert_eq!(canonical(&applied), canonical(&old), "round {round}");
            let again: Value = encoding::decode(&applied).unwrap();
            assert_eq!(again, value, "round {round}");
            // New maps, with new orders.
            value = again;
            old = applied.clone();
            (base, patches) = (applied, Vec::new());
        }
    }
    assert!(changed > rounds.unwrap_or(ROUNDS) / 2, "the changes change too little: {changed}");
    assert!(patch_bytes * 3 < whole_bytes, "patches are large: {patch_bytes} bytes for {whole_bytes}");
}

#[test]
fn a_value_with_its_maps_in_another_order_is_the_same() {
    let map = |keys: [u8; 3]| {
        let mut bytes = vec![0x83];
        bytes.extend(keys.into_iter().flat_map(|key| [key, 0x91, key]));
        bytes
    };
    assert_eq!(diff(&map([1, 2, 3]), &map([3, 1, 2])), Ok(None));
}

#[test]
fn a_map_with_a_key_twice_is_replaced_whole() {
    let (old, new) = ([0x82, 1, 5, 1, 6], [0x82, 1, 5, 1, 7]);
    let patch = diff(&old, &new).unwrap().unwrap();
    assert_eq!(apply(&old, &[patch]).unwrap(), new);
}

#[test]
fn an_item_moved_to_the_front_is_sent_alone() {
    let items: Vec<String> = (0..100).map(|i| format!("a message with the number {i}")).collect();
    let old = encode(&items);
    let mut moved = items.clone();
    moved.rotate_right(1);
    let new = encode(&moved);
    let patch = diff(&old, &new).unwrap().unwrap();
    assert_eq!(apply(&old, std::slice::from_ref(&patch)).unwrap(), new);
    assert!(patch.len() < 50, "{} bytes", patch.len());
}
