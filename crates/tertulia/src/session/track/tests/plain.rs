//! States without logs, and states that are stored nowhere.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{begin, home, step, storage};
use crate::Log;
use crate::error::Kind;
use crate::session::track::{Track, TrackHome};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Counter {
    count: u32,
    name: String,
}

#[derive(Debug, Deserialize)]
struct JustCount {
    count: u32,
}

fn counter(count: u32, name: &str) -> Counter {
    Counter { count, name: name.to_owned() }
}

#[tokio::test]
async fn a_version_is_what_was_first_and_the_changes_after_it() {
    let storage = storage();
    let (mut track, whole) = begin(&storage, home(&storage, 4), &counter(0, "a")).await;
    let mut changes = Vec::new();
    for count in 1..=3 {
        changes.push(step(&storage, &mut track, &counter(count, "a")).await);
    }
    for count in 0..=3 {
        let upto = &changes[..count];
        let again = Track::load(home(&storage, 4), &whole, upto).await.unwrap();
        assert_eq!(again.value::<Counter>().unwrap(), counter(u32::try_from(count).unwrap(), "a"));
        assert_eq!(again.whole()[3..], *again.bytes());
    }
}

#[tokio::test]
async fn a_value_that_is_the_same_is_no_change() {
    let (mut track, change) = Track::plain(&counter(1, "a")).unwrap();
    track.accept(change);
    assert!(track.compare(&counter(1, "a")).unwrap().is_none());
    assert!(track.compare(&counter(2, "a")).unwrap().is_some());
    // What was not accepted is forgotten.
    assert_eq!(track.value::<Counter>().unwrap(), counter(1, "a"));
    assert!(track.compare(&counter(1, "a")).unwrap().is_none());
}

#[tokio::test]
async fn a_map_in_another_order_is_no_change() {
    let pairs = (0..20).map(|i| (i, i));
    let (mut track, change) = Track::plain(&pairs.clone().collect::<HashMap<u32, u32>>()).unwrap();
    track.accept(change);
    assert!(track.compare(&pairs.rev().collect::<HashMap<u32, u32>>()).unwrap().is_none());
}

#[tokio::test]
async fn any_of_the_fields_can_be_read() {
    let (mut track, change) = Track::plain(&counter(7, "a")).unwrap();
    track.accept(change);
    assert_eq!(track.decode::<JustCount>().unwrap().count, 7);
    let error = track.decode::<BTreeMap<String, u32>>().unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
    assert_eq!(track.value::<BTreeMap<String, u32>>().unwrap_err().kind(), Kind::Corrupt);
}

#[tokio::test]
async fn the_keys_that_differ_are_told() {
    let map = |pairs: &[(&str, i32)]| -> BTreeMap<String, i32> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
    };
    let (mut track, change) = Track::plain(&map(&[("a", 1), ("b", 2), ("c", 3)])).unwrap();
    assert_eq!(change.changed_keys(&track), ["a", "b", "c"]);
    track.accept(change);
    let change = track.compare(&map(&[("a", 1), ("aa", 9), ("c", 4)])).unwrap().unwrap();
    assert_eq!(change.changed_keys(&track), ["aa", "c", "b"]);
}

#[tokio::test]
async fn a_log_that_is_stored_nowhere_is_a_list() {
    let mut log: Log<u32> = (0..1_000).collect();
    let (mut track, change) = Track::plain(&log).unwrap();
    assert!(change.writes().is_empty());
    let whole = change.whole(&track);
    track.accept(change);
    log.push(1_000);
    let change = track.compare(&log).unwrap().unwrap();
    assert!(change.writes().is_empty());
    let record = change.record().to_vec();
    assert!(record.len() < 20, "{} bytes", record.len());
    track.accept(change);
    assert_eq!(track.decode::<Vec<u32>>().unwrap().len(), 1_001);
    let again = Track::load(TrackHome::plain(), &whole, &[record.into()]).await.unwrap();
    assert_eq!(again.value::<Log<u32>>().unwrap().tail(), log.tail());
}

/// Comes back as another value.
#[derive(Default, Serialize, Deserialize)]
struct Forgetful {
    #[serde(skip_deserializing)]
    count: u32,
}

#[tokio::test]
async fn what_cannot_be_read_back_is_refused_at_once() {
    for home in [TrackHome::plain(), home(&storage(), 4)] {
        let error = Track::begin(home, &Forgetful { count: 1 }).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(error.to_string().contains("cannot be read back"), "{error}");
    }
}

#[tokio::test]
async fn a_state_that_is_too_long_for_a_snapshot_is_refused() {
    let storage = storage();
    let (mut track, _) = begin(&storage, home(&storage, 4), &counter(0, "")).await;
    let error = track.compare(&counter(0, &"a".repeat(7 << 20))).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.to_string().contains("at most 7340032 are allowed"), "{error}");
    assert!(track.compare(&counter(0, &"a".repeat((7 << 20) - 100))).unwrap().is_some());
}
