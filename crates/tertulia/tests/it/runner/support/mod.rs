//! A handler made of a closure, updates made of numbers, and a look into what the storage holds.

mod faulty;
mod pair;
mod platform;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use tertulia::runner::{
    About, DEAD, DeadRecord, Handle, Handler, HandlerResult, INBOX, Incoming, Keys, OUTBOX, Options, Runner,
    Turn,
};
use tertulia::storage::{Expect, ItemId, LogWrite, Memory, Page, Read, Storage};
use tertulia::{Clock, Conversation, Key, Name, Result, Shard};

pub(crate) use faulty::{Fate, Faulty};
pub(crate) use pair::Pair;
pub(crate) use platform::{Batches, Platform};

/// Where the updates of these tests come from.
pub(crate) const SPACE: Name = Name::from_static("test");
/// The log of a conversation to which handlers append the updates they apply.
pub(crate) const APPLIED: Name = Name::from_static("applied");

/// Runs a closure with the turn; the update is its raw body as text.
pub(crate) struct Run<F> {
    pub(crate) run: F,
    pub(crate) keys: fn(&About) -> Keys,
    pub(crate) buried: fn(&About) -> Vec<LogWrite>,
}

impl<F, R> Handler for Run<F>
where
    F: Fn(Turn, String) -> R + Send + Sync + 'static,
    R: Future<Output = HandlerResult> + Send,
{
    type Update = String;

    fn decode(&self, about: &About) -> Result<String> {
        assert!(&*about.body != b"panic in decode", "the decoder cannot stand this");
        String::from_utf8(about.body.to_vec()).map_err(|_| tertulia::Error::invalid("not text"))
    }

    fn keys(&self, about: &About) -> Keys {
        (self.keys)(about)
    }

    fn handle(&self, turn: Turn, update: String) -> impl Future<Output = HandlerResult> + Send {
        (self.run)(turn, update)
    }

    fn buried(&self, about: &About) -> Vec<LogWrite> {
        (self.buried)(about)
    }
}

/// A runner over `storage`, ordered by conversation, that is not running yet.
pub(crate) fn runner<F, R>(storage: &Arc<dyn Storage>, options: Options, run: F) -> Runner<Run<F>>
where
    F: Fn(Turn, String) -> R + Send + Sync + 'static,
    R: Future<Output = HandlerResult> + Send,
{
    let handler = Run { run, keys: |_| Keys::Conversation, buried: |_| Vec::new() };
    Runner::new(Arc::clone(storage), Clock::system(), options, handler)
}

/// A runner over `storage`, ordered by conversation.
pub(crate) async fn start<F, R>(storage: &Arc<dyn Storage>, options: Options, run: F) -> Handle<Run<F>>
where
    F: Fn(Turn, String) -> R + Send + Sync + 'static,
    R: Future<Output = HandlerResult> + Send,
{
    runner(storage, options, run).start().await.unwrap()
}

pub(crate) fn memory() -> Arc<dyn Storage> {
    Arc::new(Memory::new())
}

pub(crate) fn conversation(chat: &str) -> Conversation {
    Conversation::new("test", chat).unwrap()
}

pub(crate) fn update(chat: &str, id: i64, text: &str) -> Incoming {
    Incoming {
        conversation: conversation(chat),
        id: ItemId::Number(SPACE, id),
        body: text.to_owned().into(),
        fault: None,
    }
}

/// Lets everything that can go on go on, in the time that the paused clock is moved by.
pub(crate) async fn pass(millis: u64) {
    tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
}

/// Appends the update to its conversation's log, expecting the log as it was read: an effect that must be
/// counted once.
pub(crate) async fn apply(turn: &Turn, text: &str) -> HandlerResult {
    apply_after(turn, text, 0).await
}

/// As [`apply`], with a wait between the read and the end of the turn.
pub(crate) async fn apply_after(turn: &Turn, text: &str, millis: u64) -> HandlerResult {
    let key = Key::Log(turn.about().conversation.clone(), APPLIED);
    let pages = turn.storage().read(&[Read::head(key.clone())]).await?;
    let page = pages.into_iter().next().expect("one page for one read")?;
    if millis > 0 {
        pass(millis).await;
    }
    let expect = page.map_or(Expect::Absent, |page| Expect::Etag(page.head().etag()));
    turn.write(LogWrite::new(key).expect(expect).append(text.to_owned()))?;
    Ok(())
}

/// The updates that were applied to a chat, in order.
pub(crate) async fn applied(storage: &Arc<dyn Storage>, chat: &str) -> Vec<String> {
    log(storage, chat, APPLIED).await
}

/// The entries of a log as text.
pub(crate) async fn log(storage: &Arc<dyn Storage>, chat: &str, name: Name) -> Vec<String> {
    let read = Read::new(Key::Log(conversation(chat), name)).limit(usize::MAX, usize::MAX);
    let page = storage.read(&[read]).await.unwrap().remove(0).unwrap();
    let entries = page.and_then(Page::into_log).map(|page| page.entries).unwrap_or_default();
    entries.iter().map(|entry| String::from_utf8_lossy(entry).into_owned()).collect()
}

/// How many entries the queues of this name hold, over all shards.
pub(crate) async fn queued(storage: &Arc<dyn Storage>, name: Name) -> u64 {
    let reads: Vec<Read> = Shard::all().map(|shard| Read::head(Key::Queue(shard, name.clone()))).collect();
    let pages = storage.read(&reads).await.unwrap();
    let heads = pages.into_iter().filter_map(|page| page.unwrap()).filter_map(|page| page.head().queue());
    heads.map(|head| head.count).sum()
}

/// Nothing is left to do and nothing was given up.
pub(crate) async fn assert_all_done(storage: &Arc<dyn Storage>) {
    for name in [INBOX, OUTBOX, DEAD] {
        assert_eq!(queued(storage, name.clone()).await, 0, "entries are left in {name}");
    }
}

/// The dead letters.
pub(crate) async fn dead(storage: &Arc<dyn Storage>) -> Vec<DeadRecord> {
    let reads: Vec<Read> = Shard::all().map(|shard| Read::new(Key::Queue(shard, DEAD))).collect();
    let pages = storage.read(&reads).await.unwrap();
    pages
        .into_iter()
        .filter_map(|page| page.unwrap().and_then(Page::into_queue))
        .flat_map(|page| page.entries)
        .map(|entry| DeadRecord::decode(&entry.bytes).unwrap())
        .collect()
}

/// What happened, by chat, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Diary(Arc<Mutex<HashMap<String, Vec<String>>>>);

impl Diary {
    pub(crate) fn note(&self, chat: &Conversation, text: impl Into<String>) {
        self.0.lock().entry(chat.id().into_owned()).or_default().push(text.into());
    }

    /// Notes it, and tells how often it has been noted.
    pub(crate) fn count(&self, chat: &Conversation, text: &str) -> usize {
        self.note(chat, text);
        self.of(&chat.id()).iter().filter(|noted| *noted == text).count()
    }

    pub(crate) fn of(&self, chat: &str) -> Vec<String> {
        self.0.lock().get(chat).cloned().unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().values().map(Vec::len).sum()
    }
}
