//! One thread, one loop, one map: the least that counting updates by chat can cost.

use std::collections::HashMap;
use std::hint::black_box;

use measure::{Report, Run, Stopwatch};

/// An update already parsed, boxed as one that waits in a queue would be.
struct Update {
    id: u64,
    chat: u64,
    text: String,
}

/// Counts each chat's updates in a map.
pub(crate) fn count(run: &Run) -> anyhow::Result<Report> {
    anyhow::ensure!(
        run.sleep_ms == 0,
        "a plain loop cannot wait: --sleep-ms is {}, allowed is 0",
        run.sleep_ms
    );
    let updates: Vec<Box<Update>> = (0..run.updates)
        .map(|id| Box::new(Update { id, chat: run.chat(id), text: format!("message {id}") }))
        .collect();
    let mut counters: HashMap<u64, u64> = HashMap::new();

    let stopwatch = Stopwatch::start();
    for update in updates {
        let update = black_box(update);
        black_box((update.id, update.text.len()));
        *counters.entry(update.chat).or_default() += 1;
    }
    let taken = stopwatch.stop();

    Ok(Report::new("loop", run, taken, counters.values().sum()))
}
