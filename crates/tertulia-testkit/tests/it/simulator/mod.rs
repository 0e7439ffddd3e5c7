//! The runner, the sessions and the bot layer, played from seeds.

mod bugs;

use tertulia_testkit::simulator::{Sabotage, check, play};

/// So many tests share the seeds, so that they are played side by side.
const PARTS: u64 = 4;

fn part(part: u64) {
    let figures = check(part, PARTS);
    println!("{figures:?}");
}

#[test]
fn nothing_is_lost_doubled_or_reordered_part_0() {
    part(0);
}

#[test]
fn nothing_is_lost_doubled_or_reordered_part_1() {
    part(1);
}

#[test]
fn nothing_is_lost_doubled_or_reordered_part_2() {
    part(2);
}

#[test]
fn nothing_is_lost_doubled_or_reordered_part_3() {
    part(3);
}

#[test]
fn a_seed_is_played_the_same_way_each_time() {
    for seed in 100_000..100_040 {
        let (once, again) = (play(seed, Sabotage::Nothing, true), play(seed, Sabotage::Nothing, true));
        if let Some((one, other)) = once.trace.iter().zip(&again.trace).find(|(one, other)| one != other) {
            panic!("seed {seed} is not played the same way:\n{one}\n{other}");
        }
        assert_eq!(once.trace.len(), again.trace.len(), "seed {seed}");
        assert!(once.trace.len() > 20, "seed {seed} has no story");
    }
}
