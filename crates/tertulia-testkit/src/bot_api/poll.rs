//! `getUpdates`: confirms by its offset, gives what waits, else holds until something comes.

use std::fmt::Write as _;
use std::time::Duration;

use tertulia::Timestamp;

use super::answer::Reply;
use super::journal::Event;
use super::params::Params;
use super::state::{Held, Shared};

/// How long a held poll waits for more updates once there is one.
const LINGER: Duration = Duration::from_millis(2);
/// The same offset again within this time gives one update.
const HASTY: Duration = Duration::from_millis(500);
/// The same offset again within this time is held as long.
const SHORT: Duration = Duration::from_secs(3);

const WEBHOOK_ACTIVE: &str = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
const OTHER_POLL: &str =
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
const WEBHOOK_SET: &str = "Conflict: terminated by setWebhook request";

/// What is known of the polls so far.
#[derive(Debug, Default)]
pub(super) struct Poll {
    /// How many there were.
    count: u32,
    /// The last one's offset, as it was asked, and when.
    last: Option<(i32, Timestamp)>,
    /// Which one is held.
    held: Option<u32>,
    /// Until when conflicts are told late.
    told: Option<Timestamp>,
}

/// What a poll asks.
#[derive(Clone, Copy, Debug)]
struct Ask {
    number: u32,
    offset: i32,
    limit: usize,
    until: Timestamp,
    heard: bool,
}

impl Poll {
    /// When a conflict is told: the first at once, another within three seconds late.
    fn conflict(&mut self, now: Timestamp) -> Timestamp {
        if self.told.is_some_and(|told| now < told) {
            return now.after(SHORT);
        }
        self.told = Some(now.after(SHORT));
        now
    }

    /// Ends the poll that is held, which looks again and finds out.
    pub(super) fn abort(&mut self) {
        self.held = None;
    }
}

/// Answers a poll. `heard` says whether the answer will arrive.
///
/// # Cancel safety
/// What was confirmed stays so; nothing else is lost.
pub(super) async fn get_updates(shared: &Shared, params: &Params, heard: bool) -> Reply {
    let mut news = shared.news();
    let ask = match shared.with(|held| held.begin(params, heard)) {
        Begun::Answer(reply) => return reply,
        Begun::Conflict(at) => return conflict(shared, at, WEBHOOK_ACTIVE).await,
        Begun::Hold(ask) => ask,
    };
    loop {
        let late = tokio::select! {
            // The sender is a field of the same value.
            _ = news.changed() => false,
            () = shared.time.sleep_until(ask.until) => true,
        };
        match shared.with(|held| held.look_again(ask, late)) {
            Again::Hold => {}
            Again::Answer(reply) => return reply,
            Again::Linger => {
                tokio::time::sleep(LINGER).await;
                return shared.with(|held| held.give(ask));
            }
            Again::Conflict(at, why) => return conflict(shared, at, why).await,
        }
    }
}

async fn conflict(shared: &Shared, at: Timestamp, why: &str) -> Reply {
    shared.time.sleep_until(at).await;
    Reply::refused(409, why)
}

enum Begun {
    Answer(Reply),
    Hold(Ask),
    Conflict(Timestamp),
}

enum Again {
    Hold,
    Linger,
    Answer(Reply),
    Conflict(Timestamp, &'static str),
}

impl Held<'_> {
    fn begin(&mut self, params: &Params, heard: bool) -> Begun {
        let now = self.now;
        if self.state.webhook.is_set() {
            let at = self.state.poll.conflict(now);
            self.write(Event::Refused { method: "getupdates", chat: None, status: 409 });
            return Begun::Conflict(at);
        }
        if let Some(allowed) = params.allowed_updates() {
            self.state.allowed = allowed;
        }
        let (asked, mut limit, mut timeout) = (params.offset(), params.limit(), params.timeout());
        self.state.poll.count += 1;
        let number = self.state.poll.count;
        self.write(Event::Polled { poll: number, offset: asked, limit, timeout });
        let poll = &mut self.state.poll;
        if let Some((_, last)) = poll.last.filter(|(offset, _)| *offset == asked) {
            if timeout < SHORT.as_secs() && now.since(last) < SHORT {
                timeout = SHORT.as_secs();
            }
            if now.since(last) < HASTY {
                limit = 1;
            }
        }
        poll.last = Some((asked, now));
        let offset = self.confirm(asked, number);
        let until = now.after(Duration::from_secs(timeout));
        let ask = Ask { number, offset, limit, until, heard };
        if timeout == 0 || !self.state.queue.is_empty() {
            return Begun::Answer(self.give(ask));
        }
        // Whoever is held now finds that it is not.
        self.state.poll.held = Some(number);
        self.state.news = true;
        Begun::Hold(ask)
    }

    /// Forgets what an offset confirms; gives where to go on.
    fn confirm(&mut self, asked: i32, by: u32) -> i32 {
        let offset = self.state.queue.resolve(asked);
        for (update, waiting) in self.state.queue.confirm(offset) {
            self.write(Event::Confirmed { update, by });
            if self.state.random.f64() < self.state.faults.duplicate {
                self.state.queue.repeat(update, waiting);
            }
        }
        offset
    }

    fn look_again(&mut self, ask: Ask, late: bool) -> Again {
        if self.state.poll.held != Some(ask.number) {
            let why = if self.state.webhook.is_set() { WEBHOOK_SET } else { OTHER_POLL };
            let at = self.state.poll.conflict(self.now);
            self.write(Event::Conflict { poll: ask.number });
            return Again::Conflict(at, why);
        }
        if late {
            return Again::Answer(self.give(ask));
        }
        if self.state.queue.is_empty() { Again::Hold } else { Again::Linger }
    }

    /// The answer with what there is.
    fn give(&mut self, ask: Ask) -> Reply {
        if self.state.poll.held == Some(ask.number) {
            self.state.poll.held = None;
        }
        let repeated = self.state.queue.repeated(ask.limit);
        let waiting = self.state.queue.from(ask.offset).take(ask.limit - repeated.len());
        let again = repeated.iter().map(|(update, waiting)| (*update, waiting, true));
        let mut list = String::from("[");
        let mut given = Vec::new();
        for (update, waiting, again) in again.chain(waiting.map(|(update, waiting)| (update, waiting, false)))
        {
            let comma = if given.is_empty() { "" } else { "," };
            // Writing to a string cannot fail.
            let _ = write!(list, "{comma}{{\"update_id\":{update},{}", waiting.rest);
            given.push((update, again));
        }
        list.push(']');
        let (poll, heard) = (ask.number, ask.heard);
        for (update, again) in given {
            self.write(Event::Given { update, poll, again, heard });
        }
        Reply::json(&list)
    }
}
