//! Finding runs, and getting rid of them.

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::{Runs, missing};
use crate::graph::keep::{Chain, Custom, Found};
use crate::graph::{RunId, Which};
use crate::session::State;
use crate::session::track::{Needs, Track};
use crate::storage::{CommitId, Expect, ListQuery, LogWrite, Names, Offset, commit_logs};
use crate::{Conversation, Error, Key, Result, Timestamp};

/// A run that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// Which.
    pub id: RunId,
    /// Its latest checkpoint; `None` at its beginning.
    pub seq: Option<u64>,
    /// When that was made.
    pub at: Timestamp,
}

impl Listed {
    /// A run, for those who store runs on their own.
    pub fn new(id: RunId, seq: Option<u64>, at: Timestamp) -> Self {
        Self { id, seq, at }
    }
}

/// How many keys are listed at once.
const PAGE: usize = 1_000;

/// How many children are deleted at once.
const AT_ONCE: usize = 16;

impl<S: State> Runs<S> {
    /// The runs of a conversation, of whatever graph, the one that was written last first. Those that have the same moment
    /// come in the order in which one process wrote them. Without the [children](Self::children) of runs.
    ///
    /// # Errors
    /// What the storage gives.
    pub async fn list(
        &self,
        conversation: impl TryInto<Conversation, Error: Into<Error>>,
    ) -> Result<Vec<Listed>> {
        let conversation = conversation.try_into().map_err(Into::into)?;
        self.flush_all().await?;
        if let Some(custom) = self.persisted()? {
            let listing = custom.persister.saver.list(&conversation);
            let mut listed = self.shelf().within(&conversation, listing).await?;
            listed.retain(|listed| !listed.id.is_child());
            return Ok(listed);
        }
        let mut found = self.named(&conversation, "").await?;
        found.retain(|id| !id.is_child());
        self.stamped(found).await
    }

    /// The children of a run that are kept with it, and theirs, in the same order.
    ///
    /// # Errors
    /// What the storage gives.
    pub async fn children(&self, id: impl TryInto<RunId, Error: Into<Error>>) -> Result<Vec<Listed>> {
        let id = id.try_into().map_err(Into::into)?;
        // Of those that are only queued there is nothing yet.
        self.flush_all().await?;
        if let Some(custom) = self.persisted()? {
            return children_in(custom, &id).await;
        }
        let found = self.named(id.conversation(), &id.before_children()).await?;
        self.stamped(found).await
    }

    /// The runs of a conversation in the storage whose names begin so.
    async fn named(&self, conversation: &Conversation, beginning: &str) -> Result<Vec<RunId>> {
        let mut query = ListQuery {
            shard: Some(conversation.shard()),
            source: Some(conversation.source().into_owned()),
            names: Names::Prefix(format!("run/{beginning}")),
            limit: PAGE,
            ..ListQuery::default()
        };
        let mut found = Vec::new();
        loop {
            let listing = self.shelf().storage.list(&query);
            let listing = self.shelf().within(&conversation, listing).await?;
            for listed in listing.keys {
                let Key::Log(of, name) = &listed.key else { continue };
                let name = name.as_str().strip_prefix("run/").filter(|_| of == conversation);
                if let Some(name) = name.filter(|name| !name.contains("/log/")) {
                    found.push(RunId::new(conversation.clone(), name)?);
                }
            }
            query.after = listing.next;
            if query.after.is_none() {
                return Ok(found);
            }
        }
    }

    /// The same with their latest checkpoints, the one that was written last first.
    async fn stamped(&self, found: Vec<RunId>) -> Result<Vec<Listed>> {
        let mut stamped = Vec::with_capacity(found.len());
        for id in found {
            // One that was deleted meanwhile is not there.
            if let Some((seq, stamp, at)) = Chain::latest(self.shelf(), &id, &id.key()?).await? {
                stamped.push((stamp, Listed { id, seq, at }));
            }
        }
        stamped.sort_by_key(|(stamp, _)| std::cmp::Reverse(*stamp));
        Ok(stamped.into_iter().map(|(_, listed)| listed).collect())
    }

    /// Deletes a run with all its checkpoints, whole, and then its children; whoever has one of them open cannot write it any
    /// more. Whether it was there. Children that are kept elsewhere stay.
    ///
    /// # Errors
    /// What the storage gives.
    ///
    /// # Cancel safety
    /// If dropped, some of its children may be left; deleting it again deletes them.
    pub async fn delete(&self, id: impl TryInto<RunId, Error: Into<Error>>) -> Result<bool> {
        let id = id.try_into().map_err(Into::into)?;
        // The run goes first: without it no child can be made.
        let was_there = self.delete_one(&id).await?;
        let children = self.names_of_children(&id).await?;
        self.delete_all(children).await?;
        Ok(was_there)
    }

    async fn names_of_children(&self, id: &RunId) -> Result<Vec<RunId>> {
        match self.persisted()? {
            Some(custom) => Ok(children_in(custom, id).await?.into_iter().map(|child| child.id).collect()),
            None => self.named(id.conversation(), &id.before_children()).await,
        }
    }

