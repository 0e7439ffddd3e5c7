//! Random values, randomly changed: every patch makes the new bytes, and nothing else makes a patch.

use fastrand::Rng;
use tertulia_testkit::Played;

use super::sizes::Sizes;
use super::value::Value;
use super::{apply, canonical, encode};
use crate::session::msgpack::diff::diff;
use crate::session::msgpack::encoding;

/// In every run; 200,000 were played by hand.
const ROUNDS: usize = 40_000;

#[test]
fn a_patch_of_the_old_bytes_gives_the_new_ones_and_no_change_gives_no_patch() {
    let played = Played::new(0x7e47_0001, ROUNDS);
    let mut rng = Rng::with_seed(played.seed);
    let mut value = Value::default();
    let mut old = encode(&value);
    // What a load would find: a base and patches, whose maps need not have the order of the encoded ones.
    let (mut base, mut patches) = (old.clone(), Vec::new());
    let mut sizes = Sizes::default();
    for round in 0..played.rounds {
        for _ in 0..rng.usize(1..=3) {
            value.mutate(&mut rng);
        }
        let new = encode(&value);
        let patch = diff(&old, &new).unwrap();
        assert_eq!(patch.is_some(), canonical(&old) != canonical(&new), "round {round}");
        if let Some(patch) = patch {
            assert!(patch.len() <= new.len() + 1, "round {round}: {} for {}", patch.len(), new.len());
            sizes.add(patch.len(), new.len());
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
    assert!(sizes.patches > played.rounds / 2, "the changes change too little: {sizes}");
    sizes.assert_small();
    println!("{} rounds: {sizes}", played.rounds);
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
