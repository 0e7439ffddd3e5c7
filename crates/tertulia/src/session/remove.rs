//! Removing sessions without understanding them: what cannot be read can be removed all the same.

use super::read::Bytes;
use super::store::{State, Store};
use crate::error::Kind;
use crate::storage::{
    CommitId, Expect, Head, ListQuery, LogHead, LogPage, LogWrite, Names, Page, Scope, commit_logs,
};
use crate::{Conversation, Error, Key, Result};

/// How many sessions are read, and removed in one batch, at once.
pub(super) const AT_ONCE: usize = 32;

/// How often a session is tried while others write to it.
const TRIES: usize = 32;

/// Removes a session with the logs inside it; tells whether there was one.
pub(super) async fn session<S: State>(store: &Store<S>, conversation: &Conversation) -> Result<bool> {
    store.flush(conversation).await?;
    for _ in 0..TRIES {
        let Some(removal) = removals(store, std::slice::from_ref(conversation)).await?.pop() else {
            store.written(conversation);
            return Ok(false);
        };
        let outcome =
            commit_logs(store.storage(), store.clock(), CommitId(store.clock().random()), removal.writes)
                .await;
        store.written(conversation);
        match outcome {
            Ok(_) => return Ok(true),
            Err(error) if error.kind() == Kind::Conflict => {}
            Err(error) => return Err(error.context(store.key(conversation))),
        }
    }
    let key = store.key(conversation);
    Err(Error::new(Kind::Conflict, format!("{key} changes faster than it can be removed")))
}

/// Removes the sessions of these conversations, of which nothing is queued; tells how many there were.
pub(super) async fn sessions<S: State>(store: &Store<S>, conversations: &[Conversation]) -> Result<u64> {
    let mut removed = 0;
    for some in conversations.chunks(AT_ONCE) {
        for batch in batches(store, removals(store, some).await?) {
            let (conversations, writes): (Vec<_>, Vec<_>) =
                batch.into_iter().map(|removal| (removal.conversation, removal.writes)).unzip();
            let outcome = commit_logs(
                store.storage(),
                store.clock(),
                CommitId(store.clock().random()),
                writes.concat(),
            )
            .await;
            for conversation in &conversations {
                store.written(conversation);
            }
            match outcome {
                Ok(_) => removed += conversations.len() as u64,
                // One of them is written by somebody else: each by itself.
                Err(error) if error.kind() == Kind::Conflict => {
                    for conversation in &conversations {
                        removed += u64::from(session(store, conversation).await?);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(removed)
}

/// What removes one session.
struct Removal {
    conversation: Conversation,
    writes: Vec<LogWrite>,
}

/// What removes those of the sessions that are there.
async fn removals<S: State>(store: &Store<S>, conversations: &[Conversation]) -> Result<Vec<Removal>> {
    let reads: Vec<_> =
        conversations.iter().map(|it| super::read::whole(&store.key(it), store.limits())).collect();
    let pages = store.storage().read(&reads).await?;
    let mut removals = Vec::with_capacity(pages.len());
    for (conversation, page) in conversations.iter().zip(pages) {
        let key = store.key(conversation);
        let (head, logs) = match page {
            Ok(None) => continue,
            Ok(Some(Page::Log(page))) => (page.head, logs_of(store, conversation, &page).await?),
            Ok(Some(Page::Queue(_))) => return Err(Error::corrupt(format!("{key} is a queue"))),
            Err(error) if error.kind() == Kind::Corrupt => match listed(store, conversation).await? {
                (Some(head), logs) => (head, logs),
                (None, _) => continue,
            },
            Err(error) => return Err(error.context(key)),
        };
        let mut writes = vec![LogWrite::new(key).expect(Expect::Etag(head.etag)).delete()];
        writes.extend(logs.into_iter().map(|log| LogWrite::new(log).delete()));
        removals.push(Removal { conversation: conversation.clone(), writes });
    }
    Ok(removals)
}

/// The keys of the logs inside a session.
async fn logs_of<S: State>(
    store: &Store<S>,
    conversation: &Conversation,
    page: &LogPage,
) -> Result<Vec<Key>> {
    match Bytes::read(store.backing(), &store.key(conversation), page) {
        Ok(bytes) => Ok(bytes.logs.iter().map(|number| store.log_key(conversation, *number)).collect()),
        Err(error) => {
            tracing::warn!(key = %store.key(conversation), %error, "a session that cannot be read is removed");
            Ok(listed(store, conversation).await?.1)
        }
    }
}

/// A session's head and the keys of its logs, found by their names among all of the shard.
async fn listed<S: State>(
    store: &Store<S>,
    conversation: &Conversation,
) -> Result<(Option<LogHead>, Vec<Key>)> {
    let (mut session, mut logs) = (None, Vec::new());
    let inside = format!("{}/log/", store.name());
    let mut query = ListQuery {
        shard: Some(conversation.shard()),
        source: Some(conversation.source().into_owned()),
        names: Names::Prefix(store.name().as_str().to_owned()),
        ..ListQuery::default()
    };
    loop {
        let listing = store.storage().list(&query).await?;
        for listed in listing.keys {
            if !matches!(&listed.key, Key::Log(of, _) if of == conversation) {
                continue;
            }
            if listed.key.name() == store.name() {
                session = Head::log(&listed.head);
            } else if listed.key.name().as_str().starts_with(&inside) {
                logs.push(listed.key);
            }
        }
        match listing.next {
            Some(cursor) => query.after = Some(cursor),
            None => return Ok((session, logs)),
        }
    }
}

/// As few batches as the storage's scope and limits allow.
fn batches<S: State>(store: &Store<S>, mut removals: Vec<Removal>) -> Vec<Vec<Removal>> {
    let anywhere = store.storage().properties().scope == Scope::Store;
    removals.sort_by_key(|removal| removal.conversation.shard());
    let mut batches: Vec<Vec<Removal>> = Vec::new();
    for removal in removals {
        let fits = batches.last().is_some_and(|batch| {
            let writes: usize = batch.iter().map(|removal| removal.writes.len()).sum();
            let same = batch[0].conversation.shard() == removal.conversation.shard();
            writes + removal.writes.len() <= store.limits().writes && (anywhere || same)
        });
        match batches.last_mut() {
            Some(batch) if fits => batch.push(removal),
            _ => batches.push(vec![removal]),
        }
    }
    batches
}
