//! How much memory events take, and whether a bound holds.

use allocation_counter::measure as count;
use anyhow::{Context, ensure};
use measure::{Run, Stopwatch};
use tertulia::error::Kind;
use tertulia::stream::{End, From, Limit, Streams};

use crate::Done;
use crate::streams::{EVENT, create, id, wait, within};

/// What streams may take in the case with a bound.
const BOUND: usize = 64 << 20;
/// How many streams are open at a time in that case.
const OPEN: u64 = 1_000;

/// Keeps all events; tells how many bytes of the heap each of them takes, with its part of its stream.
pub(crate) fn retained(run: &Run) -> anyhow::Result<Done> {
    let mut outcome = Err(anyhow::anyhow!("nothing was run"));
    let mut streams = None;
    let stopwatch = Stopwatch::start();
    let counted = count(|| {
        let kept = streams.insert(within(4 << 30));
        outcome = wait(fill(kept, 0..run.chats, run.updates / run.chats));
    });
    let taken = stopwatch.stop();
    let bytes = counted.bytes_current as f64 / run.updates as f64;
    Ok(Done {
        taken,
        sum: outcome?,
        extra: vec![("bytes_per_event", bytes), ("rss_mb", peak()? as f64 / 1e6)],
    })
}

/// Appends far more than may be kept, in streams that are closed when they are full; tells the peak of memory.
pub(crate) fn bound(run: &Run) -> anyhow::Result<Done> {
    let streams = within(BOUND);
    let oldest = wait(create(&streams, 0))?;
    let each = run.updates / run.chats;
    let stopwatch = Stopwatch::start();
    let mut sum = 0;
    for first in (0..run.chats).step_by(OPEN as usize) {
        sum += wait(fill(&streams, first..run.chats.min(first + OPEN), each))?;
    }
    let taken = stopwatch.stop();
    let peak = peak()?;
    wait(async {
        // What had to leave is told of, and what came last is there.
        let oldest = oldest.read(From::Start, Limit::NONE).await.map_err(|error| error.kind());
        ensure!(matches!(oldest, Err(Kind::Gone)), "the oldest stream is not gone: {oldest:?}");
        let newest = streams.get(&id(run.chats - 1)?).await?.context("the newest stream is not there")?;
        let page = newest.read(From::Start, Limit::NONE).await?;
        ensure!(
            page.len() as u64 == each && page.closed() == Some(End::Complete),
            "the newest stream is not whole"
        );
        Ok(())
    })?;
    Ok(Done { taken, sum, extra: vec![("rss_mb", peak as f64 / 1e6)] })
}

/// Makes streams, appends to them in turn, and closes them; gives how many events they have.
async fn fill(streams: &Streams, numbers: std::ops::Range<u64>, each: u64) -> anyhow::Result<u64> {
    let mut open = Vec::new();
    for number in numbers {
        open.push(create(streams, number).await?);
    }
    for _ in 0..each {
        for stream in &open {
            stream.append(EVENT).await?;
        }
    }
    let mut sum = 0;
    for stream in &open {
        sum += stream.close(End::Complete).await?.offset;
    }
    Ok(sum)
}

/// The most memory that this process has had, in bytes.
fn peak() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    Ok(peak.context("the peak of its memory is not told")?.trim().parse::<u64>()? * 1024)
}
