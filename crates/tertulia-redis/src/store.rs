//! The handle: a storage whose batches are calls of a script.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use redis::{Value, pipe};
use tertulia::error::Kind as ErrorKind;
use tertulia::storage::{
    Batch, BoxFuture, Committed, Durability, Etag, Head, Hub, ListQuery, Listing, Page, Properties, Read,
    Scope, SeenPage, SeenQuery, Storage,
};
use tertulia::{Error, Key, Result, Shard};
use tokio::task::coop;

use crate::address::Address;
use crate::answer;
use crate::error::{failed, is_lost, not_committed, unexpected};
use crate::link::TIMEOUT;
use crate::list;
use crate::names::{Kind, Names};
use crate::nodes::Nodes;
use crate::reach::Reached;
use crate::script::{COMMIT, READ, Script};
use crate::seen;
use crate::url::Url;
use crate::wire::{self, Call};
use crate::{RedisOptions, Wait};

/// A store in Redis. Clones share it and its two connections: one for commits and reads, and, once somebody waits for
/// a change, one that listens.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    options: RedisOptions,
    durability: Durability,
    nodes: Arc<Nodes>,
    hub: Arc<Hub>,
}

impl Redis {
    /// Connects to the server at `url` with the usual options, and makes the store if it is not there.
    ///
    /// # Errors
    /// Those of [`RedisOptions::connect`].
    ///
    /// # Cancel safety
    /// Leaves nothing behind.
    pub async fn connect(url: &str) -> Result<Self> {
        RedisOptions::new().connect(url).await
    }

    /// How many logs and queues were found to be behind what Redis had acknowledged to this process, when it connected
    /// again to a server that was restarted or took over. Each is told in the log, too. 0 while nothing was lost.
    pub fn lost(&self) -> u64 {
        self.0.nodes.recent.lost()
    }

    pub(crate) async fn connect_with(options: RedisOptions, url: &str) -> Result<Self> {
        let (url, options) = Url::parse(url, options)?;
        let address = Address::new(url, &options)?;
        let hub = Arc::new(Hub::default());
        let (nodes, server) = Nodes::start(address, options.clone(), hub.clone()).await?;
        let durability = server.durability.unwrap_or(Durability::NONE);
        Ok(Self(Arc::new(Inner { options, durability, nodes, hub })))
    }

    pub(crate) fn names(&self) -> &Names {
        &self.0.nodes.address.names
    }

    pub(crate) fn nodes(&self) -> &Nodes {
        &self.0.nodes
    }

