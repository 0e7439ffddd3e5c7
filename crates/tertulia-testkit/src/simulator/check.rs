//! Plays many seeds, and tells the story of one that went wrong.

use super::{Figures, Sabotage, Story, play};
use crate::played::variable;

/// How many seeds are played unless the environment asks for others.
const SEEDS: u64 = 5_000;

/// What replays a seed.
const COMMAND: &str = "cargo test -p tertulia-testkit --test it simulator -- --nocapture";

/// Plays every `of`th seed from `part` on, so that tests side by side share them: 5,000 in all, or as many as
/// `TERTULIA_SIM_SEEDS` says. With `TERTULIA_SIM_SEED`, part 0 plays that seed alone and prints what happened.
///
/// # Panics
/// At the first seed in which something happened that must not: prints what happened and how to play it again.
pub fn check(part: u64, of: u64) -> Figures {
    let mut figures = Figures::default();
    if let Some(seed) = variable("TERTULIA_SIM_SEED") {
        if part == 0 {
            let played = play(seed, Sabotage::Nothing, true);
            println!("{}", played.trace.join("\n"));
            fail_if_violated(seed, &played);
        }
        return figures;
    }
    let seeds = variable("TERTULIA_SIM_SEEDS").unwrap_or(SEEDS);
    for seed in (part..seeds).step_by(usize::try_from(of).unwrap_or(usize::MAX).max(1)) {
        let played = play(seed, Sabotage::Nothing, false);
        if !played.violations.is_empty() {
            // Again, and this time the story is told.
            let played = play(seed, Sabotage::Nothing, true);
            println!("{}", played.trace.join("\n"));
            fail_if_violated(seed, &played);
            panic!(
                "seed {seed} went wrong and did not when it was played again: it is not played the same way"
            );
        }
        figures += played.figures;
    }
    figures
}

fn fail_if_violated(seed: u64, played: &Story) {
    assert!(
        played.violations.is_empty(),
        "seed {seed}:\n  {}\nto play it again: TERTULIA_SIM_SEED={seed} {COMMAND}",
        played.violations.join("\n  ")
    );
}

/// The first seed below `seeds` in which a bug that was built in is seen by `symptom`, a part of what is told then;
/// `None` if it is not seen.
pub fn find(sabotage: Sabotage, symptom: &str, seeds: u64) -> Option<(u64, String)> {
    (0..seeds).find_map(|seed| {
        let seen = play(seed, sabotage, false).violations;
        seen.into_iter().find(|text| text.contains(symptom)).map(|text| (seed, text))
    })
}
