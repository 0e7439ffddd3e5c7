//! Rendered patches against an implementation of RFC 6902 that is not ours.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::{Value, json};

use super::Operation;
use super::json::{Lists, find_logs, value};
use super::operation::json_bytes;
use super::render::Render;
use crate::session::msgpack::diff::diff;
use crate::session::tests::encode;
use crate::session::tests::value::Value as Any;

/// The operations from one value to another, once they were found to make it.
fn render(old: &[u8], new: &[u8]) -> Vec<Operation> {
    let (before, after) = (value(old, Lists::default()).unwrap(), value(new, Lists::default()).unwrap());
    let (mut render, mut held) = (Render::new(Lists::default(), String::new()), before.clone());
    if let Some(patch) = diff(old, new).unwrap() {
        render.patch(&patch, old, &mut held).unwrap();
    }
    let operations = render.into_operations();
    let mut applied = before.clone();
    let patch: json_patch::Patch = serde_json::from_value(json!(operations)).unwrap();
    json_patch::patch(&mut applied, &patch).unwrap();
    assert_eq!(applied, after, "{before}\n{}", json!(operations));
    assert_eq!(held, after, "{before}\n{}", json!(operations));
    operations
}

fn render_values(old: &impl serde::Serialize, new: &impl serde::Serialize) -> Value {
    json!(render(&encode(old), &encode(new)))
}

#[test]
fn operations_make_the_new_value_of_the_old_one_and_never_have_more_bytes_than_it() {
    let mut rng = Rng::with_seed(0x7e47_0007);
    let mut any = Any::default();
    let mut old = encode(&any);
    let (mut bytes, mut whole_bytes) = (0, 0);
    for round in 0..3_000 {
        for _ in 0..rng.usize(1..=3) {
            any.mutate(&mut rng);
        }
        let new = encode(&any);
        let operations = render(&old, &new);
        let whole = value(&new, Lists::default()).unwrap();
        let whole = json_bytes(&json!([{ "op": "replace", "path": "", "value": whole }]), usize::MAX);
        // A zero that changed its sign is the same number, and may stand there with the old one.
        assert!(json_bytes(&operations, usize::MAX) <= whole + 8, "round {round}: {operations:?}");
        bytes += json_bytes(&operations, usize::MAX);
        whole_bytes += whole;
        old = new;
    }
    assert!(bytes * 3 < whole_bytes, "operations are large: {bytes} bytes for {whole_bytes}");
}

#[test]
fn a_map_with_two_keys_of_the_same_text_is_replaced_whole() {
    let one = [0x81, 1, 5];
    let two = [0x82, 1, 5, 0xa1, b'1', 6];
    let changed = [0x82, 1, 7, 0xa1, b'1', 6];
    let text = [0x81, 0xa1, b'1', 6];
    let replace = |value: u8| json!([{ "op": "replace", "path": "", "value": { "1": value } }]);
    assert_eq!(json!(render(&one, &two)), replace(6));
    assert_eq!(json!(render(&two, &one)), replace(5));
    // The one that is not shown.
    assert_eq!(json!(render(&text, &two)), replace(6));
    assert_eq!(json!(render(&two, &changed)), json!([{ "op": "replace", "path": "", "value": { "1": 6 } }]));
    let inside = |map: &[u8]| [&[0x92, 0xd9, 99], &[b'x'; 99][..], map].concat();
    let operations = json!(render(&inside(&two), &inside(&one)));
    assert_eq!(operations, json!([{ "op": "replace", "path": "/1", "value": { "1": 5 } }]));
}

#[test]
fn of_two_keys_with_the_same_text_the_same_one_stands_there_in_either_order() {
    let one = [0x82, 1, 5, 0xa1, b'1', 6];
    let other = [0x82, 0xa1, b'1', 6, 1, 5];
    assert_eq!(value(&one, Lists::default()), value(&other, Lists::default()));
}

#[test]
fn of_logs_whose_keys_have_the_same_text_only_the_one_that_stands_there_is_found() {
    let log = |number: u8| [0xc7, 8, 0x4c, 0, 0, 0, 0, 0, 0, 0, number];
    let maps = [
        [&[0x82, 1][..], &log(5), &[0xa1, b'1'], &log(6)].concat(),
        [&[0x82, 0xa1, b'1'][..], &log(6), &[1], &log(5)].concat(),
    ];
    for map in maps {
        let found = find_logs(&map, &json!({ "1": [] })).unwrap();
        let found: Vec<_> = found.iter().map(|log| (log.path.as_str(), log.number)).collect();
        assert_eq!(found, [("/1", 6)]);
    }
}

