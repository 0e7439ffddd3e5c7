//! A value of every shape that serde knows, and random changes of it.

use std::collections::{BTreeMap, HashMap};

use fastrand::Rng;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::session) struct Value {
    text: String,
    int: i64,
    big: u64,
    #[serde(rename = "f")]
    float: f32,
    double: f64,
    blob: Blob,
    option: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sparse: Option<u32>,
    unit: (),
    tuple: (i8, bool, char),
    items: Vec<Item>,
    numbers: Vec<i32>,
    map: HashMap<String, i64>,
    by_number: BTreeMap<u64, String>,
    by_int: HashMap<i64, Vec<u8>>,
    by_flag: HashMap<bool, u8>,
    by_place: HashMap<(i32, i32), String>,
    by_choice: HashMap<Choice, i32>,
    external: External,
    tagged: Tagged,
    adjacent: Adjacent,
    untagged: Untagged,
    inner: Option<Box<Value>>,
    #[serde(flatten)]
    fixed: Fixed,
    #[serde(flatten)]
    extra: HashMap<String, Item>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Fixed {
    fixed_a: u8,
    fixed_b: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::session) struct Item {
    pub(super) id: u32,
    body: String,
    tags: HashMap<String, u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Choice {
    One,
    Two,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
enum External {
    #[default]
    Unit,
    Newtype(String),
    Tuple(i32, String),
    Struct {
        a: u16,
        b: Option<bool>,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    #[default]
    Nothing,
    Item(Item),
    Pair {
        left: i64,
        right: Vec<String>,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    #[default]
    Nothing,
    Many(Vec<u64>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Int(i64),
    Text(String),
    List(Vec<Untagged>),
    Map(BTreeMap<String, Untagged>),
}

impl Default for Untagged {
    fn default() -> Self {
        Self::Int(0)
    }
}

/// Bytes as MessagePack has them, not an array of numbers.
#[derive(Clone, Debug, Default, PartialEq)]
struct Blob(Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Blob;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Visitor)
    }
}

fn text(rng: &mut Rng) -> String {
    const PARTS: [&str; 12] =
        ["a", "bc", "the quick brown fox ", "é", "ß", "日本", "😀", "👩‍👩‍👧", "\0", "\n", "e\u{301}", "مرحبا"];
    let parts = if rng.u8(..) < 8 { rng.usize(50..600) } else { rng.usize(0..8) };
    (0..parts).map(|_| PARTS[rng.usize(..PARTS.len())]).collect()
}

fn key(rng: &mut Rng) -> String {
    format!("k{}{}", rng.u8(..40), if rng.bool() { "é" } else { "" })
}

fn int(rng: &mut Rng) -> i64 {
    const EDGES: [i64; 12] = [0, 1, -1, 127, 128, -32, -33, 255, 65_536, i64::MIN, i64::MAX, 1 << 32];
    if rng.bool() { EDGES[rng.usize(..EDGES.len())] } else { rng.i64(..) }
}

pub(super) fn item(rng: &mut Rng) -> Item {
    let tags = (0..rng.usize(0..3)).map(|_| (key(rng), rng.u8(..))).collect();
    Item { id: rng.u32(..), body: text(rng), tags }
}

fn external(rng: &mut Rng) -> External {
    match rng.u8(..4) {
        0 => External::Unit,
        1 => External::Newtype(text(rng)),
        2 => External::Tuple(rng.i32(..), text(rng)),
        _ => External::Struct { a: rng.u16(..), b: rng.bool().then(|| rng.bool()) },
    }
}

fn tagged(rng: &mut Rng) -> Tagged {
    match rng.u8(..3) {
        0 => Tagged::Nothing,
        1 => Tagged::Item(item(rng)),
        _ => Tagged::Pair { left: int(rng), right: (0..rng.usize(0..4)).map(|_| text(rng)).collect() },
    }
}

fn untagged(rng: &mut Rng, depth: u8) -> Untagged {
    match rng.u8(..if depth == 0 { 2 } else { 4 }) {
        0 => Untagged::Int(int(rng)),
        1 => Untagged::Text(text(rng)),
        2 => Untagged::List((0..rng.usize(0..4)).map(|_| untagged(rng, depth - 1)).collect()),
        _ => Untagged::Map((0..rng.usize(0..4)).map(|_| (key(rng), untagged(rng, depth - 1))).collect()),
    }
}

fn change_list<T: Clone>(list: &mut Vec<T>, rng: &mut Rng, make: impl Fn(&mut Rng) -> T) {
    let some = |rng: &mut Rng, len: usize| rng.usize(..len.max(1));
    match rng.u8(..14) {
        0..=3 => list.push(make(rng)),
        4 => drop(list.pop()),
        5 => list.insert(rng.usize(..=list.len()), make(rng)),
        6 if !list.is_empty() => drop(list.remove(some(rng, list.len()))),
        7 if !list.is_empty() => {
            let place = some(rng, list.len());
            list[place] = make(rng);
        }
        8 => list.reverse(),
        9 => list.retain(|_| rng.u8(..4) > 0),
        10 if !list.is_empty() => {
            let mid = some(rng, list.len());
            list.rotate_left(mid);
        }
        11 => list.extend((0..rng.usize(0..20)).map(|_| make(rng))),
        12 => list.truncate(some(rng, list.len() + 1)),
        _ => drop(list.drain(..some(rng, list.len() / 2 + 1))),
    }
}

fn change_text(value: &mut String, rng: &mut Rng) {
    match rng.u8(..6) {
        0 => *value = text(rng),
        1 => value.push_str(&text(rng)),
        2 => value.insert_str(0, &text(rng)),
        3 => drop(value.pop()),
        4 => *value = value.chars().rev().collect(),
        _ => {
            let at = value.char_indices().map(|(at, _)| at).nth(rng.usize(..=value.len()) / 2);
            if let Some(at) = at {
                value.insert_str(at, &text(rng));
            }
        }
    }
}

impl Value {
    /// Changes something, or nothing.
    pub(in crate::session) fn mutate(&mut self, rng: &mut Rng) {
        match rng.u8(..42) {
            0 | 1 => change_text(&mut self.text, rng),
            2 => self.int = int(rng),
            3 => self.int = self.int.wrapping_add(1),
            4 => self.big = int(rng).cast_unsigned(),
            5 => self.float = [0.0, -0.0, 1.5, f32::INFINITY, f32::MIN_POSITIVE][rng.usize(..5)],
            6 => self.double = [0.0, -0.0, rng.f64(), f64::NEG_INFINITY][rng.usize(..4)],
            7 => self.blob = Blob((0..rng.usize(0..600)).map(|_| rng.u8(..)).collect()),
            8 => change_list(&mut self.blob.0, rng, |rng| rng.u8(..)),
            9 => self.option = rng.bool().then(|| text(rng)),
            10 => self.sparse = rng.bool().then(|| rng.u32(..)),
            11 => self.tuple = (rng.i8(..), rng.bool(), rng.char(..)),
            12..=16 => change_list(&mut self.items, rng, item),
            17 | 18 if !self.items.is_empty() => {
                let place = rng.usize(..self.items.len());
                change_text(&mut self.items[place].body, rng);
                self.items[place].tags.insert(key(rng), rng.u8(..));
            }
            19 => self.items.iter_mut().for_each(|item| item.id = item.id.wrapping_add(1)),
            20 | 21 => change_list(&mut self.numbers, rng, |rng| rng.i32(..1_000)),
            22 => self.numbers.sort_unstable(),
            23 | 24 => drop(self.map.insert(key(rng), int(rng))),
            25 => drop(self.map.remove(&key(rng))),
            26 => self.map.retain(|_, _| rng.u8(..5) > 0),
            27 => drop(self.by_number.insert(rng.u64(..100_000), text(rng))),
            28 => drop(self.by_number.pop_first()),
            29 => change_list(self.by_int.entry(rng.i64(-5..300)).or_default(), rng, |rng| rng.u8(..)),
            30 => drop(self.by_flag.insert(rng.bool(), rng.u8(..))),
            31 => drop(self.by_place.insert((rng.i32(..9), rng.i32(..9)), text(rng))),
            32 => {
                let choice = if rng.bool() { Choice::One } else { Choice::Two };
                self.by_choice.insert(choice, rng.i32(..));
            }
            33 => self.external = external(rng),
            34 => self.tagged = tagged(rng),
            35 => match &mut self.adjacent {
                Adjacent::Many(many) if rng.u8(..4) > 0 => change_list(many, rng, |rng| rng.u64(..)),
                other => *other = if rng.bool() { Adjacent::Many(vec![]) } else { Adjacent::Nothing },
            },
            36 => self.untagged = untagged(rng, 3),
            37 => match &mut self.inner {
                Some(inner) if rng.u8(..10) > 0 => inner.mutate(rng),
                inner => *inner = inner.is_none().then(Box::default),
            },
            38 => change_text(&mut self.fixed.fixed_b, rng),
            39 => drop(self.extra.insert(key(rng), item(rng))),
            40 => drop(self.extra.remove(&key(rng))),
            _ if rng.u8(..20) == 0 => *self = Self::default(),
            _ => {}
        }
    }
}
