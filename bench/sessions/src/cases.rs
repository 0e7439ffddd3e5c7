//! The cases, each run twice over a store of its own: timed, and then counted, so that counting costs no time.

use std::sync::Arc;

use measure::{Report, Run, Stopwatch, Taken};

use crate::keeper::Keeper;
use crate::state::Counts;

/// How many messages a history has before the clock starts. As many again are pushed in a full run: enough for a
/// library that writes changes to write the whole once, as it must now and then.
const MESSAGES: u64 = 1_400;
/// How many tasks race for a session.
const RACERS: u64 = 2;

/// A client of an empty store.
pub type Opened<K> = anyhow::Result<K>;

/// Runs the case. `open` opens a client of an empty store, one that counts what reaches it or one that does not.
///
/// # Errors
/// If the peer fails, or the case has another name than it can have.
pub async fn run<S: Counts, K: Keeper<S>>(
    peer: &str,
    run: &Run,
    open: impl AsyncFn(bool) -> Opened<K>,
) -> anyhow::Result<Report> {
    match run.case.trim_end_matches("-sqlite") {
        "session-300b" => updates(peer, run, 0, open).await,
        "session-1mb" => updates(peer, run, MESSAGES, open).await,
        "session-reads" => reads(peer, run, open).await,
        "session-race" => race(peer, run, open).await,
        other => anyhow::bail!("there is no case {other:?}"),
    }
}

async fn updates<S: Counts, K: Keeper<S>>(
    peer: &str,
    run: &Run,
    first: u64,
    open: impl AsyncFn(bool) -> Opened<K>,
) -> anyhow::Result<Report> {
    let pass = async |keeper: K| -> anyhow::Result<(Taken, K, u64)> {
        for session in 0..run.chats {
            // One update more than counted below: the session is there before the clock starts.
            keeper.update(session, |state| (0..=first).for_each(|number| state.count(number))).await?;
        }
        let before = keeper.counted();
        let stopwatch = Stopwatch::start();
        for update in 0..run.updates {
            keeper.update(run.chat(update), |state| state.count(first + 1 + update)).await?;
        }
        let taken = stopwatch.stop();
        let bytes = keeper.counted().bytes.zip(before.bytes).map(|(after, before)| after - before);
        Ok((taken, keeper, bytes.unwrap_or_default()))
    };
    let (taken, keeper, _) = pass(open(false).await?).await?;
    let mut sum = 0;
    for session in 0..run.chats {
        sum += keeper.read(session, S::counted).await? - first - 1;
    }
    drop(keeper);
    let (_, keeper, bytes) = pass(open(true).await?).await?;
    let report = Report::new(peer, run, taken, sum);
    let report = if run.dir.is_some() { report.written(taken) } else { report };
    Ok(match keeper.counted().bytes {
        Some(_) => report.with("value_bytes", bytes as f64 / run.updates as f64),
        None => report,
    })
}

/// Reads as many sessions as there are updates, and counts what is written for that.
async fn reads<S: Counts, K: Keeper<S>>(
    peer: &str,
    run: &Run,
    open: impl AsyncFn(bool) -> Opened<K>,
) -> anyhow::Result<Report> {
    let keeper = open(false).await?;
    for session in 0..run.updates {
        keeper.update(session, |state| state.count(session)).await?;
    }
    let (stopwatch, mut sum) = (Stopwatch::start(), 0);
    for session in 0..run.updates {
        sum += keeper.read(session, S::counted).await?;
    }
    let taken = stopwatch.stop();

    let keeper = open(true).await?;
    let mut writes = [0; 3];
    for session in 0..run.updates {
        keeper.read(session, S::counted).await?;
    }
    writes[0] = keeper.counted().writes;
    for session in 0..run.updates {
        keeper.update(session, |state| state.count(session)).await?;
    }
    let stored = keeper.counted().writes;
    for session in 0..run.updates {
        keeper.read(session, S::counted).await?;
    }
    writes[1] = keeper.counted().writes - stored;
    for session in 0..run.updates {
        keeper.update(session, |_| {}).await?;
    }
    writes[2] = keeper.counted().writes - stored - writes[1];
    Ok(Report::new(peer, run, taken, sum)
        .with("writes_for_new", writes[0])
        .with("writes_for_stored", writes[1])
        .with("writes_for_no_change", writes[2]))
}

/// Two clients of one store count in one session, and let each other go on between reading and writing.
async fn race<S: Counts, K: Keeper<S>>(
    peer: &str,
    run: &Run,
    open: impl AsyncFn(bool) -> Opened<K>,
) -> anyhow::Result<Report> {
    let keeper = open(false).await?;
    keeper.update(0, |state| state.count(0)).await?;
    let others = [Arc::new(keeper.other().await?), Arc::new(keeper.other().await?)];
    let stopwatch = Stopwatch::start();
    let racers = others.map(|keeper| {
        let updates = run.updates / RACERS;
        async move {
            for update in 0..updates {
                keeper.update_slowly(0, |state| state.count(update)).await?;
            }
            anyhow::Ok(())
        }
    });
    let [first, second] = racers.map(tokio::task::spawn);
    first.await??;
    second.await??;
    let taken = stopwatch.stop();
    let kept = keeper.read(0, S::counted).await? - 1;
    let lost = run.updates.checked_sub(kept).ok_or_else(|| anyhow::anyhow!("more were counted than made"))?;
    Ok(Report::new(peer, run, taken, kept + lost).with("lost", lost))
}
