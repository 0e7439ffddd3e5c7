//! What happened and when, in virtual time: the story of one seed.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The story so far. Nothing is written unless it is asked for: thousands of seeds are played for each that is read.
#[derive(Debug)]
pub(super) struct Trace {
    started: Instant,
    lines: Option<Mutex<Vec<String>>>,
}

impl Trace {
    pub(super) fn new(is_kept: bool) -> Self {
        Self { started: Instant::now(), lines: is_kept.then(Mutex::default) }
    }

    /// How long the seed has been played, in virtual time.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Adds a line.
    pub(super) fn note(&self, text: impl FnOnce() -> String) {
        if let Some(lines) = &self.lines {
            let line = format!("{:>10.3} s  {}", self.now().as_secs_f64(), text());
            lines.lock().push(line);
        }
    }

    /// The lines, which are taken out.
    pub(super) fn take(&self) -> Vec<String> {
        self.lines.as_ref().map(|lines| std::mem::take(&mut *lines.lock())).unwrap_or_default()
    }
}
