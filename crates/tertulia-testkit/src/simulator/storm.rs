//! Plays stories over a real server, in real time, through a network that fails as their seeds say.

use std::sync::Arc;
use std::time::Duration;

use super::plan::Plan;
use super::play::run;
use super::real::{Ground, Real};
use super::world::World;
use super::{Figures, Sabotage, Story};
use crate::Played;

/// How many seeds are played unless the environment asks for others.
const SEEDS: usize = 8;

/// How many of them at once: they wait more than they work.
const AT_ONCE: usize = 4;

/// Longer than any story takes.
const LIMIT: Duration = Duration::from_mins(2);

/// Plays a seed over a real server. Updates, processes, people and the failures of the network are those of the seed
/// each time, and of the same kinds as in [`play`](super::play()); what comes first when two things happen at once is not.
pub fn storm(seed: u64, sabotage: Sabotage, ground: &Arc<Ground>) -> Story {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
    runtime.block_on(async {
        let real = Real::open(Arc::clone(ground)).await.expect("the server takes a new store");
        let world = World::new(Plan::new(seed, sabotage).over_a_network(), true, Some(real));
        if tokio::time::timeout(LIMIT, run(&world)).await.is_err() {
            world.violation(|| "the story does not end".into());
        }
        Story { violations: world.take_violations(), trace: world.trace.take(), figures: world.figures() }
    })
}

/// Plays 8 seeds, or as many as `TERTULIA_FUZZ_ROUNDS` says, from 1 or `TERTULIA_FUZZ_SEED` on.
///
/// # Panics
/// If something happened that must not: prints what happened.
pub fn storms(ground: &Arc<Ground>) -> Figures {
    let played = Played::new(1, SEEDS);
    let seeds: Vec<u64> = (played.seed..).take(played.rounds).collect();
    let mut figures = Figures::default();
    for seeds in seeds.chunks(AT_ONCE) {
        let stories: Vec<(u64, Story)> = std::thread::scope(|scope| {
            let play = |&seed| (seed, scope.spawn(move || storm(seed, Sabotage::Nothing, ground)));
            let stories: Vec<_> = seeds.iter().map(play).collect();
            stories.into_iter().map(|(seed, story)| (seed, story.join().expect("it ends"))).collect()
        });
        for (seed, story) in stories {
            if !story.violations.is_empty() {
                println!("{}", story.trace.join("\n"));
                panic!("seed {seed}:\n  {}", story.violations.join("\n  "));
            }
            figures += story.figures;
        }
    }
    figures
}
