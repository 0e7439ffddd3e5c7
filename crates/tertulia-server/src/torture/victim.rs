//! The bot under test: started, killed and started again.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::{Child, Command};

use super::memory;
use crate::failure::Failure;

/// What every bot under test is told; the number is the bot's id.
const TOKEN: &str = "7000001:torture";

/// How the bot is started.
#[derive(Debug)]
pub(super) struct Victim {
    command: Vec<OsString>,
    url: String,
    /// Its own folder.
    folder: PathBuf,
    log: PathBuf,
}

/// A running bot; killed when dropped.
#[derive(Debug)]
pub(super) struct Alive {
    child: Child,
}

impl Victim {
    /// The bot that `command` starts; it finds its folder in `keep`, and what it prints goes there too.
    pub(super) fn new(command: &[OsString], url: &str, keep: &Path) -> Result<Self, Failure> {
        let folder = keep.join("bot");
        let cannot = |error| Failure::Run(format!("{} cannot be made: {error}", folder.display()));
        let folder = std::path::absolute(&folder).map_err(cannot)?;
        std::fs::create_dir_all(&folder).map_err(cannot)?;
        if std::fs::read_dir(&folder).map_err(cannot)?.next().is_some() {
            // Old counters would be taken for doubled ones.
            return Err(Failure::Usage(format!("keep: {} is not empty", folder.display())));
        }
        let log = keep.join("bot.log");
        Ok(Self { command: command.to_vec(), url: url.to_owned(), folder, log })
    }

    pub(super) fn start(&self) -> Result<Alive, Failure> {
        let cannot = |error| Failure::Run(format!("{} cannot be written: {error}", self.log.display()));
        let log = File::options().create(true).append(true).open(&self.log).map_err(cannot)?;
        let [program, arguments @ ..] = self.command.as_slice() else {
            return Err(Failure::Usage("there is no command".to_owned()));
        };
        let mut command = Command::new(program);
        command.args(arguments).env("TELEGRAM_BOT_TOKEN", TOKEN).env("TELEGRAM_API_URL", &self.url);
        command.env("TORTURE_DIR", &self.folder).stdin(Stdio::null());
        let twice = log.try_clone().map_err(cannot)?;
        command.stdout(log).stderr(twice).kill_on_drop(true);
        // With all the processes that it starts itself.
        #[cfg(unix)]
        command.process_group(0);
        let wrong = |error| Failure::Usage(format!("{} cannot be started: {error}", program.display()));
        Ok(Alive { child: command.spawn().map_err(wrong)? })
    }

    /// The last lines that it printed.
    pub(super) fn last_words(&self) -> String {
        let printed = std::fs::read(&self.log).unwrap_or_default();
        let printed = String::from_utf8_lossy(&printed);
        let lines: Vec<&str> = printed.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    }
}

impl Alive {
    /// Kills it as `kill -9` does, with all that it started, and waits until it is gone.
    pub(super) async fn kill(mut self) {
        self.kill_group();
        let _ = self.child.kill().await;
    }

    /// The most memory that its processes have had, in bytes.
    pub(super) fn memory(&self) -> Option<u64> {
        self.child.id().and_then(memory::peak_of_group)
    }

    /// Whether it ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    #[cfg(unix)]
    fn kill_group(&self) {
        let id = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?));
        if let Some(id) = id {
            // It fails if all of them are gone, which is as good.
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        }
    }

    #[cfg(not(unix))]
    fn kill_group(&self) {}
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.kill_group();
    }
}
