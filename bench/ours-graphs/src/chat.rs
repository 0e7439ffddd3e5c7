//! A run of two actions that append to a history in turn.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use measure::{Report, Run, Stopwatch};
use serde::{Deserialize, Serialize};
use tertulia::Log;
use tertulia::graph::{self, Graph, Inputs, Runs, State, Until};

use crate::keep;

/// What the run is called.
const NAME: &str = "chat";
/// Bytes of a message.
const MESSAGE_BYTES: usize = 500;
/// How many loads are measured.
const LOADS: usize = 5;

#[derive(Default, Serialize, Deserialize)]
struct Chat {
    history: Log<String>,
}

/// When each step began.
type Moments = Arc<Mutex<Vec<Instant>>>;

/// Runs a chat, and loads it again if it is kept.
pub(crate) async fn chat(peer: &str, run: &Run) -> anyhow::Result<Report> {
    let moments = Moments::default();
    let graph = speaking(run.updates, Arc::clone(&moments)).await?;
    let runs = keep::runs(&graph, run).await?;
    let chat = runs.create(NAME, Chat::default()).await?;
    let stopwatch = Stopwatch::start();
    chat.run(Until::end().steps(run.updates), Inputs::new()).await?;
    let taken = stopwatch.stop();
    let mut sum = chat.state().await?.history.len() as u64;
    drop((chat, runs));

    let (first, last) = paces(&moments.lock().unwrap_or_else(PoisonError::into_inner));
    let mut extra =
        vec![("first_per_second", first), ("last_per_second", last), ("last_over_first", last / first)];
    if let Some(dir) = &run.dir {
        let mut files = std::fs::read_dir(dir)?;
        let bytes = files.try_fold(0, |sum, file| anyhow::Ok(sum + file?.metadata()?.len()))?;
        extra.push(("file_mb", bytes as f64 / 1e6));
        let mut loads = Vec::with_capacity(LOADS);
        for _ in 0..LOADS {
            let (took, loaded) = load(&graph, run).await?;
            ensure!(loaded == run.updates, "{loaded} messages were loaded");
            loads.push(took);
            sum = loaded;
        }
        loads.sort();
        extra.push(("load_ms", loads[LOADS / 2].as_secs_f64() * 1e3));
    }
    let report = Report::new(peer, run, taken, sum);
    let report = if run.dir.is_some() { report.written(taken) } else { report };
    Ok(extra.into_iter().fold(report, |report, (name, value)| report.with(name, value)))
}

async fn speaking(steps: u64, moments: Moments) -> anyhow::Result<Graph<Chat>> {
    let speak = move |mut state: State<Chat>| {
        moments.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        async move {
            let number = state.history.len();
            state.history.push(message(number));
            graph::Result::Ok(())
        }
    };
    let goes_on = move |state: &Chat| (state.history.len() as u64) < steps;
    Ok(Graph::<Chat>::new("chat")
        .action("user", speak.clone())
        .action("assistant", speak)
        .transition("user", "assistant")
        .transition_when("assistant", "user", graph::when("goes on", goes_on))
        .entrypoint("user")
        .build()
        .await?)
}

/// The 500 bytes that a step appends.
fn message(number: usize) -> String {
    let mut text = format!("message {number}, of which there is a lot more to say; ").repeat(12);
    text.truncate(MESSAGE_BYTES);
    text
}

/// How long it takes to load the latest state, all messages with it, by a client that has just opened the file; and
/// how many messages those are.
async fn load(graph: &Graph<Chat>, run: &Run) -> anyhow::Result<(Duration, u64)> {
    let runs = Runs::new(graph, keep::open(run).await?);
    let started = Instant::now();
    let chat = runs.open(NAME).await?.context("the chat is not there")?;
    let state = chat.state().await?;
    let older = state.history.before(state.history.not_loaded()).await?;
    let took = started.elapsed();
    Ok((took, (older.len() + state.history.tail().len()) as u64))
}

/// The steps a second at the start and at the end.
fn paces(moments: &[Instant]) -> (f64, f64) {
    let few = (moments.len() / 10).max(2).min(moments.len());
    let pace = |moments: &[Instant]| match moments {
        [first, .., last] => (moments.len() - 1) as f64 / last.duration_since(*first).as_secs_f64(),
        _ => 0.0,
    };
    (pace(&moments[..few]), pace(&moments[moments.len() - few..]))
}
