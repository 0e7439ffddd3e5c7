//! A PostgreSQL server.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::{Server, Signal, folder};

/// Waits until nobody works in the data folder any more, as the orphans of a server that was killed do for a moment,
/// and becomes the server.
const BEGIN: &str = r#"
while ls -l /proc/*/cwd 2>/dev/null | grep -q -- "-> $0\$"; do sleep 0.02; done
exec "$@"
"#;

impl Server {
    /// Starts a PostgreSQL server with its usual settings. The user `postgres` needs no password, the user `guest`
    /// has one, which is `opensesame`, and no rights but to connect.
    ///
    /// # Panics
    /// If PostgreSQL is not installed, or it does not start.
    pub fn postgres() -> Self {
        Self::postgres_with(&[])
    }

    /// The same with settings of its own, such as `["fsync=off"]`.
    ///
    /// # Panics
    /// If PostgreSQL is not installed, or it does not start.
    pub fn postgres_with(settings: &[&str]) -> Self {
        let folder = folder();
        let data = folder.path().join("data");
        make(folder.path(), &data);
        let server = Self::postgres_in(folder, data, settings);
        server.psql("CREATE ROLE guest LOGIN PASSWORD 'opensesame'");
        server
    }

    /// Starts a standby of this PostgreSQL server, which follows it and may be promoted.
    ///
    /// # Panics
    /// If the server's files cannot be copied, or the standby does not start.
    pub fn postgres_standby(&self) -> Self {
        let folder = folder();
        let data = folder.path().join("data");
        own(folder.path());
        let mut command = unprivileged();
        command.push(postgres_program("pg_basebackup").into());
        command.extend(
            ["-h", "127.0.0.1", "-U", "postgres", "-R", "-X", "stream", "-c", "fast", "--no-sync", "-p"]
                .map(OsString::from),
        );
        command.extend([self.port().to_string().into(), "-D".into(), data.clone().into()]);
        let output = Command::new(&command[0]).args(&command[1..]).current_dir(folder.path()).output();
        let output = output.expect("pg_basebackup can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self::postgres_in(folder, data, &[])
    }

    /// Starts a server over the data that is there.
    fn postgres_in(folder: TempDir, data: PathBuf, settings: &[&str]) -> Self {
        const SETTINGS: [&str; 6] = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=300",
            "shared_buffers=64MB",
            "logging_collector=off",
            "log_checkpoints=off",
        ];
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let command = move |port: u16, _: &Path| {
            let mut command: Vec<OsString> = ["/bin/sh", "-c", BEGIN].map(OsString::from).into();
            command.push(data.clone().into());
            command.extend(unprivileged());
            command.push(postgres_program("postgres").into());
            command.extend(["-D".into(), data.clone().into()]);
            command.extend(["-p".into(), port.to_string().into()]);
            let settings = SETTINGS.into_iter().chain(settings.iter().map(String::as_str));
            command.extend(settings.flat_map(|setting| ["-c".into(), setting.into()]));
            command
        };
        Self::start(folder, Signal::QUIT, command, |server| answers(server.port()))
    }

    /// Where it is, for its user `postgres`.
    pub fn postgres_url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port())
    }

    /// Runs SQL as its own `psql` would, and gives what that prints, without headings.
    ///
    /// # Panics
    /// If it fails.
    pub fn psql(&self, sql: &str) -> String {
        let mut command = Command::new(postgres_program("psql"));
        command.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql]).arg(self.postgres_url());
        let output = command.output().expect("psql can be started");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }
}

/// Makes the data folder of a new server.
fn make(folder: &Path, data: &Path) {
    own(folder);
    let mut command = unprivileged();
    command.push(postgres_program("initdb").into());
    command.extend(
        ["-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "-D"]
            .map(OsString::from),
    );
    command.push(data.into());
    let output = Command::new(&command[0]).args(&command[1..]).current_dir(folder).output();
    let output = output.expect("initdb can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rules = data.join("pg_hba.conf");
    let trusting = std::fs::read_to_string(&rules).expect("initdb made rules");
    let text = format!("host all guest 127.0.0.1/32 scram-sha-256\n{trusting}");
    std::fs::write(&rules, text).expect("rules can be written");
}

const USER: &str = "postgres";

/// Gives a folder to whom [`unprivileged`] makes of us.
pub(super) fn own(folder: &Path) {
    if is_root() {
        let id = Command::new("id").args(["-u", USER]).output().expect("id can be started");
        let id = String::from_utf8_lossy(&id.stdout).trim().parse().ok();
        let id = id.expect("PostgreSQL does not run as root, and there is no user `postgres`");
        chown(folder, Some(id), None).expect("a folder can be given to another user");
    }
}

/// What runs a command as somebody whom PostgreSQL accepts.
pub(super) fn unprivileged() -> Vec<OsString> {
    if !is_root() {
        return Vec::new();
    }
    ["setpriv", "--reuid", USER, "--regid", USER, "--init-groups"].map(OsString::from).into()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// A program of PostgreSQL's: that of the newest version, which Debian does not put on the path, or what is there.
pub fn postgres_program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<_> = versions
        .filter_map(|folder| Some((folder.file_name().to_str()?.parse::<u32>().ok()?, folder.path())))
        .collect();
    versions.sort_unstable();
    let newest = versions.pop().map(|(_, folder)| folder.join("bin").join(name));
    newest.filter(|program| program.exists()).unwrap_or_else(|| name.into())
}

/// Whether a server lets somebody in.
pub(super) fn answers(port: u16) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        let mut message = 196_608_u32.to_be_bytes().to_vec();
        message.extend(b"user\0postgres\0database\0postgres\0\0");
        let length = u32::try_from(message.len() + 4).expect("a short message");
        stream.write_all(&length.to_be_bytes())?;
        stream.write_all(&message)?;
        let mut answer = [0];
        stream.read_exact(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    };
    // It says that nothing more is needed, or why it is not ready.
    ask().is_ok_and(|answer| answer == *b"R")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_keeps_what_it_was_told_when_it_is_killed() {
        let server = Server::postgres();
        server.psql("CREATE TABLE t (n int); INSERT INTO t VALUES (7)");
        server.kill();
        assert!(!answers(server.port()));
        server.restart();
        assert_eq!(server.psql("SELECT n FROM t"), "7");
    }
}