    async fn delete_all(&self, ids: Vec<RunId>) -> Result<()> {
        let deleting = stream::iter(ids).map(|id| async move { self.delete_one(&id).await });
        deleting.buffer_unordered(AT_ONCE).try_for_each(|_| async { Ok(()) }).await
    }

    async fn delete_one(&self, id: &RunId) -> Result<bool> {
        let key = id.key()?;
        // What failed is of no matter any more.
        let _ = self.flush(id).await;
        if let Some(custom) = self.persisted()? {
            return self.shelf().within(id, custom.persister.saver.delete(id)).await;
        }
        let Some(chain) = Chain::read(self.shelf(), id, &key, Which::Latest).await? else {
            return Ok(false);
        };
        let home = self.home(id)?;
        let inside = (1..chain.next_log()?).filter_map(|number| home.log_key(number));
        let mut writes: Vec<LogWrite> =
            std::iter::once(key).chain(inside).map(|key| LogWrite::new(key).delete()).collect();
        let most = self.shelf().storage.properties().limits.writes.max(1);
        while !writes.is_empty() {
            // The run's own log goes first: from then on the run is gone.
            let rest = writes.split_off(writes.len().min(most));
            let clock = &self.shelf().clock;
            let commit = CommitId(clock.random());
            self.shelf().within(id, commit_logs(&self.shelf().storage, clock, commit, writes)).await?;
            writes = rest;
        }
        Ok(true)
    }

    /// Forgets all checkpoints of a run but the last `keep`, the items of histories that only these had, and the children of
    /// those steps; tells how many. Whoever has it open has to load it again. It reads all checkpoints, those that are kept too,
    /// and trims as many histories as a batch takes: 255, unless the storage says otherwise.
    ///
    /// # Errors
    /// `Conflict` if the run is written meanwhile; `Gone` if there is no such run; what the storage gives.
    pub async fn prune(&self, id: impl TryInto<RunId, Error: Into<Error>>, keep: u64) -> Result<u64> {
        let id = id.try_into().map_err(Into::into)?;
        let key = id.key()?;
        let latest = match self.read(&id, Which::Latest).await?.ok_or_else(|| missing(&id))? {
            Found::Log(chain) => chain,
            Found::Saved(custom, saved) => {
                let pruned = self.shelf().within(&id, custom.persister.saver.prune(&id, keep)).await?;
                if let Some(last) = saved.last.and_then(|last| last.checked_sub(keep)) {
                    self.delete_children_up_to(&id, last).await?;
                }
                return Ok(pruned);
            }
        };
        let (start, end) = (latest.head.start.0, latest.head.end.0);
        let Some(last) = end.saturating_sub(keep).checked_sub(1).filter(|last| *last >= start) else {
            return Ok(0);
        };
        let chain =
            Chain::read(self.shelf(), &id, &key, Which::At(last)).await?.ok_or_else(|| missing(&id))?;
        let loading = Track::load(self.home(&id)?, &chain.whole, &chain.changes);
        let mut track = self.shelf().within(&id, loading).await?;
        track.reserve_logs(latest.next_log()?);
        let whole = track.whole();
        let trims = self.trims(&id, &key, &latest, last, &whole).await?;
        let base = chain.base(&whole);
        let write =
            LogWrite::new(key).expect(Expect::Etag(latest.head.etag)).base(base).trim(Offset(last + 1));
        // In one batch: what is to be trimmed is so only as long as nobody writes the run.
        let mut writes = vec![write];
        writes.extend(trims);
        writes.truncate(self.shelf().storage.properties().limits.writes.max(1));
        let clock = &self.shelf().clock;
        let commit = CommitId(clock.random());
        self.shelf().within(&id, commit_logs(&self.shelf().storage, clock, commit, writes)).await?;
        self.delete_children_up_to(&id, last).await?;
        Ok(last + 1 - start)
    }

    /// What is trimmed of the logs inside a run when it is pruned up to checkpoint `last`, which is this when it is written whole.
    async fn trims(
        &self,
        id: &RunId,
        key: &Key,
        latest: &Chain,
        last: u64,
        whole: &[u8],
    ) -> Result<Vec<LogWrite>> {
        let (mut gone, mut kept) = (Needs::default(), Needs::default());
        let begun = Chain::read(self.shelf(), id, key, Which::Beginning).await?;
        gone.whole(&begun.ok_or_else(|| missing(id))?.whole)?;
        let (start, end) = (latest.head.start.0, latest.head.end.0);
        latest.needs(self.shelf(), id, key, start..last + 1, &mut gone).await?;
        kept.whole(whole)?;
        latest.needs(self.shelf(), id, key, last + 1..end, &mut kept).await?;
        Ok(kept.without(&gone, &self.home(id)?))
    }

    async fn delete_children_up_to(&self, id: &RunId, last: u64) -> Result<()> {
        let mut children = self.names_of_children(id).await?;
        children.retain(|child| child.step_of(id).is_some_and(|step| step <= last));
        self.delete_all(children).await
    }
}

async fn children_in(custom: &Custom, id: &RunId) -> Result<Vec<Listed>> {
    let mut listed = custom.persister.saver.list(id.conversation()).await?;
    let beginning = id.before_children();
    listed.retain(|listed| listed.id.name().starts_with(&beginning));
    Ok(listed)
}
