//! Runs of two actions that count in turn.

use std::time::Instant;

use measure::{Report, Run, Stopwatch};
use serde::{Deserialize, Serialize};
use tertulia::graph::{self, Graph, Inputs, Runs, State, Until};
use tokio::task::JoinSet;

use crate::keep;

/// Steps before the clock starts, of all runs together; they tell how many fit.
const WARM_UP: u64 = 6_400;

#[derive(Default, Serialize, Deserialize)]
struct Counter {
    count: u64,
}

async fn count_one(mut state: State<Counter>) -> graph::Result {
    state.count += 1;
    Ok(())
}

/// Counts in as many runs at once as the case has chats, and reads the counters from where they are kept.
pub(crate) async fn count(peer: &str, run: &Run) -> anyhow::Result<Report> {
    // On a disk it is fewer, since each is waited for.
    let few = if run.dir.is_some() { WARM_UP / 16 } else { WARM_UP } / run.chats;
    let warm = keep::runs(&counter(few).await?, run).await?;
    let created = create(&warm, "warm", run.chats).await?;
    let started = Instant::now();
    all(created, few).await?;
    let made = run.affordable(few * run.chats, started.elapsed());
    drop(warm);

    let steps = made.updates / made.chats;
    let runs = keep::runs(&counter(steps).await?, run).await?;
    let created = create(&runs, "run", run.chats).await?;
    let stopwatch = Stopwatch::start();
    let sum = all(created, steps).await?;
    let taken = stopwatch.stop();
    let sum = stored(&runs, run.chats).await?.unwrap_or(sum);
    let report = Report::new(peer, &made, taken, sum).with("made", made.updates);
    let report = if run.dir.is_some() { report.written(taken) } else { report };
    Ok(report.asked(run.updates))
}

async fn counter(steps: u64) -> anyhow::Result<Graph<Counter>> {
    Ok(Graph::<Counter>::new("counter")
        .action("a", count_one)
        .action("b", count_one)
        .transition("a", "b")
        .transition_when("b", "a", graph::when("goes on", move |state: &Counter| state.count < steps))
        .entrypoint("a")
        .build()
        .await?)
}

async fn create(runs: &Runs<Counter>, name: &str, count: u64) -> anyhow::Result<Vec<graph::Run<Counter>>> {
    let mut created = Vec::new();
    for number in 0..count {
        created.push(runs.create(format!("{name}-{number}"), Counter::default()).await?);
    }
    Ok(created)
}

/// Has all runs go to their end at once, until that is where they are kept; gives the sum of their counters.
async fn all(runs: Vec<graph::Run<Counter>>, steps: u64) -> anyhow::Result<u64> {
    let mut set = JoinSet::new();
    for run in runs {
        set.spawn(async move {
            run.run(Until::end().steps(steps), Inputs::new()).await?;
            run.flush().await?;
            anyhow::Ok(run.state().await?.count)
        });
    }
    let mut sum = 0;
    while let Some(counted) = set.join_next().await {
        sum += counted??;
    }
    Ok(sum)
}

/// The sum of the counters as they are stored; `None` if they are not.
async fn stored(runs: &Runs<Counter>, count: u64) -> anyhow::Result<Option<u64>> {
    let mut sum = 0;
    for number in 0..count {
        let Some(run) = runs.open(format!("run-{number}")).await? else { return Ok(None) };
        sum += run.state().await?.count;
    }
    Ok(Some(sum))
}
