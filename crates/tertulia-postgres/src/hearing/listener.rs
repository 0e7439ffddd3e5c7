//! The task that hears what other processes changed, or looks for it where it cannot hear.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tertulia::storage::{Etag, Page, Read};
use tertulia::{Key, Result};
use tokio::time::{sleep, timeout};

use crate::connection::{Connector, Heard, Link};
use crate::postgres::Shared;
use crate::reader::Reader;

/// How often watched keys are looked at by a process that hears nothing.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long it takes at most to hear oneself, if one hears at all.
const PROOF: Duration = Duration::from_secs(2);
/// How often a connection on which nothing is said is asked whether it is still there.
const ASK_EVERY: Duration = Duration::from_secs(10);
/// How many keys are looked at in one statement.
const AT_ONCE: usize = 1_000;

/// The task's state. Aborted when the storage is dropped.
pub(crate) struct Listener {
    /// Leads to the server itself, if anything does.
    pub(crate) direct: Arc<Connector>,
    /// Leads where everything else goes.
    pub(crate) connector: Arc<Connector>,
    pub(crate) reader: Arc<Reader>,
    pub(crate) shared: Arc<Shared>,
}

/// What came of listening.
enum Ear {
    Hears(Link, Heard),
    /// A pooler stands between: what is said is not heard.
    Deaf,
}

impl Listener {
    pub(crate) async fn run(self) {
        let mut seen = HashMap::new();
        loop {
            match self.listen().await {
                Ok(Ear::Hears(link, heard)) => {
                    // Whatever was said before was not heard.
                    self.shared.hub.wake_all();
                    self.hear(link, heard).await;
                    self.shared.hub.wake_all();
                }
                Ok(Ear::Deaf) => {
                    tracing::warn!(
                        "what other processes change is looked for each second: LISTEN does not work on this \
                        connection, which leads to a pooler; `direct_url` tells where the server itself is"
                    );
                    loop {
                        self.look(&mut seen).await;
                        sleep(LOOK_EVERY).await;
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot listen for changes of other processes");
                    self.look(&mut seen).await;
                    sleep(LOOK_EVERY).await;
                }
            }
        }
    }

    /// Listens, and proves that it hears what others say.
    async fn listen(&self) -> Result<Ear> {
        let cannot = |cause| crate::error::failed("cannot listen", cause);
        let channel = &self.shared.hearing.channel;
        let (link, mut heard) = self.direct.connect_to_hear().await?;
        link.run(&format!("LISTEN \"{channel}\"")).await.map_err(cannot)?;
        let proof = format!("{:016x}?{:016x}", self.shared.hearing.sender, fastrand::u64(..));
        let other = self.connector.connect().await?;
        other.run(&format!("NOTIFY \"{channel}\", '{proof}'")).await.map_err(cannot)?;
        let proven = timeout(PROOF, async {
            while let Some(text) = heard.recv().await {
                if text == proof {
                    return true;
                }
            }
            false
        });
        if matches!(proven.await, Ok(true)) {
            return Ok(Ear::Hears(link, heard));
        }
        if link.is_closed() {
            return Err(tertulia::Error::unavailable("the connection that listens was lost"));
        }
        // For whoever gets this connection of the pooler's next.
        let _ = link.run("UNLISTEN *").await;
        Ok(Ear::Deaf)
    }

    /// Wakes whom it concerns, until the connection ends.
    async fn hear(&self, link: Link, mut heard: Heard) {
        loop {
            match timeout(ASK_EVERY, heard.recv()).await {
                Ok(Some(text)) => self.wake(&text),
                Ok(None) => return,
                Err(_) => {
                    // A connection whose other end is gone may look alive for ever.
                    if !matches!(timeout(ASK_EVERY, link.run("")).await, Ok(Ok(()))) {
                        link.cut();
                        return;
                    }
                }
            }
        }
    }

    fn wake(&self, text: &str) {
        let Shared { hearing, hub, .. } = &*self.shared;
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        let Some((sender, rest)) = text.split_at_checked(16) else { return };
        if number(sender) == Some(hearing.sender) || rest.starts_with('?') {
            return;
        }
        if rest.is_empty() {
            hub.wake_all();
        }
        let mut rest = rest;
        while let Some((hash, after)) = rest.split_at_checked(16) {
            if let Some(hash) = number(hash) {
                hearing.wake(hub, hash);
            }
            rest = after;
        }
    }

    /// Looks at every watched key, in few statements, and wakes those who wait for one that moved.
    async fn look(&self, seen: &mut HashMap<Key, Option<Etag>>) {
        let watched = self.shared.hearing.watched();
        let mut now = HashMap::with_capacity(watched.len());
        for keys in watched.chunks(AT_ONCE) {
            let reads: Vec<Read> = keys.iter().cloned().map(Read::head).collect();
            let pages = match self.reader.pages(&reads).await {
                Ok(pages) => pages,
                Err(error) => {
                    tracing::debug!(%error, "cannot look for changes of other processes");
                    return;
                }
            };
            for (key, page) in keys.iter().zip(pages) {
                let etag = |page: Option<Page>| page.map(|page| page.head().etag());
                let etag = page.ok().and_then(etag);
                if seen.get(key) != Some(&etag) {
                    self.shared.hub.wake(key);
                }
                now.insert(key.clone(), etag);
            }
        }
        *seen = now;
    }
}
