//! What the server knows, behind one lock that is held for short.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use tertulia::Timestamp;
use tokio::sync::watch;

use super::clock::Time;
use super::faults::{Fate, Faults};
use super::journal::{Event, Journal};
use super::limits::Limits;
use super::options::Options;
use super::poll::Poll;
use super::queue::{Queue, Waiting};
use super::update::NewUpdate;
use super::webhook::Webhook;

/// What all requests and the webhook's workers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) time: Time,
    /// The one token that is taken.
    pub(super) token: Option<String>,
    state: Mutex<State>,
    /// Moved when there are updates, or somebody else may have them: polls and the webhook's workers look again.
    news: watch::Sender<()>,
    /// Moved when the journal was written; tests look again.
    written: watch::Sender<()>,
}

/// What the server knows of its bot.
#[derive(Debug)]
pub(super) struct State {
    pub(super) queue: Queue,
    pub(super) poll: Poll,
    pub(super) webhook: Webhook,
    pub(super) limits: Limits,
    pub(super) faults: Faults,
    pub(super) random: fastrand::Rng,
    /// The ids of groups that became supergroups, and what they became.
    pub(super) migrated: HashMap<i64, i64>,
    /// The kinds of updates the bot asked for; the usual ones if empty.
    pub(super) allowed: Vec<String>,
    /// How many messages there are, which is the last one's id.
    pub(super) messages: i32,
    pub(super) journal: Journal,
    /// Whether polls and the webhook have to look again.
    pub(super) news: bool,
}

/// The state while it is locked, with the present moment.
pub(super) struct Held<'a> {
    pub(super) state: &'a mut State,
    pub(super) now: Timestamp,
    time: &'a Time,
}

impl Shared {
    pub(super) fn new(options: &Options) -> Self {
        let state = State {
            queue: Queue::new(options.first_update, options.pending, options.idle),
            poll: Poll::default(),
            webhook: Webhook::new(options.retry_scale),
            limits: Limits::new(options.per_chat, options.in_all),
            faults: Faults::default(),
            random: fastrand::Rng::with_seed(options.seed),
            migrated: HashMap::new(),
            allowed: Vec::new(),
            messages: 0,
            journal: Journal::new(options.journal),
            news: false,
        };
        Self {
            time: Time::new(options.frozen),
            token: options.token.clone(),
            state: Mutex::new(state),
            news: watch::Sender::new(()),
            written: watch::Sender::new(()),
        }
    }

    /// Looks at the state or changes it; then wakes who has to know.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut Held<'_>) -> T) -> T {
        let mut state = self.state.lock();
        let entries = state.journal.summary().entries;
        let now = self.time.now();
        let mut held = Held { state: &mut state, now, time: &self.time };
        for update in held.state.queue.expire(now) {
            held.write(Event::Dropped { update });
        }
        let given = look(&mut held);
        let news = std::mem::take(&mut state.news);
        let written = state.journal.summary().entries != entries;
        drop(state);
        if news {
            self.news.send_replace(());
        }
        if written {
            self.written.send_replace(());
        }
        given
    }

    pub(super) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    pub(super) fn written(&self) -> watch::Receiver<()> {
        self.written.subscribe()
    }
}

impl Held<'_> {
    pub(super) fn write(&mut self, event: Event) {
        self.state.journal.write(self.elapsed(), event);
    }

    /// A client connected; gives the number of its connection.
    pub(super) fn connected(&mut self) -> u32 {
        let count = self.state.journal.summary().connected + 1;
        let connection = u32::try_from(count).unwrap_or(u32::MAX);
        self.write(Event::Connected { connection });
        connection
    }

    /// How long the server has run.
    pub(super) fn elapsed(&self) -> Duration {
        self.time.since_start(self.now)
    }

    /// What happens to a request that arrives now.
    pub(super) fn fate(&mut self) -> Fate {
        self.state.faults.fate(&mut self.state.random)
    }

    pub(super) fn set_faults(&mut self, faults: Faults) {
        if let Some(seed) = faults.seed {
            self.state.random = fastrand::Rng::with_seed(seed);
        }
        self.state.faults = faults;
    }

    /// Takes an update in; `None` if there are too many, or the bot does not want its kind.
    pub(super) fn push(&mut self, update: NewUpdate) -> Option<i32> {
        if !self.state.allows(&update.kind) {
            return None;
        }
        let id = self.state.queue.next_id(self.now, &mut self.state.random)?;
        self.state.messages += 1;
        let (chat, lane, expires) = (update.chat, update.lane, self.now.after(update.lifetime));
        let rest = update.render(self.state.messages, self.unix());
        self.state.queue.insert(id, Waiting { rest, lane, expires });
        self.state.news = true;
        self.write(Event::Pushed { update: id, chat });
        Some(id)
    }

    /// Makes a group a supergroup, and says so in both.
    pub(super) fn migrate(&mut self, from: i64, to: i64) {
        self.state.migrated.insert(from, to);
        let group = super::update::chat(from);
        let supergroup = super::update::chat(to);
        let left = json!({ "message": { "chat": group, "from": group, "migrate_to_chat_id": to } });
        let came =
            json!({ "message": { "chat": supergroup, "from": supergroup, "migrate_from_chat_id": from } });
        for update in [left, came] {
            self.push(NewUpdate::raw(update));
        }
    }

    /// Seconds since 1970.
    pub(super) fn unix(&self) -> u64 {
        self.now.0 / 1000
    }
}

impl State {
    fn allows(&self, kind: &str) -> bool {
        const ASKED_FOR: [&str; 3] = ["chat_member", "message_reaction", "message_reaction_count"];
        match self.allowed.as_slice() {
            [] => !ASKED_FOR.contains(&kind),
            allowed => allowed.iter().any(|allowed| allowed == kind),
        }
    }
}
