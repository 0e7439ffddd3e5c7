//! How long a random test plays, and how one that failed is played again.

/// The seed and the rounds of a random test. The environment can say others: `TERTULIA_FUZZ_SEED` and
/// `TERTULIA_FUZZ_ROUNDS`. Kept until the test ends, it says at a failure how to repeat it.
///
/// ```
/// # use tertulia_testkit::Played;
/// let played = Played::new(7, 100);
/// assert!(played.rounds > 0);
/// ```
#[derive(Debug)]
#[must_use = "kept until the test ends, it says at a failure how to repeat it"]
pub struct Played {
    /// What the random numbers are made from.
    pub seed: u64,
    /// How many rounds are played.
    pub rounds: usize,
}

impl Played {
    /// What the environment says, else these. Panics if the environment says something that is no number.
    pub fn new(seed: u64, rounds: usize) -> Self {
        let asked = variable("TERTULIA_FUZZ_ROUNDS");
        Self {
            seed: variable("TERTULIA_FUZZ_SEED").unwrap_or(seed),
            rounds: asked.map_or(rounds, |asked| usize::try_from(asked).unwrap_or(usize::MAX)),
        }
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { seed, rounds } = self;
            eprintln!("to repeat it: TERTULIA_FUZZ_SEED={seed} TERTULIA_FUZZ_ROUNDS={rounds}");
        }
    }
}

/// A number that the environment gives to a test.
pub(crate) fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`, a number is allowed")))
}
