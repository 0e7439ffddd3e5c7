//! How long an event takes from the call that appends it to a reader that waits at the tail in another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use measure::{Run, Stopwatch};
use tertulia::stream::{Followed, From};

use crate::Done;
use crate::streams::{EVENT, create, wait, within};

/// How long after the reader got an event the next one comes.
const REST: Duration = Duration::from_micros(50);

pub(crate) fn run(run: &Run) -> anyhow::Result<Done> {
    let streams = within(1 << 30);
    let stream = wait(create(&streams, 0))?;
    let (epoch, updates) = (Instant::now(), run.updates);
    let got = Arc::new(AtomicU64::new(0));

    let reader = thread::spawn({
        let (stream, got) = (stream.clone(), Arc::clone(&got));
        move || {
            wait(async move {
                let mut tail = stream.tail(From::Start);
                let mut latencies = Vec::with_capacity(updates as usize);
                while (latencies.len() as u64) < updates {
                    let Some(Followed::Page(page)) = tail.next().await? else { bail!("the stream ended") };
                    let now = epoch.elapsed().as_nanos() as u64;
                    for entry in page.entries() {
                        let made = entry.first_chunk().context("an event is too short")?;
                        latencies.push(now - u64::from_be_bytes(*made));
                    }
                    got.store(latencies.len() as u64, Ordering::Release);
                }
                Ok(latencies)
            })
        }
    });
    let stopwatch = Stopwatch::start();
    wait(async {
        for number in 0..updates {
            let made = epoch.elapsed().as_nanos() as u64;
            stream.append(Bytes::from([&made.to_be_bytes(), &EVENT[8..]].concat())).await?;
            while got.load(Ordering::Acquire) <= number {
                thread::yield_now();
            }
            // Then the reader waits again, and its thread sleeps.
            let had = Instant::now();
            while had.elapsed() < REST {
                std::hint::spin_loop();
            }
        }
        Ok(())
    })?;
    let taken = stopwatch.stop();
    let mut latencies = reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??;
    latencies.sort_unstable();
    let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize] as f64 / 1e3;
    let extra = vec![("p50_us", at(0.5)), ("p99_us", at(0.99))];
    Ok(Done { taken, sum: latencies.len() as u64, extra })
}
