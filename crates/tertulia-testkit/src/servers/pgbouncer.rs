//! A pgbouncer that gives out connections by the transaction.

use std::ffi::OsString;
use std::path::Path;

use super::postgres::{answers, own, unprivileged};
use super::{Server, Signal, folder};

impl Server {
    /// Starts a pgbouncer in front of this PostgreSQL server. It is known by the same URL but for the port.
    ///
    /// # Panics
    /// If pgbouncer is not installed, or it does not start.
    pub fn pgbouncer(&self) -> Self {
        let folder = folder();
        let (config, users) = (folder.path().join("pgbouncer.ini"), folder.path().join("users"));
        std::fs::write(&users, "\"postgres\" \"\"\n").expect("users can be written");
        let upstream = self.port();
        let command = move |port: u16, _: &Path| {
            let text = format!(
                "[databases]\n* = host=127.0.0.1 port={upstream} user=postgres\n[pgbouncer]\n\
                listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n\
                auth_file = {}\npool_mode = transaction\ndefault_pool_size = 8\nmax_client_conn = 1000\n\
                server_idle_timeout = 60\nserver_login_retry = 0.1\n",
                users.display()
            );
            std::fs::write(&config, text).expect("settings can be written");
            let mut command = unprivileged();
            command.extend([OsString::from("/usr/sbin/pgbouncer"), config.clone().into()]);
            command
        };
        own(folder.path());
        Self::start(folder, Signal::KILL, command, |server| answers(server.port()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_through_it_is_answered_behind_it() {
        let server = Server::postgres();
        let pooler = server.pgbouncer();
        server.psql("CREATE TABLE t (n int); INSERT INTO t VALUES (7)");
        assert_eq!(pooler.psql("SELECT n FROM t"), "7");
    }
}
