//! 10,000 events of one stream, read from the start.

use allocation_counter::measure as count;
use anyhow::ensure;
use measure::{Run, Stopwatch};
use tertulia::stream::{From, Limit, Stream};

use crate::Done;
use crate::streams::{EVENT, create, wait, within};

const EVENTS: usize = 10_000;

pub(crate) fn run(run: &Run) -> anyhow::Result<Done> {
    let streams = within(1 << 30);
    wait(async {
        let stream = create(&streams, 0).await?;
        for _ in 0..EVENTS {
            stream.append(EVENT).await?;
        }
        let stopwatch = Stopwatch::start();
        let mut sum = 0;
        for _ in 0..run.updates {
            ensure!(read(&stream).await? == EVENTS * EVENT.len(), "the events have not the bytes they had");
            sum += 1;
        }
        let taken = stopwatch.stop();
        let mut bytes = Ok(0);
        // Nothing of it has to wait, so it is over at the first look.
        let counted = count(|| bytes = now(read(&stream)));
        ensure!(bytes? == EVENTS * EVENT.len(), "the events have not the bytes they had");
        let extra = vec![
            ("allocations", counted.count_total as f64),
            ("allocated_bytes", counted.bytes_total as f64),
        ];
        Ok(Done { taken, sum, extra })
    })
}

/// Looks at each event.
async fn read(stream: &Stream) -> anyhow::Result<usize> {
    let page = stream.read(From::Start, Limit::NONE).await?;
    Ok(page.entries().map(|entry| entry.len()).sum())
}

/// What a future gives that does not have to wait.
fn now<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(outcome) => outcome,
        std::task::Poll::Pending => anyhow::bail!("a read in memory has to wait"),
    }
}
