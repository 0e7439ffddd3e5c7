//! Streams and events as every case has them.

use std::future::Future;

use bytes::Bytes;
use tertulia::stream::{CreateOptions, Stream, StreamId, Streams, StreamsOptions};
use tertulia::{Clock, Conversation};

/// An event of 100 bytes.
pub(crate) const EVENT: Bytes = Bytes::from_static(
    br#"{"type":"text","content":"a piece of an answer, as models give them out, a few tokens at a time", "n":1}"#
        .first_chunk::<100>()
        .expect("it is longer"),
);

/// Streams in memory that take at most so many bytes.
pub(crate) fn within(memory: usize) -> Streams {
    let mut options = StreamsOptions::default();
    (options.memory, options.stream_memory) = (memory, memory);
    Streams::with(None, Clock::system(), options)
}

/// Makes the stream with this number.
pub(crate) async fn create(streams: &Streams, number: u64) -> anyhow::Result<Stream> {
    Ok(streams.create(&id(number)?, CreateOptions::default()).await?.stream())
}

pub(crate) fn id(number: u64) -> anyhow::Result<StreamId> {
    Ok(StreamId::new(Conversation::new("bench", &number.to_string())?, "main")?)
}

/// Runs a future on this thread.
pub(crate) fn wait<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}
