//! A program that runs no longer than the process that started it, even if that is killed.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, kill_process};

pub use rustix::process::Signal;

/// Runs the program, says its process id, and ends it when nobody holds the other end of the standard input any
/// more. `$0` is the signal for that.
const WATCH: &str = r#"
exec 3<&0
"$@" </dev/null >&2 3<&- &
program=$!
echo $program
( read -r _ <&3; kill -s CONT $program; kill -s "$0" $program ) >/dev/null 2>&1 &
watch=$!
wait $program
kill -s KILL $watch 2>/dev/null
"#;

/// A running program. Ended when dropped.
///
/// A shell stands between, which waits for the end of a pipe from this process: that comes whatever ends this
/// process. The shell is in a process group of its own, so that what ends a group of tests at once leaves it to do
/// its work.
#[derive(Debug)]
pub struct Guard {
    shell: Child,
    program: Pid,
}

impl Guard {
    /// Starts a program in a folder; what it says goes to the end of the file `log`. `end` is what it is sent when
    /// this process is gone.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(command: &[OsString], folder: &Path, log: &Path, end: Signal) -> Self {
        let log = OpenOptions::new().create(true).append(true).open(log).expect("the log can be written");
        let mut shell = Command::new("/bin/sh")
            .arg("-c")
            .arg(WATCH)
            .arg(end.as_raw().to_string())
            .args(command)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("a shell can be started");
        let mut line = String::new();
        let stdout = shell.stdout.take().expect("it was piped");
        BufReader::new(stdout).read_line(&mut line).expect("the shell can be heard");
        let program = line.trim().parse().ok().and_then(Pid::from_raw).expect("the shell says a process id");
        Self { shell, program }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.program.as_raw_nonzero().get().unsigned_abs()
    }

    /// Sends it a signal; nothing if it ended.
    pub fn signal(&self, signal: Signal) {
        let _ = kill_process(self.program, signal);
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.shell.try_wait().is_ok_and(|ended| ended.is_none())
    }

    /// Sends it a signal that ends it, and waits until it has ended.
    pub fn end(mut self, signal: Signal) {
        if self.is_running() {
            // One that is held would not hear any other.
            self.signal(signal);
            self.signal(Signal::CONT);
        }
        let _ = self.shell.wait();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // The shell sees the end of its input, ends the program and then itself.
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;

    const CHILD: &str = "TERTULIA_GUARD_CHILD";

    fn is_there(pid: u32) -> bool {
        // A process that ended and was not waited for yet is there as a zombie.
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }

    fn sleeper(folder: &Path) -> Guard {
        let command = ["sleep", "1000"].map(OsString::from);
        Guard::start(&command, folder, &folder.join("log"), Signal::KILL)
    }

    /// Not a test of its own: what the test below starts and kills.
    #[test]
    fn a_process_that_is_killed() {
        let Some(folder) = std::env::var_os(CHILD) else { return };
        let guard = sleeper(&PathBuf::from(folder));
        println!("\nstarted {}", guard.pid());
        loop {
            std::thread::park();
        }
    }

    #[test]
    fn a_program_ends_when_its_process_is_killed() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut child = Command::new(std::env::current_exe().expect("this program is a file"))
            .args(["--exact", "servers::guard::tests::a_process_that_is_killed", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it can be started again");
        let lines = BufReader::new(child.stdout.take().expect("it was piped")).lines();
        let pid: u32 = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("started ")?.parse().ok())
            .expect("it says what it started");
        assert!(is_there(pid));
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        // There is nothing to wait for: it is nobody's child any more.
        for _ in 0..1_000 {
            if !is_there(pid) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{pid} goes on");
    }

    #[test]
    fn a_program_that_is_held_ends_with_its_guard() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut guard = sleeper(folder.path());
        let pid = guard.pid();
        guard.signal(Signal::STOP);
        assert!(guard.is_running() && is_there(pid));
        drop(guard);
        assert!(!is_there(pid));
        let guard = sleeper(folder.path());
        let pid = guard.pid();
        guard.end(Signal::TERM);
        assert!(!is_there(pid));
    }
}
