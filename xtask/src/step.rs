//! Runs commands one after another and says what it does and how long it took.

use std::ffi::OsStr;
use std::process::Command;
use std::time::{Duration, Instant};

/// A step that failed, as it is told to the user.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) String);

/// The steps of a command.
#[derive(Debug)]
pub(crate) struct Plan {
    steps: usize,
    begun: usize,
    started: Instant,
}

impl Plan {
    pub(crate) fn new(steps: usize) -> Self {
        Self { steps, begun: 0, started: now() }
    }

    /// Runs a command at the root of the project.
    pub(crate) fn step(&mut self, what: &str, command: &[&str]) -> Result<(), Failed> {
        self.step_with(what, command, &[])
    }

    /// Runs a command at the root of the project, with more in its environment.
    pub(crate) fn step_with(
        &mut self,
        what: &str,
        command: &[&str],
        environment: &[(&str, &OsStr)],
    ) -> Result<(), Failed> {
        self.run(what, || {
            let mut process = Command::new(command[0]);
            process.args(&command[1..]).envs(environment.iter().copied());
            run(&mut process)
        })
    }

    /// Runs a function as a step.
    pub(crate) fn run<T>(
        &mut self,
        what: &str,
        action: impl FnOnce() -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        self.begun += 1;
        println!("\n[{}/{}] {what}", self.begun, self.steps);
        let started = now();
        let outcome = action().map_err(|Failed(error)| Failed(format!("{what}: {error}")))?;
        println!("[{}/{}] {what}: done in {}", self.begun, self.steps, seconds(started.elapsed()));
        Ok(outcome)
    }

    pub(crate) fn done(&self) {
        println!("\nall {} steps passed in {}", self.steps, seconds(self.started.elapsed()));
    }
}

/// Runs a process whose output goes to the terminal.
pub(crate) fn run(process: &mut Command) -> Result<(), Failed> {
    let shown = format!("{process:?}");
    match process.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failed(format!("{shown} ended with {status}"))),
        Err(error) => Err(Failed(format!("{shown} cannot be run: {error}"))),
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[allow(clippy::disallowed_methods, reason = "a person's command tells how long it really took")]
fn now() -> Instant {
    Instant::now()
}
