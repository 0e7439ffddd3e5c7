//! A Redis or Valkey server.

use std::cell::Cell;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use super::{Server, Signal, folder, free_port};

/// After how many looks at the nodes of a new cluster, 5 s of them or more, they are told of each other again. Not sooner:
/// while two meet, one of them may count twice.
const MEET_AGAIN: u32 = 500;

impl Server {
    /// Starts a Redis server that keeps what it is told as the storage asks for it: an append-only file, and no
    /// eviction.
    ///
    /// # Panics
    /// If there is no `redis-server`, or it does not start.
    pub fn redis() -> Self {
        Self::redis_with("redis-server", &[])
    }

    /// The same of another program, with settings of its own as the program takes them, such as
    /// `["--appendfsync", "always"]`. A later one overrides an earlier one.
    ///
    /// # Panics
    /// If it does not start.
    pub fn redis_with(program: impl Into<OsString>, settings: &[&str]) -> Self {
        const SETTINGS: [&str; 15] = [
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "everysec",
            "--maxmemory-policy",
            "noeviction",
            "--auto-aof-rewrite-percentage",
            "0",
            "--enable-debug-command",
            "yes",
            "--port",
        ];
        let program = program.into();
        let settings: Vec<OsString> = settings.iter().map(OsString::from).collect();
        let command = move |port: u16, _: &Path| {
            let mut command = vec![program.clone()];
            command.extend(SETTINGS.map(OsString::from));
            command.push(port.to_string().into());
            command.extend(settings.iter().cloned());
            command
        };
        Self::start(folder(), Signal::KILL, command, |server| answers(server.port()))
    }
}

impl Server {
    /// Starts a sentinel that watches the server at `port` under the name `main`, and puts another in its place
    /// three seconds after it is gone.
    ///
    /// # Panics
    /// If it does not start.
    pub fn sentinel(program: impl Into<OsString>, port: u16) -> Self {
        Self::sentinel_with(program, port, "")
    }

    /// The same with more lines in its file of settings.
    ///
    /// # Panics
    /// If it does not start.
    pub fn sentinel_with(program: impl Into<OsString>, port: u16, settings: &str) -> Self {
        let (program, more) = (program.into(), settings.to_owned());
        let command = move |own: u16, folder: &Path| {
            let settings = format!(
                "port {own}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {port} 1\n\
                 sentinel down-after-milliseconds main 3000\nsentinel failover-timeout main 3000\n{more}\n"
            );
            std::fs::write(folder.join("sentinel.conf"), settings).expect("the folder can be written to");
            vec![program.clone(), "sentinel.conf".into(), "--sentinel".into()]
        };
        Self::start(folder(), Signal::KILL, command, |server| answers(server.port()))
    }

    /// Gives a Redis server a command, and gives the beginning of its answer as it comes over the wire.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub fn tell_redis(&self, words: &[&str]) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port()))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        stream.write_all(command.as_bytes())?;
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    }
}

/// A Redis Cluster of six nodes: three that have a third of the slots each, and one that follows each of them.
#[derive(Debug)]
pub struct RedisCluster {
    /// The first three began as primaries; the node three places further follows.
    pub nodes: Vec<Server>,
}

impl RedisCluster {
    /// Starts it, and waits until it takes commands. A primary that is silent for `patience` is replaced.
    ///
    /// # Panics
    /// If it does not come about within a minute.
    pub fn start(program: impl Into<OsString>, patience: Duration) -> Self {
        let (program, patience) = (program.into(), patience.as_millis().to_string());
        let node = |_| {
            let bus = free_port().to_string();
            let settings =
                ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", &patience];
            (Server::redis_with(program.clone(), &settings), bus)
        };
        let nodes: Vec<(Server, String)> = (0..6).map(node).collect();
        let tell = |node: usize, words: &[&str]| {
            let answer = nodes[node].0.tell_redis(words).expect("the node can be reached");
            assert!(!answer.starts_with('-'), "{words:?}: {answer}");
            answer
        };
        for (node, slots) in [("0", "5460"), ("5461", "10922"), ("10923", "16383")].into_iter().enumerate() {
            tell(node, &["CLUSTER", "ADDSLOTSRANGE", slots.0, slots.1]);
            tell(node, &["CLUSTER", "SET-CONFIG-EPOCH", &(node + 1).to_string()]);
        }
        let meet = || {
            for (other, bus) in &nodes[1..] {
                tell(0, &["CLUSTER", "MEET", "127.0.0.1", &other.port().to_string(), bus]);
            }
        };
        let all = |what: &dyn Fn(usize) -> bool| {
            for _ in 0..super::ASKS {
                if (0..6).all(what) {
                    return;
                }
                std::thread::sleep(super::ASK_EVERY);
            }
            panic!("the cluster does not come about: {}", tell(0, &["CLUSTER", "NODES"]));
        };
        meet();
        let looks = Cell::new(0_u32);
        all(&|node| {
            let knows_all = tell(node, &["CLUSTER", "INFO"]).contains("cluster_known_nodes:6");
            looks.set(looks.get() + 1);
            if !knows_all && looks.get().is_multiple_of(MEET_AGAIN) {
                // A node that was too busy to answer in time is forgotten.
                meet();
            }
            knows_all
        });
        for node in 3..6 {
            let id = tell(node - 3, &["CLUSTER", "MYID"]);
            let id = id.lines().nth(1).expect("a node has an id");
            // It may have heard of it a moment later than the others.
            all(&|_| tell(node, &["CLUSTER", "NODES"]).contains(id));
            tell(node, &["CLUSTER", "REPLICATE", id]);
        }
        all(&|node| tell(node, &["CLUSTER", "INFO"]).contains("cluster_state:ok"));
        all(&|node| node < 3 || tell(node, &["INFO", "replication"]).contains("master_link_status:up"));
        all(&|node| tell(node, &["CLUSTER", "SLOTS"]).matches("127.0.0.1").count() >= 6);
        Self { nodes: nodes.into_iter().map(|(node, _)| node).collect() }
    }

    /// Its nodes, as URLs name them: `127.0.0.1:7000,127.0.0.1:7001` and so on.
    pub fn hosts(&self) -> String {
        let hosts: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        hosts.join(",")
    }
}

/// Whether a server takes commands; one that only refuses who asks is ready too.
fn answers(port: u16) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with(b"+PONG") || answer.starts_with(b"-NOAUTH"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_answers_again_after_it_was_killed_and_not_while_it_is_held() {
        let server = Server::redis();
        assert!(answers(server.port()));
        server.kill();
        assert!(TcpStream::connect(("127.0.0.1", server.port())).is_err(), "nobody listens");
        server.restart();
        assert!(answers(server.port()));
        server.stop();
        assert!(!answers(server.port()));
        server.cont();
        assert!(answers(server.port()));
    }
}
