//! A session that is changed at random and followed: whoever applies the operations holds what the writer holds.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tertulia::session::{Live, Operation, Options};
use tertulia::{Clock, Log, Sessions};

use super::Watched;

/// `TERTULIA_FUZZ_ROUNDS` for more.
const ROUNDS: usize = 2_500;

const TAIL: usize = 6;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Chat {
    title: String,
    count: i64,
    score: f64,
    ratio: f32,
    option: Option<Kind>,
    kinds: Vec<Kind>,
    numbers: Vec<i32>,
    by_text: HashMap<String, Kind>,
    by_number: BTreeMap<u64, Vec<String>>,
    by_flag: HashMap<bool, i8>,
    bytes: Blob,
    history: Log<Message>,
    steps: Log<String>,
    rooms: BTreeMap<String, Log<String>>,
    threads: Vec<Thread>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Kind {
    Unit,
    Newtype(String),
    Tuple(i32, f64),
    Struct { a: Option<u16>, b: Vec<String> },
}

#[derive(Debug, Serialize, Deserialize)]
struct Message {
    id: u32,
    text: String,
    tags: BTreeMap<String, u8>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Thread {
    title: String,
    log: Log<Message>,
}

/// Bytes, not an array of numbers.
#[derive(Debug, Default)]
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
    const PARTS: [&str; 9] = ["a", "/", "~", "quick ", "é", "日本", "👩‍👩‍👧", "\0\n\"", "e\u{301}"];
    let parts = if rng.u8(..) < 8 { rng.usize(40..300) } else { rng.usize(0..6) };
    (0..parts).map(|_| PARTS[rng.usize(..PARTS.len())]).collect()
}

fn key(rng: &mut Rng) -> String {
    ["one", "two", "a/b", "~1", "", "ñ", "-", "0"][rng.usize(..8)].to_owned()
}

fn float(rng: &mut Rng) -> f64 {
    [0.5, -1e300, f64::NAN, f64::INFINITY, 0.1, rng.f64()][rng.usize(..6)]
}

fn kind(rng: &mut Rng) -> Kind {
    match rng.u8(..4) {
        0 => Kind::Unit,
        1 => Kind::Newtype(text(rng)),
        2 => Kind::Tuple(rng.i32(..), float(rng)),
        _ => Kind::Struct {
            a: rng.bool().then(|| rng.u16(..)),
            b: (0..rng.u8(..4)).map(|_| text(rng)).collect(),
        },
    }
}

fn message(rng: &mut Rng) -> Message {
    let tags = (0..rng.u8(..3)).map(|_| (key(rng), rng.u8(..))).collect();
    Message { id: rng.u32(..), text: text(rng), tags }
}

fn change_list<T>(list: &mut Vec<T>, rng: &mut Rng, make: impl Fn(&mut Rng) -> T) {
    match rng.u8(..8) {
        0 | 1 => list.push(make(rng)),
        2 => list.insert(rng.usize(..=list.len()), make(rng)),
        3 => drop(list.pop()),
        4 if !list.is_empty() => drop(list.remove(rng.usize(..list.len()))),
        5 if !list.is_empty() => {
            let place = rng.usize(..list.len());
            list[place] = make(rng);
        }
        6 => list.truncate(12),
        _ => list.reverse(),
    }
}

fn change_log<T>(
    log: &mut Log<T>,
    rng: &mut Rng,
    make: impl Fn(&mut Rng) -> T,
    edit: impl Fn(&mut T, &mut Rng),
) {
    match rng.u8(..12) {
        0..=3 => log.push(make(rng)),
        4 => log.extend((0..rng.usize(..9)).map(|_| make(rng)).collect::<Vec<_>>()),
        5 | 6 => drop(log.pop()),
        7 => log.last_mut(3).iter_mut().for_each(|item| edit(item, rng)),
        8 => log.keep_last(rng.usize(..10)),
        9 => log.drop_first(1),
        10 => {
            log.pop();
            log.push(make(rng));
        }
        _ if rng.u8(..4) == 0 => log.clear(),
        _ => *log = (0..rng.usize(..4)).map(|_| make(rng)).collect::<Vec<_>>().into(),
    }
}

fn edit_message(message: &mut Message, rng: &mut Rng) {
    message.id += 1;
    message.tags.insert(key(rng), rng.u8(..));
}

impl Chat {
    fn mutate(&mut self, rng: &mut Rng) {
        let change_text = |item: &mut String, rng: &mut Rng| item.push_str(&text(rng));
        match rng.u8(..24) {
            0 => self.title = text(rng),
            1 => self.count = [0, -1, i64::MIN, i64::MAX, rng.i64(..)][rng.usize(..5)],
            2 => self.score = float(rng),
            3 => self.ratio = [0.1, f32::NAN, rng.f32()][rng.usize(..3)],
            4 => self.option = rng.bool().then(|| kind(rng)),
            5 => change_list(&mut self.kinds, rng, kind),
            6 => change_list(&mut self.numbers, rng, |rng| rng.i32(..)),
            7 => drop(self.by_text.insert(key(rng), kind(rng))),
            8 => drop(self.by_text.remove(&key(rng))),
            9 => change_list(self.by_number.entry(rng.u64(..6)).or_default(), rng, text),
            10 => drop(self.by_number.pop_first()),
            11 => drop(self.by_flag.insert(rng.bool(), rng.i8(..))),
            12 => change_list(&mut self.bytes.0, rng, |rng| rng.u8(..)),
            13..=16 => change_log(&mut self.history, rng, message, edit_message),
            17 => change_log(&mut self.steps, rng, text, change_text),
            18 => change_log(self.rooms.entry(key(rng)).or_default(), rng, text, change_text),
            19 => drop(self.rooms.remove(&key(rng))),
            20 if self.threads.len() < 5 => {
                self.threads.insert(rng.usize(..=self.threads.len()), Thread::default());
            }
            21 if !self.threads.is_empty() => {
                let place = rng.usize(..self.threads.len());
                match rng.u8(..5) {
                    0 => drop(self.threads.remove(place)),
                    1 => std::mem::swap(&mut self.history, &mut self.threads[place].log),
                    2 => self.threads.rotate_left(place),
                    _ => change_log(&mut self.threads[place].log, rng, message, edit_message),
                }
            }
            22 => {
                let mut room = self.rooms.remove(&key(rng)).unwrap_or_default();
                std::mem::swap(&mut self.steps, &mut room);
                self.rooms.insert(key(rng), room);
            }
            _ if rng.u8(..20) == 0 => *self = Self::default(),
            _ => {}
        }
    }

    /// What serde_json makes of it, with the tails of its logs.
    fn to_json(&self) -> Value {
        let mut value = serde_json::to_value(self).unwrap();
        cut(&mut value["history"]);
        cut(&mut value["steps"]);
        value["rooms"].as_object_mut().unwrap().values_mut().for_each(cut);
        value["threads"].as_array_mut().unwrap().iter_mut().for_each(|thread| cut(&mut thread["log"]));
        value
    }

    fn logs(&self) -> usize {
        2 + self.rooms.len() + self.threads.len()
    }
}

fn cut(log: &mut Value) {
    let items = log.as_array_mut().unwrap();
    items.drain(..items.len().saturating_sub(TAIL));
}

pub(super) fn apply(value: &mut Value, operations: &[Operation]) {
    let patch: json_patch::Patch = serde_json::from_value(json!(operations)).unwrap();
    json_patch::patch(value, &patch).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_follower_holds_what_the_writer_holds_whatever_is_changed() {
    let rounds = std::env::var("TERTULIA_FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok());
    let mut rng = Rng::with_seed(0x7e47_0008);
    let storage = Watched::new();
    // The writer has all items loaded, so that it can tell what it holds.
    let options = Options { log_tail: 1 << 20, ..Options::default() };
    let chats = Sessions::<Chat>::with(storage.shared(), Clock::system(), "test", options).unwrap();
    let options = Options { log_tail: TAIL, ..Options::default() };
    let mut live = Live::open(storage.shared(), "test", "telegram:42", options).await.unwrap();
    let mut followed = live.value().clone();
    let (mut changes, mut bytes, mut whole_bytes) = (0, 0, 0);
    for round in 0..rounds.unwrap_or(ROUNDS) {
        let (mut expected, mut logs) = (Value::Null, 0);
        for _ in 0..rng.usize(1..=3) {
            match rng.u8(..60) {
                0 => drop(chats.delete("telegram:42").await.unwrap()),
                1 => drop(chats.rewrite("telegram:42").await.unwrap()),
                _ => {
                    let turns = rng.usize(1..=2);
                    let change = |chat: &mut Chat| (0..turns).for_each(|_| chat.mutate(&mut rng));
                    chats.update("telegram:42", change).await.unwrap();
                }
            }
        }
        if chats.contains("telegram:42").await.unwrap() {
            let chat = chats.get("telegram:42").await.unwrap();
            (expected, logs) = (chat.to_json(), chat.logs());
        }
        let changed = tokio::time::timeout(Duration::from_secs(1), live.changed()).await;
        match changed {
            Err(_) => assert_eq!(followed, expected, "round {round}: a change was missed"),
            Ok(operations) => {
                let operations = operations.unwrap();
                let before = followed.clone();
                apply(&mut followed, &operations);
                assert_ne!(before, followed, "round {round}: {operations:?} changes nothing");
                changes += 1;
                bytes += json!(operations).to_string().len();
                whole_bytes += expected.to_string().len();
            }
        }
        assert_eq!(followed, expected, "round {round}");
        assert_eq!(*live.value(), expected, "round {round}");
        assert_eq!(live.logs().count(), logs, "round {round}");
    }
    assert!(changes * 4 > rounds.unwrap_or(ROUNDS) * 3, "only {changes} changes were seen");
    assert!(bytes * 3 < whole_bytes, "operations are large: {bytes} bytes for {whole_bytes}");
}
