//! What a case of the turns' suite works on, and the short words the cases say to it.

use serde::{Deserialize, Serialize};
use tertulia::bot::{Adapter, Bot, Running};
use tertulia::runner::{DEAD, INBOX, Incoming, OUTBOX, Receipt};
use tertulia::{Conversation, Sessions};

use crate::process::{LONG, Process, hurried, until};
use crate::{Board, Desk, Subject, runner};

/// The session of a conversation: what it has heard, in order.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Heard {
    /// As texts.
    pub texts: Vec<String>,
}

/// A storage under test, and what is said of the bots over it.
///
/// Its short words panic where the bots fail them: a case is a test.
#[derive(Debug)]
pub struct Setting<'a> {
    subject: &'a Subject,
}

impl<'a> Setting<'a> {
    /// Bots over this storage.
    pub fn new(subject: &'a Subject) -> Self {
        Self { subject }
    }

    /// The storage under test.
    pub fn subject(&self) -> &Subject {
        self.subject
    }

    /// A process with a bot at this platform. Its session is called `heard`.
    pub async fn start(&self, at: impl Adapter, made: impl FnOnce(Bot) -> Bot) -> Process<Running> {
        Process::start(self.subject.storage(), |storage| {
            let bot = Bot::new(at).storage(storage).options(hurried());
            made(bot.session::<Heard>("heard")).start()
        })
        .await
    }

    /// Kills a process and opens the store again where that can be done: for the next process.
    pub async fn kill(&self, process: Process<Running>) {
        runner::Setting::new(self.subject).kill(process).await;
    }

    /// Kills a process, and starts the next one.
    pub async fn after(
        &self,
        killed: Process<Running>,
        at: impl Adapter,
        made: impl FnOnce(Bot) -> Bot,
    ) -> Process<Running> {
        self.kill(killed).await;
        self.start(at, made).await
    }

    /// Says something in the conversation `desk:7`: an update that has to be taken. Gives it.
    pub async fn tell(&self, bot: &Running, text: &str) -> Incoming {
        self.tell_in(bot, &desk(), text).await
    }

    /// The same in another conversation.
    pub async fn tell_in(&self, bot: &Running, conversation: &Conversation, text: &str) -> Incoming {
        let update = Desk::update(conversation.clone(), text).expect("it is an update");
        assert_eq!(bot.door().intake.submit(update.clone()).await.unwrap(), Receipt::Accepted);
        update
    }

    /// What the conversation `desk:7` has heard, as another process reads it.
    pub async fn heard(&self) -> Vec<String> {
        self.heard_in(&desk()).await
    }

    /// The same of another conversation.
    pub async fn heard_in(&self, conversation: &Conversation) -> Vec<String> {
        self.sessions().get(conversation).await.expect("the session can be read").into_inner().texts
    }

    /// The sessions, as another process has them.
    pub fn sessions(&self) -> Sessions<Heard> {
        Sessions::new(self.subject.storage(), "heard").expect("a name in order")
    }

    /// Waits until the board shows this, and what was asked of it is known to be done: it is not asked of it again.
    pub async fn shown(&self, board: &Board, messages: &[&str]) {
        board.shows(messages).await;
        until(async || self.queued().await[1] == 0).await;
    }

    /// How many entries the queues of the inbox, the outbox and the dead letters have.
    pub async fn queued(&self) -> [u64; 3] {
        let runner = runner::Setting::new(self.subject);
        [runner.queued(&INBOX).await, runner.queued(&OUTBOX).await, runner.queued(&DEAD).await]
    }

    /// Lets a bot do all it has to do, and stops it.
    pub async fn end(&self, bot: Process<Running>) {
        assert_eq!(bot.shutdown(LONG).await, [], "nothing is left");
        bot.kill().await;
    }

    /// The same of the last bot: it has left nothing behind, and given nothing up.
    pub async fn end_all(&self, bot: Process<Running>) {
        self.end(bot).await;
        assert_eq!(self.queued().await, [0; 3], "entries are left in the inbox, the outbox, or dead");
    }
}

/// The conversation most cases speak of, at a [`Desk`] or a [`Board`].
pub(super) fn desk() -> Conversation {
    Conversation::new("desk", "7").expect("a valid conversation")
}
