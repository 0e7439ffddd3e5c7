//! `tertulia torture`: feeds a bot, kills it again and again, and judges what it answers.

mod course;
mod fake;
mod judge;
mod load;
mod memory;
mod options;
mod recovery;
mod report;
mod victim;

use std::path::Path;

use tertulia::Clock;

use crate::failure::Failure;
use crate::output;
use crate::signal::Signals;

pub(crate) use options::Torture;

/// Runs a torture to its judgement.
///
/// # Errors
/// `Run` if something was lost, reordered or doubled, or a counter went back; or if the bot never answered.
pub(crate) async fn run(options: Torture) -> Result<(), Failure> {
    if u64::from(options.poison) > options.updates {
        return Err(Failure::Usage("poison: there must be no more of it than of updates".to_owned()));
    }
    let mut signals = Signals::catch()?;
    let cannot = |error| Failure::Run(format!("no folder can be made for the bot: {error}"));
    let thrown_away = tempfile::Builder::new().prefix("torture-").tempdir().map_err(cannot)?;
    let keep = options.keep.clone();
    let folder = keep.as_deref().unwrap_or(thrown_away.path());
    let clock = Clock::system();
    let seed = options.seed.unwrap_or_else(|| clock.random() >> 32);
    let outcome = tokio::select! {
        outcome = judged(&options, seed, clock, folder) => outcome,
        () = signals.next() => Err(Failure::Run("stopped by a signal".to_owned())),
    };
    if outcome.is_err() && keep.is_none() {
        let kept = thrown_away.keep();
        output::error(format_args!("what the bot kept and printed is in {}", kept.display()));
    }
    outcome
}

async fn judged(options: &Torture, seed: u64, clock: Clock, folder: &Path) -> Result<(), Failure> {
    let report = course::Course::start(options, seed, clock, folder).await?.run().await?;
    match options.json {
        true => output::line(report.json()),
        false => output::text(&report.text()),
    }
    match report.verdict.wrong() {
        Some(wrong) => Err(Failure::Run(wrong)),
        None => Ok(()),
    }
}