#[test]
fn a_key_that_takes_the_place_of_another_with_its_text_may_differ_in_kind() {
    // 1: [true] becomes "1": {}, and "2" is changed with it.
    let old = [0x82, 1, 0x91, 0xc3, 0xa1, b'2', 5];
    let new = [0x82, 0xa1, b'1', 0x80, 0xa1, b'2', 6];
    render(&old, &new);
    // 1: [..] is joined by "1": {}, and gets an item.
    let item = encode(&"an item that is long enough for the list not to be replaced");
    let old = [&[0x82, 1, 0x91][..], &item, &[0xa1, b'2', 5]].concat();
    let new = [&[0x83, 0xa1, b'1', 0x80, 1, 0x92][..], &item, &[0xc3, 0xa1, b'2', 5]].concat();
    render(&old, &new);
}

#[test]
fn names_of_fields_are_escaped_in_paths() {
    let long = "x".repeat(200);
    let map = |n: &'static str| BTreeMap::from([("a/b~c", n), ("", n), ("other", &long)]);
    assert_eq!(
        render_values(&map("one"), &map("two")),
        json!([
            { "op": "replace", "path": "/", "value": "two" },
            { "op": "replace", "path": "/a~1b~0c", "value": "two" }
        ])
    );
}

#[test]
fn items_come_and_go_where_they_do_in_the_list() {
    let texts = |numbers: &[u32]| -> Vec<String> {
        numbers.iter().map(|n| format!("a message of some length, with the number {n}")).collect()
    };
    let (old, text) = (texts(&[1, 2, 3, 4, 5]), |n: u32| texts(&[n]).remove(0));
    assert_eq!(
        render_values(&old, &texts(&[1, 2, 3, 4, 5, 6, 7])),
        json!([{ "op": "add", "path": "/-", "value": text(6) }, { "op": "add", "path": "/-", "value": text(7) }])
    );
    assert_eq!(render_values(&old, &texts(&[2, 3, 4, 5])), json!([{ "op": "remove", "path": "/0" }]));
    assert_eq!(
        render_values(&old, &texts(&[1, 2, 9, 3, 4, 5])),
        json!([{ "op": "add", "path": "/2", "value": text(9) }])
    );
    assert_eq!(
        render_values(&old, &texts(&[1, 2, 9, 4, 5])),
        json!([{ "op": "replace", "path": "/2", "value": text(9) }])
    );
}

#[test]
fn many_small_changes_give_way_to_the_whole() {
    let (old, new): (Vec<u32>, Vec<u32>) = ((0..100).collect(), (100..200).collect());
    assert_eq!(render_values(&old, &new), json!([{ "op": "replace", "path": "", "value": new }]));
}

#[test]
fn bytes_are_an_array_of_numbers_that_changes_where_they_do() {
    let old = [&[0xc4, 100][..], &[200; 100]].concat();
    let new = [&[0xc4, 101][..], &[200; 100], &[7]].concat();
    assert_eq!(json!(render(&old, &new)), json!([{ "op": "add", "path": "/-", "value": 7 }]));
}

#[test]
fn what_json_does_not_have_becomes_something() {
    let of = |bytes: &[u8]| value(bytes, Lists::default()).unwrap();
    assert_eq!(of(&encode(&f64::NAN)), json!(null));
    assert_eq!(of(&encode(&f32::INFINITY)), json!(null));
    assert_eq!(of(&[0xc7, 2, 5, 1, 2]), json!({ "ext": 5, "bytes": [1, 2] }));
    assert_eq!(of(&[0xd4, 0xff, 9]), json!({ "ext": -1, "bytes": [9] }));
    let keys = [0x85, 0xc0, 1, 0xc3, 2, 0xff, 3, 0x92, 1, 2, 4, 0xca, 0x3d, 0xcc, 0xcc, 0xcd, 5];
    assert_eq!(of(&keys), json!({ "null": 1, "true": 2, "-1": 3, "[1,2]": 4, "0.1": 5 }));
}

#[test]
fn a_change_that_json_does_not_show_gives_no_operation() {
    assert_eq!(render_values(&(f64::INFINITY, "x"), &(f64::NAN, "x")), json!([]));
}
