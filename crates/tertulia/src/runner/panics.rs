//! Turns panics of what the runner is given into errors: they cost a turn, not a worker.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt;

use crate::{Error, Result};

/// Runs `run`, whose values are not used again if it panics.
///
/// # Errors
/// `Internal`, if it panics.
pub(super) fn caught<T>(who: &str, run: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| error(who, panic.as_ref()))
}

/// Awaits `run`, whose values are not used again if it panics.
///
/// # Errors
/// `Internal`, if it panics.
pub(super) async fn caught_async<T>(who: &str, run: impl Future<Output = T>) -> Result<T> {
    AssertUnwindSafe(run).catch_unwind().await.map_err(|panic| error(who, panic.as_ref()))
}

fn error(who: &str, panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::internal(format!("{who} panicked: {text}"))
}
