//! Reaches the server that has a shard, also while a cluster moves it from node to node.
//!
//! The node that a slot leaves has the keys that are not moved yet, and the one it goes to has the others. The first says
//! `ASK` if it has none of a script's keys, and names the second; where some are here and some there, they say
//! `TRYAGAIN`. Nothing was done then.

use std::sync::Arc;
use std::time::Duration;

use redis::{Pipeline, RedisError, RedisResult, Value, cmd, pipe};
use tertulia::{Key, Result, Shard};
use tokio::time::Instant;

use crate::error::{asked, failed, is_demoted, is_lost, is_moved, is_moving};
use crate::link::Live;
use crate::listen;
use crate::names::Kind;
use crate::nodes::Node;
use crate::script::Script;
use crate::store::Redis;
use crate::wire::Call;

/// How often a command is given to a cluster that says it has moved.
const MOVES: u32 = 20;
/// The longest wait before it is given again.
const MOVING: Duration = Duration::from_millis(50);

/// Who answered.
pub(crate) struct Reached {
    pub(crate) node: Arc<Node>,
    pub(crate) live: Live,
    /// It has what was asked for and not the slot: each command needs an `ASKING` before it.
    pub(crate) asks: bool,
}

impl Redis {
    /// A connection to the server that has a shard.
    async fn live(&self, shard: Shard) -> Result<(Arc<Node>, Live)> {
        let node = self.nodes().of(shard);
        match node.link.get().await {
            Ok(live) => Ok((node, live)),
            Err(error) => {
                // Perhaps another one took over.
                self.nodes().refresh().await;
                let other = self.nodes().of(shard);
                if Arc::ptr_eq(&node, &other) {
                    return Err(error);
                }
                let live = other.link.get().await?;
                Ok((other, live))
            }
        }
    }

    /// Calls a script where a shard is; again where a cluster says that it is elsewhere, and has done nothing.
    pub(crate) async fn call(
        &self,
        shard: Shard,
        script: &Script,
        call: &Call,
    ) -> Result<(Reached, RedisResult<Value>)> {
        let until = Instant::now() + self.timeout();
        let (mut waits, mut moves) = (0, 0);
        loop {
            let (node, mut live) = self.live(shard).await?;
            let answer = script.call(&mut live.connection, call).await;
            let mut reached = Reached { node, live, asks: false };
            let answer = match answer {
                Err(cause) if self.is_cluster() && asked(&cause).is_some() => {
                    reached = self.follow(reached.node, &cause).await?;
                    script.call_asking(&mut reached.live.connection, call).await
                }
                answer => answer,
            };
            match answer {
                Err(cause) if self.is_cluster() && is_moving(&cause) && Instant::now() < until => {
                    waits += 1;
                    tokio::time::sleep(MOVING.min(MOVING * waits / 8)).await;
                }
                Err(cause) if self.is_cluster() && is_moved(&cause) && moves < MOVES => {
                    moves += 1;
                    self.nodes().refresh().await;
                    tokio::time::sleep(MOVING.min(MOVING * moves / 4)).await;
                }
                Err(cause) => {
                    reached.node.link.failed(&reached.live, &cause);
                    if is_demoted(&cause) {
                        self.nodes().refresh().await;
                    }
                    return Ok((reached, Err(cause)));
                }
                answer => return Ok((reached, answer)),
            }
        }
    }

    /// Sends commands that change nothing to the server that has a shard.
    pub(crate) async fn send_all(
        &self,
        doing: &str,
        shard: Shard,
        commands: &Pipeline,
    ) -> Result<Vec<Value>> {
        let mut tries = 0;
        loop {
            let (node, mut live) = self.live(shard).await?;
            let mut reached = match live.connection.send_all(commands).await {
                Ok(answers) => return Ok(answers),
                Err(cause) if self.is_cluster() && asked(&cause).is_some() => {
                    let mut reached = self.follow(node, &cause).await?;
                    match reached.live.connection.send_all(&asking(commands)).await {
                        Ok(answers) => return Ok(answers.into_iter().skip(1).step_by(2).collect()),
                        Err(cause) => (reached, cause),
                    }
                }
                Err(cause) => (Reached { node, live, asks: false }, cause),
            };
            let (Reached { node, live, .. }, cause) = &mut reached;
            node.link.failed(live, cause);
            let again = is_lost(cause) && !cause.is_timeout() || is_moved(cause) && self.is_cluster();
            if tries > 0 || !again {
                return Err(failed(doing, reached.1));
            }
            self.nodes().refresh().await;
            tries += 1;
        }
    }

    /// The node that another one names, which a slot is on its way to.
    async fn follow(&self, from: Arc<Node>, cause: &RedisError) -> Result<Reached> {
        let (host, port) = asked(cause).unwrap_or_default();
        let node = self.nodes().at(&from, host, port)?;
        let live = node.link.get().await?;
        Ok(Reached { node, live, asks: true })
    }

    /// Tells the node that has the slot what another one wrote: who waits for a change listens there, until the slot has
    /// moved. Lost if this process ends first, until that change is followed by another.
    pub(crate) async fn tell(&self, shard: Shard, keys: impl Iterator<Item = &Key>) {
        let channel = self.names().of_shard(shard, Kind::Changes);
        let command = cmd("SPUBLISH").arg(channel).arg(listen::news(keys)).to_owned();
        let told = match self.live(shard).await {
            Ok((_, mut live)) => {
                live.connection.send(&command).await.map_err(|cause| failed("cannot tell", cause))
            }
            Err(error) => Err(error),
        };
        if let Err(error) = told {
            tracing::debug!(%error, "who waits hears of a change when its slot has moved");
        }
    }
}

fn asking(commands: &Pipeline) -> Pipeline {
    let mut asking = pipe();
    for command in commands.cmd_iter() {
        asking.cmd("ASKING").add_command(command.clone());
    }
    asking
}
