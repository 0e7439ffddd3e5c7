//! What goes to the terminal: results to stdout, errors and the log to stderr.

use std::fmt;
use std::io::{IsTerminal, Write};

use tracing_subscriber::EnvFilter;

/// Writes a line to stdout. Whoever does not read on is not waited for.
pub(crate) fn line(text: impl fmt::Display) {
    self::text(&format!("{text}\n"));
}

/// Writes to stdout.
pub(crate) fn text(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Writes an error to stderr.
pub(crate) fn error(error: impl fmt::Display) {
    let _ = writeln!(std::io::stderr(), "tertulia: {error}");
}

/// Writes to stderr how far something is.
pub(crate) fn note(text: impl fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Sends the log to stderr. The filter was checked when the configuration was read.
pub(crate) fn log_to_stderr(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let color = std::io::stderr().is_terminal();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(color);
    // It fails only if a subscriber is there already, which is as good.
    let _ = subscriber.with_writer(std::io::stderr).try_init();
}
