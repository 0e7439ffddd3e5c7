//! Runs the peers in turn, round after round, and keeps what each run reported.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::case::Case;
use crate::number::{decimal, grouped};
use crate::peer::{Peer, Program};
use crate::selection::Selection;

/// A run that takes longer is ended: it hangs, or the case is too large.
const TIME_LIMIT: Duration = Duration::from_secs(300);
/// How often the end of a run is looked for: rarely, to leave the machine to the peer.
const LOOK: Duration = Duration::from_millis(20);

/// All runs of one call of the driver.
#[derive(Debug)]
pub(crate) struct Measurement {
    /// Where databases are put while a run lasts.
    scratch: PathBuf,
    pub(crate) quick: bool,
    pub(crate) rounds: u32,
    /// Runs there will be, for the display of progress.
    total: usize,
    pub(crate) runs: Vec<Line>,
    pub(crate) failures: Vec<Failure>,
}

/// The line that a peer prints.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Line {
    pub(crate) peer: String,
    pub(crate) case: String,
    pub(crate) updates: u64,
    pub(crate) seconds: f64,
    pub(crate) cpu_us_per_update: f64,
    pub(crate) updates_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) written_bytes_per_update: Option<f64>,
    pub(crate) sum_ok: bool,
    #[serde(flatten)]
    pub(crate) extra: Map<String, Value>,
}

/// A run that did not report, or did not count right.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Failure {
    pub(crate) case: &'static str,
    pub(crate) peer: &'static str,
    pub(crate) why: String,
}

impl Measurement {
    pub(crate) fn new(scratch: &Path, quick: bool, rounds: u32, selection: &Selection) -> Self {
        let total = selection.runs() * rounds as usize;
        Self { scratch: scratch.to_owned(), quick, rounds, total, runs: Vec::new(), failures: Vec::new() }
    }

    /// Runs everything. Every other round goes backwards, so that nobody always runs after the same peer.
    /// A peer that fails in a case is not tried again in it.
    pub(crate) fn run(&mut self, selection: &Selection, programs: &HashMap<Program, Vec<PathBuf>>) {
        let mut number = 0;
        for round in 1..=self.rounds {
            for (case, peers) in &selection.cases {
                let mut peers = peers.clone();
                if round % 2 == 0 {
                    peers.reverse();
                }
                for peer in peers {
                    number += 1;
                    if !self.failures.iter().any(|f| f.case == case.name && f.peer == peer.name) {
                        eprint!("[{number}/{}] round {round}, {}, {} ... ", self.total, case.name, peer.name);
                        std::io::stderr().flush().ok();
                        self.run_one(case, peer, &programs[&peer.program]);
                    }
                }
            }
        }
    }

    fn run_one(&mut self, case: &'static Case, peer: &'static Peer, program: &[PathBuf]) {
        match self.report(case, peer, program) {
            Ok(line) => {
                let (rate, cpu) = (grouped(line.updates_per_second), decimal(line.cpu_us_per_update));
                eprintln!("{rate}/s, {cpu} us CPU an update");
                self.runs.push(line);
            }
            Err(error) => {
                let why = format!("{error:#}");
                eprintln!("failed: {why}");
                self.failures.push(Failure { case: case.name, peer: peer.name, why });
            }
        }
    }

    fn report(&self, case: &Case, peer: &Peer, program: &[PathBuf]) -> anyhow::Result<Line> {
        let (first, rest) = program.split_first().context("a program has no command line")?;
        let updates = case.size(self.quick);
        let mut command = Command::new(first);
        command.args(rest).args(peer.arguments).args(["--case", case.name]);
        for (name, value) in [
            ("--updates", updates),
            ("--chats", case.chats),
            ("--slots", case.slots),
            ("--sleep-ms", case.sleep_ms),
        ] {
            command.arg(name).arg(value.to_string());
        }
        // Kept until the run is over; then the folder goes.
        let folder = match case.database {
            true => Some(tempfile::Builder::new().prefix("db-").tempdir_in(&self.scratch)?),
            false => None,
        };
        if let Some(folder) = &folder {
            command.arg("--dir").arg(folder.path());
        }
        let line = parse(&output(&mut command)?)?;
        ensure!(line.peer == peer.name, "it reports for {:?}, expected {:?}", line.peer, peer.name);
        ensure!(line.case == case.name, "it reports {:?}, expected {:?}", line.case, case.name);
        ensure!(line.updates == updates, "it ran {} updates, expected {updates}", line.updates);
        ensure!(line.sum_ok, "its counters do not add up to {updates}");
        Ok(line)
    }
}

/// The one line of JSON in what a peer printed.
fn parse(output: &str) -> anyhow::Result<Line> {
    let mut lines = output.lines();
    match (lines.next(), lines.next()) {
        (Some(line), None) => {
            serde_json::from_str(line).with_context(|| format!("cannot read its line: {line}"))
        }
        (None, _) => bail!("it printed nothing, expected one line"),
        (Some(_), Some(_)) => bail!("it printed more than one line: {output}"),
    }
}

/// Runs a command to its end, or to the time limit, and returns what it printed.
fn output(command: &mut Command) -> anyhow::Result<String> {
    // A line is far smaller than a pipe holds, so it can be read when the peer has ended.
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start it")?;
    let started = Instant::now();
    while child.try_wait()?.is_none() {
        if started.elapsed() > TIME_LIMIT {
            end(&mut child)?;
            bail!("it ran for more than {} s", TIME_LIMIT.as_secs());
        }
        std::thread::sleep(LOOK);
    }
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "it ended with {}", output.status);
    String::from_utf8(output.stdout).context("what it printed is not UTF-8")
}

fn end(child: &mut Child) -> std::io::Result<()> {
    child.kill()?;
    child.wait().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"peer":"p","case":"c","updates":2,"seconds":0.5,"cpu_us_per_update":1.5,
        "updates_per_second":4.0,"sum_ok":true,"node":"20"}"#;

    #[test]
    fn a_line_keeps_the_fields_of_the_peers_own() {
        let line = parse(&LINE.replace('\n', "")).unwrap();
        assert_eq!(line.cpu_us_per_update, 1.5);
        assert_eq!(line.extra["node"], "20");
    }

    #[test]
    fn anything_but_one_line_is_refused() {
        assert!(parse("").is_err());
        assert!(parse("warming up\n{}").is_err());
        assert!(parse("{}").is_err());
    }
}
