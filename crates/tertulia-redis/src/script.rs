//! The scripts, and how one is called.

use std::sync::LazyLock;

use redis::{Cmd, RedisResult, Script as Source, Value};

use crate::error::is_unknown_script;
use crate::link::Connection;
use crate::wire::Call;

/// A script that servers run by its hash.
pub(crate) struct Script {
    text: &'static str,
    hash: String,
}

/// Applies a batch.
pub(crate) static COMMIT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/commit.lua")));

/// Reads logs and queues.
pub(crate) static READ: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/read.lua")));

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, hash: Source::new(text).get_hash().to_owned() }
    }

    /// Calls it, and gives it to a server that does not know it yet.
    ///
    /// # Errors
    /// The server's, and the connection's.
    pub(crate) async fn call(&self, connection: &mut Connection, call: &Call) -> RedisResult<Value> {
        match connection.send(&command("EVALSHA", &self.hash, call)).await {
            Err(cause) if is_unknown_script(&cause) => {
                connection.send(&command("EVAL", self.text, call)).await
            }
            answer => answer,
        }
    }
}

fn command(name: &str, script: &str, call: &Call) -> Cmd {
    let bytes: usize = call.arguments.iter().map(|argument| argument.len() + 16).sum();
    let count = call.keys.len() + call.arguments.len() + 3;
    let mut command = Cmd::with_capacity(count, bytes + call.keys.len() * 64 + script.len() + 64);
    command.arg(name).arg(script).arg(call.keys.len());
    for key in &call.keys {
        command.arg(key);
    }
    for argument in &call.arguments {
        command.arg(&argument[..]);
    }
    command
}
