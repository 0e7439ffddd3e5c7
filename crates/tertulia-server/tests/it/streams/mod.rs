//! The server's streams and the programs of others that speak to them: the upstream suite, and clients whose
//! connections are cut.

mod clients;
pub(crate) mod cutter;
mod log;
mod suite;

use std::path::PathBuf;

use crate::support::{Folder, Server};

/// A folder with the files of `conformance` and what they need installed: tests that use it run if this is set.
const INSTALLED: &str = "TERTULIA_CONFORMANCE";
/// How long a long-poll waits, in ms: the suite's own tests have 5 s.
const LONG_POLL_MS: &str = "500";

fn installed() -> Option<PathBuf> {
    std::env::var_os(INSTALLED).map(PathBuf::from)
}

fn serve(folder: &Folder, storage: &str) -> Server {
    folder.serve_with(&["--storage", storage], &[("TERTULIA_STREAMS_LONG_POLL", "500ms")])
}
