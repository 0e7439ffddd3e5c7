//! A handler that is started for a replay, at a free port.

use std::net::Ipv4Addr;
use std::process::Stdio;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::failure::Failure;

/// How long it may take until it listens, and how often that is looked at.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);

/// A handler that runs; killed when dropped.
#[derive(Debug)]
pub(super) struct Started {
    child: Child,
}

impl Started {
    /// Runs a line of shell with this port in `PORT`, and waits until something listens there.
    ///
    /// # Errors
    /// `Usage` if it cannot be started; `Run` if it ends, or does not listen within 30 s.
    pub(super) async fn new(line: &str, port: u16) -> Result<Self, Failure> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(line).env("PORT", port.to_string()).stdin(Stdio::null());
        // What it prints is no part of what is found.
        command.stdout(Stdio::null()).kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let wrong = |error| Failure::Usage(format!("`{line}` cannot be started: {error}"));
        let mut started = Self { child: command.spawn().map_err(wrong)? };
        let child = &mut started.child;
        let listens = async {
            loop {
                if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok() {
                    return Ok(());
                }
                if let Ok(Some(status)) = child.try_wait() {
                    return Err(Failure::Run(format!("`{line}` has ended before it listened: {status}")));
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        let listened = tokio::time::timeout(PATIENCE, listens).await;
        let late = || {
            let seconds = PATIENCE.as_secs();
            Failure::Run(format!("`{line}` does not listen at the port in PORT, {port}, within {seconds} s"))
        };
        match listened.map_err(|_| late()).and_then(|listens| listens) {
            Ok(()) => Ok(started),
            Err(failure) => {
                started.kill().await;
                Err(failure)
            }
        }
    }

    /// Kills it with all that it started.
    pub(super) async fn kill(mut self) {
        #[cfg(unix)]
        if let Some(id) = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?)) {
            // It fails if all of them are gone, which is as good.
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        }
        let _ = self.child.kill().await;
    }
}
