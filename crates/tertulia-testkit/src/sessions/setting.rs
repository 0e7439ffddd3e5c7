//! What a case of the sessions' suite works on, and the short words the cases say to it.

use std::time::Duration;

use tertulia::session::{Guard, Options, State, View, WriteMode};
use tertulia::storage::{Expire, IntoStorage, ListQuery, LogWrite};
use tertulia::{Clock, Conversation, Key, Name, Result, Sessions};

use crate::{Counting, Subject};

/// The name of the sessions, so that their logs are `session/suite` and those below it.
const NAME: &str = "suite";

/// A storage under test, and the write mode that its sessions are kept in.
///
/// Its short words panic where the sessions fail them: a case is a test.
#[derive(Debug)]
pub struct Setting<'a> {
    subject: &'a Subject,
    mode: WriteMode,
}

impl<'a> Setting<'a> {
    /// Sessions of this mode on this storage.
    pub fn new(subject: &'a Subject, mode: WriteMode) -> Self {
        Self { subject, mode }
    }

    /// The storage under test.
    pub fn subject(&self) -> &Subject {
        self.subject
    }

    /// Sessions as a process has them that has just begun: with a cache of their own.
    pub fn sessions<S: State>(&self) -> Sessions<S> {
        self.with(Options::default())
    }

    /// The same with options; their mode is the case's.
    pub fn with<S: State>(&self, options: Options) -> Sessions<S> {
        self.named(self.subject.storage(), NAME, options)
    }

    /// The same, with what goes to the storage counted.
    pub fn counted<S: State>(&self, options: Options) -> (Counting, Sessions<S>) {
        let counting = Counting::new(self.subject.storage());
        let sessions = self.named(counting.clone(), NAME, options);
        (counting, sessions)
    }

    /// Sessions of another name over this storage or a wrapper of it, in the case's mode.
    pub fn named<S: State>(&self, storage: impl IntoStorage, name: &str, options: Options) -> Sessions<S> {
        let options = self.options(options);
        Sessions::with(storage, Clock::system(), name, options).expect("the options are in order")
    }

    /// These options in the case's mode.
    pub fn options(&self, options: Options) -> Options {
        Options { mode: self.mode, ..options }
    }

    /// A conversation that had no session yet.
    pub fn conversation(&self) -> Conversation {
        Conversation::new("test", &self.subject.id().0.to_string()).expect("a number is an id")
    }

    /// Saves, and waits until that is in the storage.
    ///
    /// # Errors
    /// The save's, at once or later.
    pub async fn save<S: State>(&self, sessions: &Sessions<S>, guard: &mut Guard<S>) -> Result<()> {
        guard.save().await?;
        sessions.flush().await
    }

    /// Changes a session, which must go well, and waits until that is in the storage.
    pub async fn update<S: State, R>(
        &self,
        sessions: &Sessions<S>,
        conversation: &Conversation,
        change: impl FnMut(&mut S) -> R,
    ) -> R {
        let result = sessions.update(conversation, change).await.expect("the session can be changed");
        sessions.flush().await.expect("the change can be stored");
        result
    }

    /// Stores a value, as another process does.
    pub async fn put<S: State + Clone>(&self, conversation: &Conversation, value: &S) {
        self.update(&self.sessions(), conversation, |state| *state = value.clone()).await;
    }

    /// What is stored, as another process reads it.
    pub async fn stored<S: State>(&self, conversation: &Conversation) -> View<S> {
        self.sessions().get(conversation).await.expect("the session can be read")
    }

    /// The key of a session's log.
    pub fn key(&self, conversation: &Conversation) -> Key {
        let name = Name::new(format!("session/{NAME}")).expect("a valid name");
        Key::Log(conversation.clone(), name)
    }

    /// The keys of all logs that the storage lists: of sessions, and of the logs inside them.
    pub async fn keys(&self) -> Vec<Key> {
        let query = ListQuery { limit: 10_000, ..ListQuery::default() };
        let listing = self.subject.storage().list(&query).await.expect("the storage can be listed");
        assert_eq!(listing.next, None, "a case has fewer logs than that");
        listing.keys.into_iter().map(|listed| listed.key).collect()
    }

    /// Waits until so much time has passed. Nothing sleeps: where time cannot be moved, it waits for a log to expire.
    pub async fn pass(&self, duration: Duration) {
        if self.subject.leap(duration).await {
            return;
        }
        let timer = Key::Log(self.conversation(), Name::from_static("timer"));
        let write = LogWrite::new(timer.clone()).append("x").expire(Expire::After(duration));
        let head = self.subject.put_log(write).await;
        assert_eq!(self.subject.changed(&timer, Some(head.etag)).await, None);
    }
}
