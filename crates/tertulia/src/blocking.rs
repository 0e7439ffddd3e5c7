//! The library in a program that is not asynchronous.

use std::io;
use std::sync::LazyLock;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::graph;
use crate::{Error, Result};

/// Made when it is first needed; lives as long as the program.
static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(1).thread_name("tertulia").enable_all().build()
});

/// Waits for a future of the library, in a program that has no asynchronous runtime. What it does goes on in this thread,
/// and what it leaves to be done in the background on one thread that all such calls share.
///
/// What is queued in the background when the program ends is lost: wait for a `flush` before that.
///
/// ```
/// use tertulia::blocking::wait;
/// use tertulia::{Error, Result};
///
/// fn answer() -> Result<u32> {
///     wait(async { Ok(42) })
/// }
///
/// assert_eq!(answer()?, 42);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// `Invalid` if it is called in an asynchronous runtime, be it within another call of this: the future is not begun then.
/// `Unavailable` if no thread can be had. What the future gives.
///
/// # Panics
/// If the future does.
pub fn wait<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    if Handle::try_current().is_ok() {
        return Err(Error::invalid(
            "`blocking::wait` was called in an asynchronous runtime, which it would block: await the future there",
        ));
    }
    let runtime = RUNTIME.as_ref().map_err(|error| {
        Error::unavailable(format!("there is no thread to wait with: {error}"))
            .with_source(io::Error::from(error.kind()))
    })?;
    graph::waiting(|| runtime.block_on(future))
}
