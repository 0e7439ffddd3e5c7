//! Runs a turn of a journal on a handler, with what the journal tells instead of what happens.

use std::sync::Arc;
use std::time::Duration;

use super::record::call;
use super::script::{Script, Strayed, about};
use super::{How, JournalCall, JournalRecord};
use crate::runner::commit::prepare;
use crate::runner::desk::{Desk, Release};
use crate::runner::index::{Arrived, Bounds, Crowd, Index, Start};
use crate::runner::panics::caught_async;
use crate::runner::taken::Taken;
use crate::runner::{About, Handler, Keys, Turn, once};
use crate::storage::{Batch, BoxFuture, CommitId, LogWrite, Offset, Storage, Write};
use crate::{Clock, Conversation, Error, Key, Result};

/// What a handler made of a turn of a journal.
#[derive(Debug)]
pub struct Played {
    /// Its calls, in order.
    pub calls: Vec<JournalCall>,
    /// What it wrote to logs, but for sessions.
    pub writes: Vec<LogWrite>,
    /// The logs that its parts met, but for those that keep their own history.
    pub met: Vec<Key>,
    /// How it left what the journal tells.
    pub strayed: Vec<Strayed>,
    /// Its error if it failed. Nothing is written then.
    pub failed: Option<String>,
}

/// Runs a turn of the journal of `conversation` on `handler`: it is given the updates and the recorded results that the
/// turn had, and finds sessions as they are in `storage`, where it writes them. Nothing is called; a result that was not
/// recorded is an error. What the handler does by itself, it does.
///
/// # Errors
/// None of the handler's. What the storage gives when the handler has ended.
///
/// # Cancel safety
/// If dropped, sessions are written or not.
pub async fn play<H: Handler>(
    handler: &H,
    storage: &Arc<dyn Storage>,
    clock: Clock,
    conversation: &Conversation,
    record: &JournalRecord,
    within: Duration,
) -> Result<Played> {
    let arrived = |about: About| {
        let passes = handler.passes(&about);
        let nowhere = (CommitId(0), Offset(0), CommitId(0));
        let mut arrived = Arrived::new(about, conversation.shard(), nowhere.0, nowhere.1, nowhere.2);
        arrived.passes = passes;
        Arc::new(arrived)
    };
    let own = arrived(about(conversation, &record.update, record.attempt));
    let joined = record.taken.iter().filter(|taken| taken.how == How::Joined);
    let joined = joined.map(|taken| arrived(about(conversation, &taken.update, 1))).collect();
    let stage = Arc::new(Stage { storage: Arc::clone(storage), clock, index: nothing() });
    let script = Script::new(record, conversation);
    let update = handler.decode(&own.about);
    let turn = Turn::played(own, Taken::played(joined), stage, script);
    let run = async {
        handler.handle(turn.clone(), update?).await?;
        Ok::<(), anyhow::Error>(())
    };
    let ran = tokio::time::timeout(within, caught_async("the handler", run)).await;
    let (_, collected) = turn.end().await;
    let mut played = Played {
        calls: collected.early_calls.iter().chain(&collected.calls).map(call).collect(),
        writes: collected.early,
        met: Vec::new(),
        strayed: turn.script().map(Script::strayed).unwrap_or_default(),
        failed: None,
    };
    let ended = match ran {
        Err(_) => {
            played.strayed.push(Strayed::Stuck);
            return Ok(played);
        }
        Ok(Err(panic)) => Err(panic.to_string()),
        Ok(Ok(Err(error))) => Err(format!("{error:#}")),
        Ok(Ok(Ok(()))) => Ok(()),
    };
    let prepared = match ended {
        Ok(()) => prepare(&collected.parts).await.map_err(|error| error.to_string()),
        Err(error) => Err(error),
    };
    match prepared {
        Err(error) => played.failed = Some(error),
        Ok(prepared) => {
            let told = collected.parts.iter().zip(&prepared).filter(|(part, _)| !part.keeps_history());
            played.met = told.flat_map(|(_, writes)| writes.iter().map(|write| write.key.clone())).collect();
            let writes = prepared.into_iter().flatten().map(Write::from).collect();
            let commit = CommitId(turn.clock().random());
            storage.commit(Batch::new(commit, writes)).await?;
            let others = collected.writes.into_iter();
            played.writes.extend(others.filter(|write| !once::is_of(write.key.name())));
        }
    }
    Ok(played)
}

/// What a turn that is played asks of its runner: hardly anything, since its script tells.
struct Stage {
    storage: Arc<dyn Storage>,
    clock: Clock,
    index: Index,
}

fn nothing() -> Index {
    let crowd = Crowd { entries: 1, bytes: 1 };
    Index::new(Bounds { running: 1, computing: 1, entries: 1, ready: 1, bytes: 1, crowd })
}

impl Desk for Stage {
    fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn index(&self) -> &Index {
        &self.index
    }

    fn start(self: Arc<Self>, _: Start) {}

    // Only what is given out is a task of its own.
    fn spawn(self: Arc<Self>, _: BoxFuture<'static, ()>) {}

    fn most_waiting(&self) -> usize {
        usize::MAX
    }

    fn keys(&self, _: &About) -> Keys {
        Keys::Conversation
    }

    fn whole(self: Arc<Self>, arrived: Arc<Arrived>) -> BoxFuture<'static, Result<Option<Arc<Arrived>>>> {
        Box::pin(async move { Ok(Some(arrived)) })
    }

    fn release(self: Arc<Self>, _: Release) -> BoxFuture<'static, Result<Arc<Arrived>>> {
        Box::pin(async { Err(Error::internal("a turn that is played gives nothing out")) })
    }

    fn go_on(self: Arc<Self>, arrived: Arc<Arrived>) -> BoxFuture<'static, Result<Arc<Arrived>>> {
        Box::pin(async move { Ok(arrived) })
    }
}
