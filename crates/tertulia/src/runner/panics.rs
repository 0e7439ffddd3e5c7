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

/// Runs a future, whose values are not used again if it panics.
///
/// # Errors
/// `Internal`, if it panics.
pub(super) fn caught_async<T>(
    who: &'static str,
    run: impl Future<Output = T>,
) -> impl Future<Output = Result<T>> {
    // Not an async function: that would hold `run` twice.
    AssertUnwindSafe(run).catch_unwind().map(move |ended| ended.map_err(|panic| error(who, panic.as_ref())))
}

fn error(who: &str, panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::internal(format!("{who} panicked: {text}"))
}
