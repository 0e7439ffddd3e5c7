//! Random programs against a model that looks at everything each time.

use std::sync::Arc;

use super::{Key, Lane, Place, Sequencer};

/// An entry of the model, in the order of arrival.
struct Known {
    id: u32,
    keys: Vec<Key>,
    place: Place,
    state: State,
    was_ready: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Taken,
    Held,
    /// It has left its lists.
    Away,
}

/// Of which lane an entry is.
fn lane(id: u32) -> Lane {
    match id % 4 {
        0 => Lane::Passing,
        source => Lane::Source(u8::try_from(source).unwrap()),
    }
}

/// What must be ready: waiting entries that share no key with an earlier one.
fn ready(known: &[Known]) -> Vec<u32> {
    let heads = |nth: usize, entry: &Known| {
        let mut earlier = known[..nth].iter().filter(|earlier| earlier.state != State::Away);
        earlier.all(|earlier| earlier.keys.iter().all(|key| !entry.keys.contains(key)))
    };
    let mut ready: Vec<u32> = known
        .iter()
        .enumerate()
        .filter(|(nth, entry)| entry.state == State::Waiting && heads(*nth, entry))
        .map(|(_, entry)| entry.id)
        .collect();
    ready.sort_unstable();
    ready
}

fn some(rng: &mut fastrand::Rng, known: &[Known], state: State) -> Option<usize> {
    let places: Vec<usize> = (0..known.len()).filter(|nth| known[*nth].state == state).collect();
    rng.choice(places)
}

fn check(sequencer: &Sequencer<u32>, known: &[Known], seed: u64) {
    assert_eq!(sequencer.len(), known.len(), "seed {seed}");
    let mut listed: Vec<u32> =
        sequencer.ready.iter().map(|entry| sequencer.entries[entry].value % 1_000_000).collect();
    listed.sort_unstable();
    assert_eq!(listed, ready(known), "seed {seed}");
}

fn run_program(seed: u64, steps: usize) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let names: Vec<Key> = (0..rng.usize(1..9)).map(|n| Arc::from(n.to_string().as_str())).collect();
    let mut sequencer = Sequencer::default();
    let mut known: Vec<Known> = Vec::new();
    let mut next = 0;
    for step in 0.. {
        let growing = step < steps;
        if !growing && known.is_empty() {
            break;
        }
        match rng.u8(0..if growing { 11 } else { 8 }) {
            0 | 1 => {
                let taken = sequencer.take_passing().or_else(|| sequencer.take());
                assert_eq!(taken.is_some(), !ready(&known).is_empty(), "seed {seed}");
                if let Some((place, value)) = taken {
                    let entry = known.iter_mut().find(|entry| entry.place == place).unwrap();
                    assert_eq!((entry.id, entry.state), (value % 1_000_000, State::Waiting), "seed {seed}");
                    entry.state = State::Taken;
                }
            }
            2 => {
                if let Some(nth) = some(&mut rng, &known, State::Taken) {
                    sequencer.finish(known.remove(nth).place);
                }
            }
            3 => {
                if let Some(nth) = some(&mut rng, &known, State::Taken) {
                    known[nth].state = State::Held;
                    sequencer.hold(known[nth].place, known[nth].id + 1_000_000);
                }
            }
            4 => {
                if let Some(nth) = some(&mut rng, &known, State::Held) {
                    known[nth].state = State::Waiting;
                    sequencer.resume(known[nth].place);
                }
            }
            5 => {
                if let Some(nth) = some(&mut rng, &known, State::Waiting) {
                    let never = !known[nth].was_ready;
                    assert_eq!(sequencer.withdraw(known[nth].place), never, "seed {seed}");
                    if never {
                        known[nth].state = State::Away;
                    }
                }
            }
            6 => {
                if let Some(nth) = some(&mut rng, &known, State::Away) {
                    sequencer.give_back(known[nth].place);
                    // It is behind those that were ready, and else where it was.
                    let mut back = known.remove(nth);
                    back.state = State::Waiting;
                    let behind = known.iter().position(|other| !other.was_ready && other.id > back.id);
                    known.insert(behind.unwrap_or(known.len()), back);
                }
            }
            7 => {
                if let Some(nth) = some(&mut rng, &known, State::Waiting) {
                    assert!(sequencer.stop(known[nth].place), "seed {seed}");
                    sequencer.resume(known[nth].place);
                }
            }
            _ => {
                let keys: Vec<Key> =
                    (0..rng.usize(0..5)).map(|_| rng.choice(&names).unwrap().clone()).collect();
                let place = sequencer.push(lane(next), &keys, next, 1);
                known.push(Known { id: next, keys, place, state: State::Waiting, was_ready: false });
                next += 1;
            }
        }
        // What was ready goes first from then on.
        let ready = ready(&known);
        known.iter_mut().for_each(|entry| entry.was_ready |= ready.contains(&entry.id));
        known.sort_by_key(|entry| !entry.was_ready);
        check(&sequencer, &known, seed);
    }
    assert!(sequencer.nodes.is_empty(), "seed {seed}");
    assert!(sequencer.lists.is_empty() && sequencer.names.is_empty(), "seed {seed}");
}

#[test]
fn random_programs_agree_with_a_naive_model() {
    for seed in 0..600 {
        run_program(seed, 60);
    }
}

#[test]
fn a_long_program_agrees_with_a_naive_model() {
    run_program(u64::MAX, 1_000);
}

#[test]
fn entries_become_ready_in_the_order_in_which_they_came_to_head_their_lists() {
    let key: Key = Arc::from("a");
    let mut sequencer = Sequencer::default();
    let lane = Lane::Source(0);
    let first = sequencer.push(lane, std::slice::from_ref(&key), 1, 5);
    sequencer.push(lane, std::slice::from_ref(&key), 2, 7);
    sequencer.push(lane, &[], 3, 0);
    assert_eq!(sequencer.take(), Some((first, 1)));
    sequencer.finish(first);
    assert_eq!(sequencer.take().map(|(_, value)| value), Some(3));
    assert_eq!(sequencer.take().map(|(_, value)| value), Some(2));
    assert_eq!(sequencer.take(), None);
}

#[test]
fn each_source_has_its_turn_however_many_entries_another_has() {
    let mut sequencer = Sequencer::default();
    for n in 0..5 {
        sequencer.push(Lane::Source(0), &[], n, 0);
    }
    for n in 10..12 {
        sequencer.push(Lane::Source(1), &[], n, 0);
    }
    let taken: Vec<u32> = std::iter::from_fn(|| sequencer.take()).map(|(_, value)| value).collect();
    assert_eq!(taken, [0, 10, 1, 11, 2, 3, 4]);
}

#[test]
fn what_passes_the_queue_is_taken_apart() {
    let mut sequencer = Sequencer::default();
    sequencer.push(Lane::Source(0), &[], 1, 0);
    sequencer.push(Lane::Passing, &[], 2, 0);
    assert_eq!(sequencer.take_passing().map(|(_, value)| value), Some(2));
    assert_eq!(sequencer.take_passing(), None);
    assert_eq!(sequencer.take().map(|(_, value)| value), Some(1));
}

#[test]
fn the_place_of_a_finished_entry_names_no_other() {
    let mut sequencer = Sequencer::default();
    let first = sequencer.push(Lane::Source(0), &[], 1, 0);
    sequencer.take();
    sequencer.finish(first);
    let second = sequencer.push_held(Lane::Source(0), &[], 2, 0);
    assert_eq!(first.entry, second.entry);
    sequencer.resume(first);
    sequencer.finish(first);
    assert_eq!((sequencer.ready(), sequencer.len()), (0, 1));
}