    /// How long an answer may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.0.options.timeout.unwrap_or(TIMEOUT)
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.0.nodes.is_cluster()
    }

    async fn commit_batch(&self, batch: Batch) -> Result<Committed> {
        let inner = &*self.0;
        coop::consume_budget().await;
        batch.check(&inner.options.limits)?;
        if batch.writes.is_empty() {
            return Ok(Committed::default());
        }
        let shard = batch.writes[0].key().shard();
        if self.is_cluster()
            && let Some(write) = batch.writes.iter().find(|write| write.key().shard() != shard)
        {
            return Err(Error::invalid(format!(
                "batch writes {} and {}, which are of two shards; a Redis Cluster takes batches of one shard",
                batch.writes[0].key(),
                write.key()
            )));
        }
        let mut call = wire::commit(&batch, &inner.options.limits, self.names());
        if self.is_cluster() && inner.options.wait.is_some() {
            // What is written to be waited for is where the batch is.
            call.keys.push(self.names().of_shard(shard, Kind::Barrier));
        }
        let (mut reached, answer) = self.call(shard, &COMMIT, &call).await?;
        let answer = answer.map_err(not_committed)?;
        drop(call);
        let committed = answer::committed(&batch, &inner.options.limits, answer);
        if let Ok(committed) = &committed {
            inner.nodes.recent.remember(&batch, committed);
            if inner.hub.is_watched() {
                for write in &batch.writes {
                    inner.hub.wake(write.key());
                }
            }
            if reached.asks {
                self.tell(shard, batch.writes.iter().map(|write| write.key())).await;
            }
        }
        if let Some(wait) = inner.options.wait
            && settles(&committed)
        {
            self.wait(&mut reached, shard, wait).await?;
        }
        committed
    }

    /// Waits until everything that was written so far is where it is to be.
    async fn wait(&self, reached: &mut Reached, shard: Shard, wait: Wait) -> Result<()> {
        let lost = |text: String| Error::new(ErrorKind::Unknown, text);
        let milliseconds = u64::try_from(wait.timeout.as_millis().max(1)).unwrap_or(u64::MAX);
        // What another connection wrote, such as a commit that this one answers `Seen` to, is behind it too then.
        let mut waiting = pipe();
        if reached.asks {
            waiting.cmd("ASKING");
        }
        waiting.cmd("SET").arg(self.names().of_shard(shard, Kind::Barrier)).arg("");
        if wait.fsync {
            waiting.cmd("WAITAOF").arg(1).arg(wait.replicas).arg(milliseconds);
        } else {
            waiting.cmd("WAIT").arg(wait.replicas).arg(milliseconds);
        }
        let answers = reached.live.connection.send_all(&waiting).await;
        let answers = answers.map_err(|cause| {
            reached.node.link.failed(&reached.live, &cause);
            lost(format!("it is applied, and perhaps on this server alone: {cause}")).with_source(cause)
        })?;
        let (disks, replicas) = match &answers[..] {
            [.., Value::Int(replicas)] => (1, *replicas),
            [.., Value::Array(counts)] => match counts[..] {
                [Value::Int(disks), Value::Int(replicas)] => (disks, replicas),
                _ => return Err(unexpected("cannot wait for replicas")),
            },
            _ => return Err(unexpected("cannot wait for replicas")),
        };
        if disks >= 1 && replicas >= i64::from(wait.replicas) {
            return Ok(());
        }
        Err(lost(format!(
            "it is applied, but after {milliseconds} ms {replicas} replicas of {} have it{}",
            wait.replicas,
            if disks < 1 { " and the disk does not" } else { "" }
        )))
    }

    pub(crate) async fn read_pages(&self, reads: &[Read]) -> Result<Vec<Result<Option<Page>>>> {
        coop::consume_budget().await;
        if reads.is_empty() {
            return Ok(Vec::new());
        }
        if !self.is_cluster() {
            return self.read_of(reads[0].key.shard(), reads.iter()).await;
        }
        // One call for each shard, all at once.
        let mut order: Vec<usize> = (0..reads.len()).collect();
        order.sort_by_key(|read| reads[*read].key.shard());
        let shards = order.chunk_by(|one, next| reads[*one].key.shard() == reads[*next].key.shard());
        let pages = shards.map(|some| async move {
            let pages =
                self.read_of(reads[some[0]].key.shard(), some.iter().map(|read| &reads[*read])).await?;
            Ok::<_, Error>(some.iter().copied().zip(pages))
        });
        let mut pages: Vec<_> = try_join_all(pages).await?.into_iter().flatten().collect();
        pages.sort_by_key(|(read, _)| *read);
        Ok(pages.into_iter().map(|(_, page)| page).collect())
    }

    /// Reads that one server can answer at once.
    async fn read_of<'a>(
        &self,
        shard: Shard,
        reads: impl ExactSizeIterator<Item = &'a Read> + Clone,
    ) -> Result<Vec<Result<Option<Page>>>> {
        let mut call = Call::default();
        for read in reads.clone() {
            wire::read(read, self.names(), &mut call);
        }
        answer::pages(reads, self.ask("cannot read", shard, &READ, &call).await?)
    }

    /// Calls a script that changes nothing.
    pub(crate) async fn ask(&self, doing: &str, shard: Shard, script: &Script, call: &Call) -> Result<Value> {
        let mut tries = 0;
        loop {
            match self.call(shard, script, call).await?.1 {
                Ok(answer) => return Ok(answer),
                // A connection that was lost while idle is found out by the first who uses it.
                Err(cause) if tries == 0 && is_lost(&cause) && !cause.is_timeout() => tries += 1,
                Err(cause) => return Err(failed(doing, cause)),
            }
        }
    }

    async fn head(&self, key: &Key) -> Result<Option<Head>> {
        let mut pages = self.read_pages(&[Read::head(key.clone())]).await?;
        let page = pages.pop().ok_or_else(|| unexpected("cannot read a head"))??;
        Ok(page.map(|page| page.head()))
    }

    async fn changed_head(&self, key: &Key, seen: Option<Etag>) -> Result<Option<Head>> {
        let inner = &*self.0;
        let node = inner.nodes.of(key.shard());
        if !node.listener.hears(key.shard()) {
            let head = self.head(key).await?;
            if head.map(|head| head.etag()) != seen {
                return Ok(head);
            }
            node.listener.hear(key.shard()).await?;
        }
        inner.hub.changed(key, seen, || self.head(key)).await
    }
}

/// Whether what was found rests on commits, of this batch or of one before: `Seen` and conflicts too.
fn settles(committed: &Result<Committed>) -> bool {
    committed.as_ref().map_or_else(|error| error.kind() == ErrorKind::Conflict, |_| true)
}

impl Storage for Redis {
    fn commit<'a>(&'a self, batch: Batch) -> BoxFuture<'a, Result<Committed>> {
        Box::pin(self.commit_batch(batch))
    }

    fn read<'a>(&'a self, reads: &'a [Read]) -> BoxFuture<'a, Result<Vec<Result<Option<Page>>>>> {
        Box::pin(self.read_pages(reads))
    }

    fn list<'a>(&'a self, query: &'a ListQuery) -> BoxFuture<'a, Result<Listing>> {
        Box::pin(list::list(self, query))
    }

    fn seen<'a>(&'a self, query: &'a SeenQuery) -> BoxFuture<'a, Result<SeenPage>> {
        Box::pin(seen::seen(self, query))
    }

    fn changed<'a>(&'a self, key: &'a Key, seen: Option<Etag>) -> BoxFuture<'a, Result<Option<Head>>> {
        Box::pin(self.changed_head(key, seen))
    }

    fn properties(&self) -> Properties {
        Properties {
            name: self.0.nodes.address.shown.clone(),
            scope: if self.is_cluster() { Scope::Shard } else { Scope::Store },
            durability: self.0.durability,
            limits: self.0.options.limits,
        }
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("store", &self.0.nodes.address.shown).finish_non_exhaustive()
    }
}
