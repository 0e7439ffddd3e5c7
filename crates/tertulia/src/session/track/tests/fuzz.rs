//! Random states with logs inside, followed through random changes, failures and branches: every version there ever was can
//! be had again.

use std::sync::Arc;

use bytes::Bytes;
use fastrand::Rng;
use tertulia_testkit::Played;

use super::{home, storage, store};
use crate::session::tests::sizes::Sizes;
use crate::session::tests::with_logs::{Model, Session, assert_same, change};
use crate::session::track::{Track, TrackHome};
use crate::storage::Storage;

/// In every run; 100,000 were played by hand.
const ROUNDS: usize = 6_000;

/// So many rounds are one run.
const RUN: usize = 300;

/// What is stored of a version.
#[derive(Clone, Debug)]
enum Written {
    Whole(Vec<u8>),
    /// A change of the version with this index.
    Change(usize, Bytes),
}

/// A run: each version that was stored, and what it has to be.
struct Run {
    storage: Arc<dyn Storage>,
    is_plain: bool,
    versions: Vec<(Written, Model)>,
}

impl Run {
    fn home(&self, log_tail: usize) -> TrackHome {
        if self.is_plain { TrackHome::plain() } else { home(&self.storage, log_tail) }
    }

    async fn load(&self, version: usize, log_tail: usize) -> Track {
        let (mut at, mut changes) = (version, Vec::new());
        let whole = loop {
            match &self.versions[at].0 {
                Written::Whole(whole) => break whole,
                Written::Change(before, change) => {
                    changes.insert(0, change.clone());
                    at = *before;
                }
            }
        };
        let mut track = Track::load(self.home(log_tail), whole, &changes).await.unwrap();
        let newest = match &self.versions[self.versions.len() - 1].0 {
            Written::Whole(whole) => whole,
            Written::Change(_, change) => &change[..],
        };
        track.reserve_logs(Track::next_log_of(newest).unwrap());
        track
    }
}

/// The value of the last accepted version is the model; if `all`, with every item.
async fn check(track: &Track, model: &Model, all: bool, round: usize) -> Session {
    let mut value: Session = track.value().unwrap();
    assert_same(&mut value, &mut model.clone(), all, round).await;
    value
}

async fn play(is_plain: bool, played: &Played) {
    let mut rng = Rng::with_seed(played.seed);
    let (mut sizes, mut branches, mut failures, mut checked) = (Sizes::default(), 0, 0, 0);
    for nth in 0..played.rounds.div_ceil(RUN) {
        let mut run = Run { storage: storage(), is_plain, versions: Vec::new() };
        let (mut value, mut model) = (Session::default(), Model::default());
        for _ in 0..rng.usize(..20) {
            change(&mut value, &mut model, &mut rng).await;
        }
        model.value = value.value.clone();
        let (mut track, first) = Track::begin(run.home(rng.usize(1..8)), &value).unwrap();
        run.versions.push((Written::Whole(first.whole(&track)), model.clone()));
        store(&run.storage, &mut track, first).await;
        let mut at = 0;
        for round in nth * RUN..(nth + 1) * RUN {
            if rng.u8(..6) == 0 {
                // Loaded again, or gone back to whatever there was.
                branches += 1;
                at = if rng.bool() { at } else { rng.usize(..run.versions.len()) };
                track = run.load(at, rng.usize(1..8)).await;
                model = run.versions[at].1.clone();
                let all = rng.bool();
                value = check(&track, &model, all, round).await;
                assert!(track.compare(&value).unwrap().is_none(), "round {round}: reading is no change");
            }
            let mut next = model.clone();
            for _ in 0..rng.usize(1..=3) {
                change(&mut value, &mut next, &mut rng).await;
            }
            next.value = value.value.clone();
            assert_same(&mut value, &mut next, false, round).await;
            if rng.u8(..10) == 0 {
                // The step failed before it was compared.
                failures += 1;
                value = check(&track, &model, false, round).await;
                continue;
            }
            let Some(change) = track.compare(&value).unwrap() else {
                assert_eq!(next, model, "round {round}: a change is not seen");
                continue;
            };
            let (record, whole) = (change.record().to_vec(), change.whole(&track));
            if rng.u8(..10) == 0 {
                // It could not be committed.
                drop(change);
                failures += 1;
                value = check(&track, &model, true, round).await;
                continue;
            }
            sizes.add(record.len(), whole.len());
            store(&run.storage, &mut track, change).await;
            assert_eq!(track.whole(), whole, "round {round}");
            let is_whole = rng.u8(..8) == 0;
            let written = if is_whole { Written::Whole(whole) } else { Written::Change(at, record.into()) };
            (model, at) = (next, run.versions.len());
            run.versions.push((written, model.clone()));
        }
        for (version, (_, model)) in run.versions.iter().enumerate() {
            checked += 1;
            check(&run.load(version, rng.usize(1..8)).await, model, true, version).await;
        }
    }
    assert!(
        checked > played.rounds / 2 && branches > played.rounds / 8,
        "{checked} versions, {branches} branches"
    );
    assert!(failures > played.rounds / 10, "{failures} failures");
    sizes.assert_small();
    println!("{} rounds, {checked} versions, {branches} loads, {failures} failures: {sizes}", played.rounds);
}

#[tokio::test]
async fn every_version_there_ever_was_is_had_again_with_all_items_of_its_logs_and_no_others() {
    play(false, &Played::new(0x7e47_0011, ROUNDS)).await;
}

#[tokio::test]
async fn so_is_one_whose_logs_are_lists() {
    play(true, &Played::new(0x7e47_0012, ROUNDS / 3)).await;
}
