//! Logs in every place of a session against plain vectors: thousands of turns, some of which fail.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use tertulia::error::Kind;
use tertulia::session::{Options, Store};
use tertulia::{Clock, Log};
use tertulia_testkit::Played;

use super::{Watched, commit_writes, conversation};

/// The session with `L` a log, and its model with `L` a vector.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Shape<L> {
    n: u32,
    main: L,
    side: L,
    maybe: Option<L>,
    list: Vec<L>,
    by_name: BTreeMap<String, L>,
    tagged: Tagged<L>,
    untagged: Untagged<L>,
    #[serde(flatten)]
    flat: Flat<L>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Flat<L> {
    flattened: L,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged<L> {
    #[default]
    Empty,
    Full {
        log: L,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged<L> {
    Number(u32),
    Other { log: L },
}

impl<L> Default for Untagged<L> {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl<L: Default> Shape<L> {
    fn slots(&mut self) -> Vec<&mut L> {
        let mut slots = vec![&mut self.main, &mut self.side, &mut self.flat.flattened];
        slots.extend(&mut self.maybe);
        slots.extend(&mut self.list);
        slots.extend(self.by_name.values_mut());
        if let Tagged::Full { log } = &mut self.tagged {
            slots.push(log);
        }
        if let Untagged::Other { log } = &mut self.untagged {
            slots.push(log);
        }
        slots
    }

    /// What moves logs as wholes, the same for both.
    fn rearrange(&mut self, op: u8, one: usize, other: usize) {
        match op {
            0 => {
                let (one, other) = (one % self.slots().len(), other % self.slots().len());
                if one != other {
                    let taken = std::mem::take(self.slots()[one]);
                    let swapped = std::mem::replace(self.slots()[other], taken);
                    *self.slots()[one] = swapped;
                }
            }
            1 => {
                let slot = one % self.slots().len();
                drop(std::mem::take(self.slots()[slot]));
            }
            2 => self.list.push(L::default()),
            3 => self.list.insert(0, L::default()),
            4 if !self.list.is_empty() => drop(self.list.remove(one % self.list.len())),
            5 if self.by_name.len() < 4 => drop(self.by_name.insert(format!("k{}", one % 6), L::default())),
            6 => drop(self.by_name.remove(&format!("k{}", one % 6))),
            7 => self.tagged = Tagged::Full { log: std::mem::take(&mut self.main) },
            8 => self.untagged = Untagged::Other { log: std::mem::take(&mut self.side) },
            9 => match std::mem::take(&mut self.tagged) {
                Tagged::Full { log } => self.maybe = Some(log),
                Tagged::Empty => self.n += 1,
            },
            10 => self.untagged = Untagged::Number(self.n),
            11 => {
                if let Some(log) = self.maybe.take() {
                    self.list.push(log);
                }
            }
            _ if one.is_multiple_of(40) => *self = Self::default(),
            _ => self.n += 1,
        }
        self.list.truncate(5);
    }
}

type Session = Shape<Log<String>>;
type Model = Shape<Vec<String>>;

/// Changes both. Tells whether a copy was made that cannot be stored.
async fn step(session: &mut Session, model: &mut Model, rng: &mut Rng) -> bool {
    let slot = rng.usize(..session.slots().len());
    let (log, list) = (session.slots().swap_remove(slot), model.slots().swap_remove(slot));
    match rng.u8(..20) {
        0..=5 => {
            let item = text_of(rng);
            log.push(item.clone());
            list.push(item);
        }
        6 => {
            let items: Vec<String> = (0..rng.usize(1..9)).map(|_| text_of(rng)).collect();
            log.extend(items.clone());
            list.extend(items);
        }
        7 | 8 => {
            if let Some(item) = log.pop() {
                assert_eq!(Some(item), list.pop());
            }
        }
        9 | 10 => {
            if let Some(last) = log.back_mut() {
                last.push('!');
                list.last_mut().unwrap().push('!');
            }
        }
        11 => {
            let n = rng.usize(..12);
            log.keep_last(n);
            list.drain(..list.len().saturating_sub(n));
        }
        12 => {
            let n = rng.usize(..4);
            log.drop_first(n);
            list.drain(..n.min(list.len()));
        }
        13 if rng.u8(..4) == 0 => {
            log.clear();
            list.clear();
        }
        14 => drop(log.load_before(rng.usize(..8)).await.unwrap()),
        15 => {
            let n = rng.usize(..4).min(log.tail().len());
            for item in log.last_mut(n) {
                item.push('?');
            }
            let from = list.len() - n;
            list[from..].iter_mut().for_each(|item| item.push('?'));
        }
        16 => {
            let (copy, half) = (log.clone(), log.not_loaded() > 0);
            let list_copy = list.clone();
            session.list.insert(0, copy);
            model.list.insert(0, list_copy);
            return half;
        }
        _ => {
            let (op, one, other) = (rng.u8(..14), rng.usize(..1_000), rng.usize(..1_000));
            session.rearrange(op, one, other);
            model.rearrange(op, one, other);
        }
    }
    false
}

fn text_of(rng: &mut Rng) -> String {
    format!("{} {}", rng.u32(..), "x".repeat(rng.usize(..30)))
}

fn assert_same(session: &mut Session, model: &mut Model, turn: usize) {
    assert_eq!(session.n, model.n, "turn {turn}");
    assert_eq!(session.slots().len(), model.slots().len(), "turn {turn}");
    for (log, list) in session.slots().into_iter().zip(model.slots()) {
        assert_eq!(log.len(), list.len(), "turn {turn}");
        assert_eq!(log.tail(), &list[log.not_loaded()..], "turn {turn}");
    }
}

const TURNS: usize = 50_000;

#[tokio::test]
async fn logs_are_what_vectors_would_be() {
    let played = Played::new(11, TURNS);
    let storage = Watched::new();
    let mut rng = Rng::with_seed(played.seed);
    let mut model = Model::default();
    let mut store = None;
    let (mut committed, mut refused, mut half_loaded) = (0, 0, 0);
    for turn in 0..played.rounds {
        if turn % 9 == 0 {
            let options = Options { log_tail: rng.usize(1..6), ..Options::default() };
            store = Some(Store::<Session>::with(storage.shared(), Clock::system(), "test", options).unwrap());
        }
        let store = store.as_ref().unwrap();
        let mut loaded = store.load(&conversation()).await.unwrap();
        let mut next = model.clone();
        let session = loaded.get_mut();
        assert_same(session, &mut next, turn);
        half_loaded += usize::from(session.slots().iter().any(|log| log.not_loaded() > 0));
        if turn % 9 == 4 {
            for log in session.slots() {
                while log.load_before(3).await.unwrap() > 0 {}
                assert_eq!(log.not_loaded(), 0);
            }
            assert_same(session, &mut next, turn);
        }
        let mut half_copied = false;
        for _ in 0..rng.usize(1..5) {
            half_copied |= step(loaded.get_mut(), &mut next, &mut rng).await;
        }
        assert_same(loaded.get_mut(), &mut next, turn);
        if rng.u8(..8) == 0 {
            continue;
        }
        let writes = match loaded.prepare() {
            Ok(writes) => writes,
            Err(error) => {
                assert!(half_copied && error.kind() == Kind::Invalid, "turn {turn}: {error}");
                refused += 1;
                continue;
            }
        };
        if writes.is_empty() {
            loaded.release();
            model = next;
            continue;
        }
        if rng.u8(..8) == 0 {
            storage.fail_commit();
            commit_writes(&storage, writes).await.unwrap_err();
            continue;
        }
        let heads = commit_writes(&storage, writes).await.unwrap().heads;
        loaded.committed(&heads);
        model = next;
        committed += 1;
        let logs = storage.keys().await.len().saturating_sub(1);
        assert!(logs <= model.slots().len(), "turn {turn}: {logs} logs are stored");
    }
    let told = format!("{committed} commits, {refused} half copies refused, {half_loaded} half loaded");
    assert!(
        committed > played.rounds / 2 && refused > played.rounds / 500 && half_loaded > played.rounds / 10,
        "{told}"
    );
    println!("{} turns: {told}", played.rounds);
}
