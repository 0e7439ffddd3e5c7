//! Appends, one event a call, from one thread or several.

use std::thread;

use measure::{Run, Stopwatch};

use crate::Done;
use crate::streams::{EVENT, create, wait, within};

/// No event has to leave.
const MEMORY: usize = 4 << 30;

pub(crate) fn run(run: &Run, threads: u64) -> anyhow::Result<Done> {
    let streams = within(MEMORY);
    let numbers = 0..run.chats;
    let all = wait(async {
        let mut all = Vec::new();
        for number in numbers {
            all.push(create(&streams, number).await?);
        }
        Ok(all)
    })?;
    let stopwatch = Stopwatch::start();
    // Each thread has its own part of the streams, and takes them in turn.
    thread::scope(|scope| {
        let parts = all.chunks(all.len().div_ceil(threads as usize)).map(|part| {
            scope.spawn(move || {
                wait(async {
                    let mut turns = part.iter().cycle();
                    for _ in 0..run.updates / threads {
                        if let Some(stream) = turns.next() {
                            stream.append(EVENT).await?;
                        }
                    }
                    Ok(())
                })
            })
        });
        let parts: Vec<_> = parts.collect();
        parts
            .into_iter()
            .try_for_each(|part| part.join().unwrap_or_else(|_| anyhow::bail!("a thread panicked")))
    })?;
    let taken = stopwatch.stop();
    let sum = wait(async {
        let mut sum = 0;
        for stream in &all {
            sum += stream.info().await?.end.offset;
        }
        Ok(sum)
    })?;
    Ok(Done { taken, sum, extra: Vec::new() })
}
