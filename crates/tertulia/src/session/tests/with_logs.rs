//! Random sessions with logs inside, randomly changed and stored: what is read back is the session.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use tertulia_testkit::Played;

use super::sizes::Sizes;
use super::value::{Item, Value, item};
use crate::session::format::Patch;
use crate::session::{Options, Store};
use crate::storage::{Batch, CommitId, Memory, Storage, Write};
use crate::{Clock, Conversation, Log};

/// A session with `L` a log, and its model with `L` a vector.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::session) struct Whole<L> {
    pub(in crate::session) value: Value,
    history: L,
    notes: Option<L>,
    shelf: Vec<L>,
    #[serde(flatten)]
    drawer: BTreeMap<String, L>,
}

pub(in crate::session) type Session = Whole<Log<Item>>;
pub(in crate::session) type Model = Whole<Vec<Item>>;

impl<L: Default> Whole<L> {
    fn slots(&mut self) -> Vec<&mut L> {
        let mut slots = vec![&mut self.history];
        slots.extend(&mut self.notes);
        slots.extend(&mut self.shelf);
        slots.extend(self.drawer.values_mut());
        slots
    }

    /// What moves logs as wholes, the same for both.
    fn rearrange(&mut self, op: u8, at: usize) {
        match op {
            0 => self.notes = Some(std::mem::take(&mut self.history)),
            1 => self.history = self.notes.take().unwrap_or_default(),
            2 => self.shelf.insert(at % (self.shelf.len() + 1), L::default()),
            3 if !self.shelf.is_empty() => drop(self.shelf.swap_remove(at % self.shelf.len())),
            4 => drop(self.drawer.insert(format!("drawer {}", at % 4), L::default())),
            5 => drop(self.drawer.pop_first()),
            6 => self.shelf.extend(self.notes.take()),
            _ => self.shelf.truncate(3),
        }
    }
}

/// Changes the session, and what the model has of its logs.
pub(in crate::session) async fn change(session: &mut Session, model: &mut Model, rng: &mut Rng) {
    let op = rng.u8(..40);
    if op < 30 {
        return session.value.mutate(rng);
    }
    let slot = rng.usize(..model.slots().len());
    let (log, list) = (session.slots().swap_remove(slot), model.slots().swap_remove(slot));
    match op {
        30..=32 => {
            let item = item(rng);
            log.push(item.clone());
            list.push(item);
        }
        33 => {
            if let Some(item) = log.pop() {
                assert_eq!(Some(item), list.pop());
            }
        }
        34 => {
            if let Some(last) = log.back_mut() {
                last.id = last.id.wrapping_add(1);
                let last = list.last_mut().unwrap();
                last.id = last.id.wrapping_add(1);
            }
        }
        35 => {
            let n = rng.usize(..10);
            log.keep_last(n);
            list.drain(..list.len().saturating_sub(n));
        }
        36 => drop(log.load_before(rng.usize(..4)).await.unwrap()),
        _ => {
            let (op, at) = (rng.u8(..8), rng.usize(..100));
            session.rearrange(op, at);
            model.rearrange(op, at);
        }
    }
}

/// The value, and what is loaded of each log; all of it if that is wanted.
pub(in crate::session) async fn assert_same(
    session: &mut Session,
    model: &mut Model,
    all: bool,
    round: usize,
) {
    assert_eq!(session.value, model.value, "round {round}");
    assert_eq!(session.slots().len(), model.slots().len(), "round {round}");
    for (log, list) in session.slots().into_iter().zip(model.slots()) {
        while all && log.load_before(3).await.unwrap() > 0 {}
        assert_eq!(log.len(), list.len(), "round {round}");
        assert_eq!(log.tail(), &list[log.not_loaded()..], "round {round}");
    }
}

/// In every run; 200,000 were played by hand.
const TURNS: usize = 30_000;

#[tokio::test]
async fn what_is_stored_of_a_session_with_logs_is_the_session_and_no_patch_is_larger_than_the_whole() {
    let played = Played::new(0x7e47_0002, TURNS);
    let mut rng = Rng::with_seed(played.seed);
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let here = Conversation::new("test", "1").unwrap();
    let fresh = |log_tail| {
        let options = Options { log_tail, ..Options::default() };
        Store::<Session>::with(Arc::clone(&storage), Clock::system(), "fuzz", options).unwrap()
    };
    let (mut store, mut model, mut sizes) = (fresh(4), Model::default(), Sizes::default());
    let (mut commits, mut reloads) = (0, 0);
    for round in 0..played.rounds {
        let reload = rng.u8(..4) == 0;
        if reload {
            reloads += 1;
            store = fresh(rng.usize(1..8));
        }
        let mut loaded = store.load(&here).await.unwrap();
        let mut next = model.clone();
        if reload {
            // Loading older items is no change.
            let mut read = fresh(rng.usize(1..8)).load(&here).await.unwrap();
            assert_same(read.get_mut(), &mut next, true, round).await;
            assert!(read.prepare().unwrap().is_empty(), "round {round}: reading is no change");
        }
        for _ in 0..rng.usize(1..=3) {
            change(loaded.get_mut(), &mut next, &mut rng).await;
        }
        next.value = loaded.get().value.clone();
        assert_same(loaded.get_mut(), &mut next, false, round).await;
        let writes = loaded.prepare().unwrap();
        if writes.is_empty() {
            assert_eq!(next, model, "round {round}: a change is not written");
            loaded.release();
            continue;
        }
        for patch in &writes[0].append {
            let whole = Patch::decode(patch).unwrap().state_len;
            sizes.add(patch.len(), usize::try_from(whole).unwrap());
        }
        if rng.u8(..16) == 0 {
            // As if the commit had failed.
            continue;
        }
        let writes = writes.into_iter().map(Write::Log).collect();
        let committed = storage.commit(Batch::new(CommitId(rng.u64(..)), writes)).await.unwrap();
        loaded.committed(&committed.heads);
        (model, commits) = (next, commits + 1);
    }
    assert!(sizes.patches > played.rounds / 4 && reloads > played.rounds / 5, "{sizes}, {reloads} reloads");
    sizes.assert_small();
    println!("{} rounds, {commits} commits, {reloads} reloads: {sizes}", played.rounds);
}
