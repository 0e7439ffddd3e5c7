//! What a case of the runner's suite works on, and the short words the cases say to it.

use tertulia::runner::{DEAD, Handle, INBOX, Incoming, OUTBOX, Receipt, dead};
use tertulia::storage::{ItemId, Read};
use tertulia::{Conversation, Key, Name, Shard};

use super::work::APPLIED;
use super::{Process, Texts, Work};
use crate::Subject;
use crate::process::LONG;

/// Where the updates of the suite come from.
const SPACE: Name = Name::from_static("suite");

/// A storage under test, and what is said of the processes over it.
///
/// Its short words panic where the runner fails them: a case is a test.
#[derive(Debug)]
pub struct Setting<'a> {
    subject: &'a Subject,
}

impl<'a> Setting<'a> {
    /// Processes over this storage.
    pub fn new(subject: &'a Subject) -> Self {
        Self { subject }
    }

    /// The storage under test.
    pub fn subject(&self) -> &Subject {
        self.subject
    }

    /// A process that does this.
    pub async fn start(&self, work: Work) -> Process<Handle<Texts>> {
        Process::start(self.subject.storage(), |storage| work.run(storage)).await
    }

    /// Kills a process, and opens the store again where that can be done: for the next process.
    pub async fn kill<R>(&self, process: Process<R>) {
        process.kill().await;
        let survives = self.subject.storage().properties().durability.process_kill;
        let opened = self.subject.close_and_open().await;
        assert!(opened || !survives, "a storage that survives its process is opened again by its subject");
    }

    /// Kills a process, and starts the next one.
    pub async fn after(&self, killed: Process<Handle<Texts>>, work: Work) -> Process<Handle<Texts>> {
        self.kill(killed).await;
        self.start(work).await
    }

    /// Brings an update, which has to be taken.
    pub async fn tell(&self, process: &Handle<Texts>, chat: &str, id: i64, text: &str) {
        assert_eq!(self.give(process, chat, id, text).await.unwrap(), Receipt::Accepted);
    }

    /// Brings an update.
    ///
    /// # Errors
    /// As [`Intake::submit`](tertulia::runner::Intake::submit).
    pub async fn give(
        &self,
        process: &Handle<Texts>,
        chat: &str,
        id: i64,
        text: &str,
    ) -> tertulia::Result<Receipt> {
        process.intake().submit(update(chat, id, text)).await
    }

    /// What was applied to a conversation, in this order.
    pub async fn applied(&self, chat: &str) -> Vec<String> {
        let log = self.subject.try_log(&applied_to(chat)).await;
        let entries = log.map(|log| log.entries).unwrap_or_default();
        entries.iter().map(|entry| String::from_utf8_lossy(entry).into_owned()).collect()
    }

    /// Waits until so much was applied to a conversation.
    pub async fn come(&self, chat: &str, many: usize) {
        let key = applied_to(chat);
        loop {
            let seen = self.subject.head(&key).await.map(|head| head.etag());
            if self.applied(chat).await.len() >= many {
                return;
            }
            self.subject.changed(&key, seen).await;
        }
    }

    /// How many entries the queues of this name have.
    pub async fn queued(&self, name: &Name) -> u64 {
        let reads: Vec<Read> =
            Shard::all().map(|shard| Read::head(Key::Queue(shard, name.clone()))).collect();
        let pages = self.subject.storage().read(&reads).await.expect("the storage can be read");
        let heads = pages.into_iter().filter_map(|page| page.expect("a head can be read")?.head().queue());
        heads.map(|head| head.count).sum()
    }

    /// The dead letters.
    pub async fn letters(&self) -> Vec<dead::Letter> {
        let listed = dead::list(&*self.subject.storage(), &Default::default()).await;
        listed.expect("the storage can be read").entries
    }

    /// Lets a process do all it has to do, and stops it.
    pub async fn end(&self, process: Process<Handle<Texts>>) {
        assert_eq!(process.shutdown(LONG).await, [], "nothing is left");
        process.kill().await;
    }

    /// The same of the last process: it has left nothing behind, and given nothing up.
    pub async fn end_all(&self, process: Process<Handle<Texts>>) {
        self.end(process).await;
        for name in [INBOX, OUTBOX, DEAD] {
            assert_eq!(self.queued(&name).await, 0, "entries are left in {name}");
        }
    }
}

/// A conversation of the suite.
pub(super) fn chat(id: &str) -> Conversation {
    Conversation::new("test", id).expect("a valid conversation")
}

/// An update of it.
pub(super) fn update(chat_id: &str, id: i64, text: &str) -> Incoming {
    let id = ItemId::Number(SPACE, id);
    Incoming { conversation: chat(chat_id), id, body: text.to_owned().into(), fault: None }
}

/// The log that updates of a conversation are applied to.
pub(super) fn applied_to(chat_id: &str) -> Key {
    Key::Log(chat(chat_id), APPLIED)
}
