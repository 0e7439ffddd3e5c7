//! Keeps to Telegram's rates: how many messages it takes from a bot, in one chat and in one group.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::runner::Wait;
use tokio::time::Instant;

/// The most chats whose rate is kept in mind. Those that could take a whole burst again are forgotten first; what
/// does not fit is held to the bot's rate only.
const MAX_CHATS: usize = 16_384;

/// How many messages Telegram takes. What is over a rate waits in the outbox and is sent in order.
///
/// The default keeps to what Telegram's [FAQ](https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this)
/// says of single chats: one gets a message a second, with short bursts, and no minute has more than 20 in one group.
/// What it says of all chats together, 30 a second, is about broadcasts: a bot that answers is not held to it, and
/// would only make its users wait. A bot that broadcasts adds it with [`in_all`](Self::in_all). Whatever is set,
/// Telegram may tell a bot to wait, which is obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Of all messages of the bot.
    pub bot: Option<Rate>,
    /// Of the messages in one chat.
    pub chat: Option<Rate>,
    /// Of the messages in one group, supergroup or channel, beside that.
    pub group: Option<Rate>,
}

/// So many messages at once, then one for each stretch of time: any time `t` has at most `burst + t / every`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many may be sent at once after a while without any; at least 1.
    pub burst: u32,
    /// The time after which one more may be sent.
    pub every: Duration,
}

impl Default for RateLimits {
    /// 1 a second in a chat (5 at once), and 20 a minute in a group (5 at once, and one each 4 s).
    fn default() -> Self {
        let rate = |burst, millis| Some(Rate { burst, every: Duration::from_millis(millis) });
        Self { bot: None, chat: rate(5, 1_000), group: rate(5, 4_000) }
    }
}

impl RateLimits {
    /// Everything is sent at once, and Telegram says when it is too much.
    pub const fn none() -> Self {
        Self { bot: None, chat: None, group: None }
    }

    /// The same with at most so many messages a second in all, a sixth of them at once; 30 suits a broadcast. Of 0 or 1
    /// it is one a second.
    #[must_use]
    pub fn in_all(self, a_second: u32) -> Self {
        let burst = (a_second / 6).max(1);
        let every = Duration::from_secs(1) / a_second.saturating_sub(burst).max(1);
        Self { bot: Some(Rate { burst, every }), ..self }
    }
}

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Chat(pub(crate) i64);

impl Chat {
    /// Telegram's ids of groups, supergroups and channels are negative.
    fn is_group(self) -> bool {
        self.0 < 0
    }
}

/// How much of the rates is used up.
#[derive(Debug)]
pub(crate) struct Pace {
    limits: RateLimits,
    /// Written by each message that is sent.
    used: Mutex<Used>,
}

/// Of each rate, when it will have forgotten all messages so far.
#[derive(Debug, Default)]
struct Used {
    bot: Option<Instant>,
    chats: HashMap<Chat, [Option<Instant>; 2]>,
}

impl Pace {
    pub(crate) fn new(limits: RateLimits) -> Self {
        Self { limits, used: Mutex::default() }
    }

    pub(crate) fn is_unlimited(&self) -> bool {
        self.limits == RateLimits::none()
    }

    /// Counts a message, unless it has to wait. What waits is not counted, and asks again.
    pub(crate) fn take(&self, chat: Option<Chat>) -> Wait {
        if self.is_unlimited() {
            return Wait::None;
        }
        let now = Instant::now();
        let mut used = self.used.lock();
        let [of_chat, of_group] = chat.and_then(|chat| used.chats.get(&chat).copied()).unwrap_or_default();
        let group = self.limits.group.filter(|_| chat.is_some_and(Chat::is_group));
        let wait = wait(self.limits.chat, of_chat, now).max(wait(group, of_group, now));
        if !wait.is_zero() {
            return Wait::Conversation(wait);
        }
        let wait = self::wait(self.limits.bot, used.bot, now);
        if !wait.is_zero() {
            return Wait::Everybody(wait);
        }
        used.bot = after(self.limits.bot, used.bot, now);
        if let Some(chat) = chat {
            let after = [after(self.limits.chat, of_chat, now), after(group, of_group, now)];
            if used.chats.len() >= MAX_CHATS && !used.chats.contains_key(&chat) {
                used.chats.retain(|_, used| used.iter().flatten().any(|until| *until > now));
            }
            if used.chats.len() < MAX_CHATS || used.chats.contains_key(&chat) {
                used.chats.insert(chat, after);
            }
        }
        Wait::None
    }
}

/// How long until one more message is within the rate.
fn wait(rate: Option<Rate>, used: Option<Instant>, now: Instant) -> Duration {
    let (Some(Rate { burst, every }), Some(used)) = (rate, used) else { return Duration::ZERO };
    used.saturating_duration_since(now).saturating_sub(every.saturating_mul(burst.max(1) - 1))
}

/// When the rate will have forgotten one more message too.
fn after(rate: Option<Rate>, used: Option<Instant>, now: Instant) -> Option<Instant> {
    let Rate { every, .. } = rate?;
    used.map_or(now, |used| used.max(now)).checked_add(every)
}

#[cfg(test)]
mod tests;
