//! Threads for what blocks the one that it runs on.

use tokio::runtime::Handle;

use crate::{Error, Result};

/// Calls it on a thread where it may block, and on this one if there is no runtime that it could block. Panics if it does.
///
/// # Errors
/// `Unavailable` if the program ends before it is called.
///
/// # Cancel safety
/// If dropped, it goes on.
pub(super) async fn on_a_thread<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let Ok(runtime) = Handle::try_current() else { return Ok(call()) };
    match runtime.spawn_blocking(call).await {
        Ok(given) => Ok(given),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::unavailable("the program is about to end")),
        },
    }
}
