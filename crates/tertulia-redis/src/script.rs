//! The scripts, and how one is called.

use std::sync::LazyLock;

use redis::{Cmd, RedisResult, Script as Source, Value, pipe};

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

/// Gives the ids that a queue remembers.
pub(crate) static SEEN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/seen.lua")));

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

    /// Calls it where the slot is on its way to, after the node that it leaves said that it has none of the keys. A node
    /// refuses several keys in such a slot if it lacks one, which may not have come yet. That they are nowhere else is
    /// known here, and stays so as long as the slot is on its way: they are given as an argument, behind the first.
    ///
    /// # Errors
    /// The server's, and the connection's.
    pub(crate) async fn call_asking(&self, connection: &mut Connection, call: &Call) -> RedisResult<Value> {
        let several = (call.keys.len() > 1).then(|| packed(&call.keys).into());
        let keys = call.keys.iter().take(1).cloned().collect();
        let arguments = call.arguments.iter().cloned().chain(several).collect();
        let call = Call { keys, arguments };
        let asking = |command| pipe().cmd("ASKING").add_command(command).to_owned();
        let answers = match connection.send_all(&asking(command("EVALSHA", &self.hash, &call))).await {
            Err(cause) if is_unknown_script(&cause) => {
                connection.send_all(&asking(command("EVAL", self.text, &call))).await
            }
            answers => answers,
        };
        answers.map(|mut answers| answers.pop().unwrap_or(Value::Nil))
    }
}

/// Names with their lengths before them.
fn packed(names: &[String]) -> Vec<u8> {
    let mut packed = Vec::new();
    for name in names {
        packed.extend(u32::try_from(name.len()).unwrap_or(u32::MAX).to_be_bytes());
        packed.extend(name.as_bytes());
    }
    packed
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
