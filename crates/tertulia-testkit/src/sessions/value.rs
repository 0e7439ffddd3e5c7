//! A session of most shapes that a type can have, for the cases that change it in every way.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

/// A value of most shapes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) items: Vec<Item>,
    pub(super) numbers: Vec<i64>,
    pub(super) other: Vec<i64>,
    pub(super) map: BTreeMap<String, Item>,
    pub(super) by_number: HashMap<u32, Vec<String>>,
    pub(super) set: HashSet<String>,
    pub(super) option: Option<Item>,
    pub(super) shape: Shape,
    pub(super) untagged: Untagged,
    pub(super) day: Day,
    pub(super) text: String,
    pub(super) float: f64,
    pub(super) bytes: Vec<u8>,
    pub(super) pair: (i32, String),
    pub(super) deep: Deep,
    /// Large states are stored as patches, small ones whole.
    pub(super) beside: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Item {
    pub(super) id: u32,
    pub(super) done: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Deep {
    pub(super) below: Option<Box<Deep>>,
    pub(super) items: Vec<Item>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(super) enum Shape {
    #[default]
    None,
    Circle {
        radius: f64,
    },
    Path {
        points: Vec<(i32, i32)>,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Untagged {
    Number(i64),
    Text(String),
}

impl Default for Untagged {
    fn default() -> Self {
        Self::Number(0)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Day {
    pub(super) year: i32,
    pub(super) month: u8,
    pub(super) day: u8,
}

pub(super) fn sample(beside: usize) -> State {
    let item = |id| Item { id, done: false };
    State {
        items: vec![item(1), item(2), item(3)],
        numbers: vec![3, 1, 2, 2],
        other: vec![7],
        map: ["a", "b", "c"].into_iter().zip(1..).map(|(key, id)| (key.to_owned(), item(id))).collect(),
        by_number: (0..20).map(|n| (n, vec![format!("text {n}")])).collect(),
        set: ["x".to_owned()].into(),
        option: Some(item(9)),
        shape: Shape::Path { points: vec![(0, 0), (1, 1)] },
        untagged: Untagged::Text("seven".to_owned()),
        day: Day { year: 2024, month: 2, day: 28 },
        text: "the quick brown fox".to_owned(),
        float: 0.1,
        bytes: vec![0, 127, 255],
        pair: (1, "one".to_owned()),
        deep: Deep { below: Some(Box::default()), items: vec![item(1)] },
        beside: "-".repeat(beside),
    }
}
