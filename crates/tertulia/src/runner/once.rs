//! Results that are recorded, so that a turn that runs again has them: what was paid for once is not paid for twice.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;

use super::Turn;
use super::format::OnceRecord;
use crate::error::Kind;
use crate::storage::{
    Base, Batch, CommitId, Expect, Expire, From, ItemId, LogHead, LogWrite, Page, Read, Write,
};
use crate::{Conversation, Error, Key, Name, Result};

/// How long results are kept of an update that never comes to an end: 7 days since the last was recorded.
const KEPT: std::time::Duration = std::time::Duration::from_hours(7 * 24);
/// How many results one update has at most.
const MOST: usize = 1_000;
/// The longest name, in bytes.
const MAX_NAME: usize = 256;

/// The recorded results of an update.
#[derive(Default)]
pub(super) struct Once {
    /// Read when the first is asked for. Held while one is recorded, so that each knows of those before.
    results: AsyncMutex<Option<Results>>,
    /// The names that this run has used, and the log if there is one.
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    names: HashSet<String>,
    /// What they gave, in order.
    results: Vec<OnceRecord>,
    log: Option<Key>,
}

struct Results {
    known: HashMap<String, Bytes>,
    head: Option<LogHead>,
}

impl Once {
    /// What this run has used.
    pub(super) fn used(&self) -> Vec<OnceRecord> {
        std::mem::take(&mut self.used.lock().results)
    }

    fn note(&self, name: &str, result: &Bytes) {
        self.used.lock().results.push(OnceRecord { name: name.to_owned(), result: result.clone() });
    }

    /// The write that removes what was recorded, if anything was.
    pub(super) fn forget(&self) -> Option<LogWrite> {
        self.used.lock().log.take().map(|key| LogWrite::new(key).delete())
    }
}

/// Whether a log is one of recorded results.
pub(super) fn is_of(name: &Name) -> bool {
    name.as_str().starts_with("once/")
}

/// The log of an update's results.
pub(super) fn key(conversation: &Conversation, update: &ItemId) -> Result<Key> {
    Ok(Key::Log(conversation.clone(), Name::new(format!("once/{update}"))?))
}

impl Turn {
    /// The result that an earlier run of the update, or this one, has [recorded](Self::record) under this name. A run
    /// asks for each name once.
    ///
    /// # Errors
    /// `Invalid` if the name is empty, over 256 bytes, or was asked for by this run already; `Corrupt`; what the
    /// storage gives.
    pub async fn recorded(&self, name: &str) -> Result<Option<Bytes>> {
        if name.is_empty() || name.len() > MAX_NAME {
            let bytes = name.len();
            return Err(Error::invalid(format!(
                "the name of a result has {bytes} bytes, 1 to {MAX_NAME} are allowed"
            )));
        }
        let once = self.once_results();
        if !once.used.lock().names.insert(name.to_owned()) {
            return Err(Error::invalid(format!("the result `{name}` is asked for twice in one turn")));
        }
        if let Some(script) = self.script() {
            let result = script.recorded(name)?;
            once.note(name, &result);
            return Ok(Some(result));
        }
        let mut results = once.results.lock().await;
        if results.is_none() {
            *results = Some(self.read_results().await?);
        }
        let known = results.as_ref().and_then(|results| results.known.get(name));
        if let Some(result) = known {
            once.note(name, result);
        }
        Ok(known.cloned())
    }

    /// The names of what is recorded, by earlier runs of the update or this one, sorted. Costs a read, once, also where
    /// there is nothing.
    ///
    /// # Errors
    /// `Corrupt`; what the storage gives.
    pub async fn recorded_names(&self) -> Result<Vec<String>> {
        if let Some(script) = self.script() {
            return Ok(script.recorded_names());
        }
        let mut results = self.once_results().results.lock().await;
        if results.is_none() {
            *results = Some(self.read_results().await?);
        }
        let known = results.iter().flat_map(|results| results.known.keys().cloned());
        let mut names: Vec<String> = known.collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Records a result at once, under a name that [`recorded`](Self::recorded) was asked for. It goes with the update.
    ///
    /// # Errors
    /// `Conflict` if somebody else runs the update too: the handler runs again, uncharged; `Invalid` if the result is
    /// larger than an entry may be, or the update has 1,000 already; `Unavailable`; `Unknown`.
    pub async fn record(&self, name: &str, result: Bytes) -> Result<()> {
        let once = self.once_results();
        let mut results = once.results.lock().await;
        let Some(results) = results.as_mut() else {
            return Err(Error::invalid(format!("the result `{name}` was not asked for")));
        };
        if results.known.len() >= MOST {
            return Err(Error::invalid(format!("an update has at most {MOST} recorded results")));
        }
        let about = self.about();
        let key = key(&about.conversation, &about.update)?;
        let expect = match &results.head {
            Some(head) => Expect::End(head.incarnation, head.end),
            None => Expect::Absent,
        };
        let entry = OnceRecord { name: name.to_owned(), result: result.clone() }.encode();
        let write = LogWrite::new(key.clone()).expect(expect).append(entry).expire(Expire::After(KEPT));
        let batch = Batch::new(CommitId(self.clock().random()), vec![Write::from(write)]);
        once.used.lock().log = Some(key);
        let committed = match self.storage().commit(batch.clone()).await {
            // The same again tells: what was applied does not expect it any more.
            Err(error) if matches!(error.kind(), Kind::Unknown | Kind::Timeout | Kind::Unavailable) => {
                self.storage().commit(batch).await
            }
            committed => committed,
        };
        match committed {
            Ok(committed) => {
                results.head = committed.heads.into_iter().next().flatten().and_then(|head| head.log());
                once.note(name, &result);
                results.known.insert(name.to_owned(), result);
                Ok(())
            }
            Err(error) => {
                if error.kind() == Kind::Conflict {
                    self.collect(|collected| collected.outdated = true)?;
                }
                Err(error)
            }
        }
    }

    async fn read_results(&self) -> Result<Results> {
        let about = self.about();
        let key = key(&about.conversation, &about.update)?;
        let mut results = Results { known: HashMap::new(), head: None };
        let mut from = From::Start;
        loop {
            let read = Read::new(key.clone()).from(from).base(Base::Never);
            let mut pages = self.storage().read(std::slice::from_ref(&read)).await?;
            let page = pages.pop().ok_or_else(|| Error::internal("a read gave no page"))??;
            let Some(page) = page.and_then(Page::into_log) else { return Ok(results) };
            for entry in &page.entries {
                let OnceRecord { name, result } = OnceRecord::decode(entry)
                    .map_err(|error| Error::new(error.kind(), key.to_string()).with_source(error))?;
                // The first counts.
                results.known.entry(name).or_insert(result);
            }
            let next = page.next();
            if next == page.head.end {
                self.once_results().used.lock().log = Some(key);
                results.head = Some(page.head);
                return Ok(results);
            }
            from = From::At(page.head.incarnation, next);
        }
    }
}
