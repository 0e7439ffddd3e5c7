//! What will happen in a seed, drawn before it begins: who writes what to whom, and what fails how often.

use std::time::Duration;

use fastrand::Rng;
use tertulia::runner::Options;
use tertulia::{Conversation, Error};

use super::sabotage::Sabotage;

/// Everything that is drawn from a seed at the start. What is drawn later comes from the same seed too.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) sabotage: Sabotage,
    /// All updates, in the order in which people write them; an update's number is its place.
    pub(super) updates: Vec<Written>,
    /// Processes may run and fail up to here; afterwards nothing fails any more.
    pub(super) horizon: Duration,
    /// How many processes run at the same time.
    pub(super) slots: usize,
    /// The storage lives in the process, as SQLite does: with the process goes what was not synced.
    pub(super) is_embedded: bool,
    pub(super) rates: Rates,
    /// When the power is lost.
    pub(super) power_losses: Vec<Duration>,
    /// When the storage is away, and for how long.
    pub(super) outages: Vec<(Duration, Duration)>,
    pub(super) runner: Options,
    /// Sessions are saved without being waited for.
    pub(super) is_fire_and_forget: bool,
    pub(super) cache_bytes: usize,
    /// How many updates the platform gives at once at most.
    pub(super) page: usize,
    /// The processes that run at the horizon have to end the work; else they are stopped and another does.
    pub(super) survivors_finish: bool,
}

/// How often things go wrong, each in thousandths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub(super) refused: u32,
    pub(super) request_lost: u32,
    pub(super) answer_lost: u32,
    /// The answer is given up, and the batch arrives later.
    pub(super) late: u32,
    /// The longest way to the storage and back, in milliseconds.
    pub(super) way: u64,
    /// The longest sync.
    pub(super) sync: u64,
    /// Of calls to the platform and of fetches.
    pub(super) platform: u32,
    /// A client gives its update again although it was taken.
    pub(super) doubled: u32,
    /// How long the platform lets a live reply wait for its next request, in milliseconds.
    pub(super) pace: u64,
}

/// An update that somebody writes.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) conversation: Conversation,
    /// Which of its conversation, from 0.
    pub(super) n: u32,
    /// When.
    pub(super) at: Duration,
    pub(super) kind: Kind,
}

/// What an update does to its handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Adds itself to the session and replies so many times.
    Plain(u8),
    /// The same after a wait, and another before the handler returns, in milliseconds.
    Slow(u64, u64),
    /// Looks at the session and does nothing.
    Quiet,
    /// Fails so many times, after it has changed everything.
    Fails(u16),
    /// Panics so many times.
    Panics(u16),
    /// The first run never ends by itself.
    Hangs,
    /// Saves the session in the middle.
    Saves,
    /// Changes a session that other conversations change too.
    Shares,
    /// Says what it has to say, waits for the next update of its conversation if that is a plain one, and does what that
    /// one is there for too.
    Asks,
    /// Replies, says something in a live reply, and replies again. Fails so many times, when all is said.
    Live(Saying, u16),
    /// Replies, says something in a live reply, waits as `Asks` does, and says something in another if it is answered.
    LiveAsks(Saying),
    /// Always fails, after it has said something in a live reply.
    LivePoison(Saying),
    /// Always fails.
    Poison,
    /// Cannot be decoded.
    Undecodable,
    /// Its source says that it cannot be an update.
    Fault,
    /// Its reply is refused by the platform for good.
    Unsendable,
}

/// What is said in a live reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Saying {
    /// How many tokens.
    pub(super) tokens: u8,
    /// The wait after each, in milliseconds.
    pub(super) wait: u64,
}

impl Kind {
    /// Whether the update ends in `dead`.
    pub(super) fn dies(self) -> bool {
        matches!(self, Self::Poison | Self::LivePoison(_) | Self::Undecodable | Self::Fault)
    }

    /// Whether it is in the session's list at the end.
    pub(super) fn is_applied(self) -> bool {
        !self.dies() && self != Self::Quiet
    }

    /// What it says in each of its live replies, if it has some.
    pub(super) fn says(self) -> Option<Saying> {
        match self {
            Self::Live(saying, _) | Self::LiveAsks(saying) | Self::LivePoison(saying) => Some(saying),
            _ => None,
        }
    }

    /// How many plain replies it makes.
    pub(super) fn replies(self) -> u8 {
        match self {
            Self::Plain(replies) => replies,
            Self::Live(..) => 2,
            kind if kind.is_applied() => 1,
            _ => 0,
        }
    }
}

impl Written {
    /// Whether the platform is asked for it; else its client brings it.
    pub(super) fn is_polled(&self) -> bool {
        self.conversation.source() == POLLED
    }
}

/// The platform that is polled, and called.
pub(super) const POLLED: &str = "poll";
/// The platform whose clients bring updates, and read the answers.
pub(super) const PUSHED: &str = "push";

impl Plan {
    pub(super) fn new(seed: u64, sabotage: Sabotage) -> Self {
        let mut rng = Rng::with_seed(seed);
        let horizon = Duration::from_millis(rng.u64(300..4_000));
        let slots = if rng.u8(..3) == 0 || needs_two(sabotage) { 2 } else { 1 };
        let is_embedded = slots == 1 && rng.bool() && !sabotage.fails_over();
        let chats = conversations(&mut rng).expect("short names are conversations");
        let is_sheltered = rng.u8(..8) == 0;
        let rate =
            |rng: &mut Rng, most: u32| if is_sheltered || rng.u8(..3) == 0 { 0 } else { rng.u32(..most) };
        let rates = Rates {
            refused: rate(&mut rng, 100),
            request_lost: rate(&mut rng, 60),
            answer_lost: rate(&mut rng, 60),
            late: if is_embedded { 0 } else { rate(&mut rng, 60) },
            way: rng.u64(0..12),
            sync: rng.u64(0..10),
            platform: rate(&mut rng, 200),
            doubled: rate(&mut rng, 300),
            pace: if rng.bool() { 0 } else { rng.u64(1..150) },
        };
        let mut moments = |most: usize| -> Vec<Duration> {
            let mut moments: Vec<_> = (0..rng.usize(..=most)).map(|_| horizon.mul_f64(rng.f64())).collect();
            moments.sort_unstable();
            moments
        };
        let losses = match sabotage {
            _ if sabotage.fails_over() => 12,
            _ if sabotage.loses() => 4,
            _ => 2,
        };
        let power_losses = moments(losses);
        let outages = moments(2);
        let outages = outages.into_iter().map(|at| (at, Duration::from_millis(rng.u64(1..500)))).collect();
        let mut updates = updates(&mut rng, &chats, horizon);
        if sabotage.fails_over() {
            // What a save left without its turn is in no turn's place; a live reply whose turn's end is lost has none.
            let early = |kind: Kind| kind == Kind::Saves || kind.says().is_some();
            let early = updates.iter_mut().filter(|update| early(update.kind));
            early.for_each(|update| update.kind = Kind::Plain(1));
        }
        let time_limit = (rng.u8(..3) > 0).then_some(Duration::from_secs(3));
        let stays_hung = time_limit.is_none() && updates.iter().any(|update| update.kind == Kind::Hangs);
        Self {
            seed,
            sabotage,
            horizon,
            slots,
            is_embedded,
            rates,
            power_losses,
            outages,
            runner: Options {
                concurrency: *rng.choice(&[1, 2, 500]).expect("not empty"),
                index_entries: *rng.choice(&[2, 8, 65_536]).expect("not empty"),
                index_bytes: *rng.choice(&[0, 4, 64 << 20]).expect("not empty"),
                retries: 3,
                backoff: Duration::from_millis(rng.u64(1..40)),
                backoff_max: Duration::from_millis(rng.u64(40..400)),
                senders: *rng.choice(&[1, 64]).expect("not empty"),
                linger: Duration::from_millis(rng.u64(1..60)),
                time_limit,
                // No update here stops a process: what runs alone when one is killed is innocent.
                stops: u8::MAX,
                ..Options::default()
            },
            is_fire_and_forget: rng.u8(..4) == 0,
            cache_bytes: if rng.u8(..4) == 0 { 600 } else { 1 << 20 },
            page: rng.usize(1..12),
            survivors_finish: !stays_hung
                && !sabotage.fails_over()
                && (rng.bool() || sabotage == Sabotage::CacheKept),
            updates,
        }
    }
}

impl Plan {
    /// The same over a real server: what fails on the way to the storage is the network's to say.
    pub(super) fn over_a_network(mut self) -> Self {
        self.is_embedded = false;
        self.rates = Rates { refused: 0, request_lost: 0, answer_lost: 0, late: 0, ..self.rates };
        self.power_losses.clear();
        self.outages.clear();
        self
    }
}

/// Some bugs are those of two processes at one conversation.
fn needs_two(sabotage: Sabotage) -> bool {
    matches!(
        sabotage,
        Sabotage::CasOff
            | Sabotage::FenceOff
            | Sabotage::CacheKept
            | Sabotage::SkippingReader
            | Sabotage::Failover
            | Sabotage::IntegerEtag
    )
}

fn conversations(rng: &mut Rng) -> Result<Vec<Conversation>, Error> {
    let mut chats = Vec::new();
    for (source, from) in [(POLLED, 1), (PUSHED, 0)] {
        for _ in 0..rng.usize(from..=3) {
            chats.push(Conversation::new(source, &chats.len().to_string())?);
        }
    }
    Ok(chats)
}

fn updates(rng: &mut Rng, chats: &[Conversation], horizon: Duration) -> Vec<Written> {
    let mut moments: Vec<_> = (0..rng.usize(4..40)).map(|_| horizon.mul_f64(rng.f64())).collect();
    moments.sort_unstable();
    let mut numbers = vec![0; chats.len()];
    let mut write = |chat: usize, at, kind| {
        numbers[chat] += 1;
        Written { conversation: chats[chat].clone(), n: numbers[chat] - 1, at, kind }
    };
    let mut updates = Vec::with_capacity(moments.len() + chats.len());
    for at in moments {
        let kind = kind(rng);
        let chat = rng.usize(..chats.len());
        updates.push(write(chat, at, kind));
    }
    // The last word of each conversation comes when nothing fails any more, and whoever takes it finds what others
    // have left.
    for chat in 0..chats.len() {
        updates.push(write(chat, horizon + Duration::from_secs(1), Kind::Plain(1)));
    }
    updates
}

fn kind(rng: &mut Rng) -> Kind {
    match rng.u8(..60) {
        0..16 => Kind::Plain(rng.u8(1..=2)),
        16..22 => Kind::Slow(rng.u64(..30), rng.u64(..10)),
        22..24 => Kind::Quiet,
        24..26 => Kind::Fails(rng.u16(1..=3)),
        26 => Kind::Panics(rng.u16(1..=3)),
        27 => Kind::Hangs,
        28..31 => Kind::Saves,
        31..35 => Kind::Shares,
        35 => Kind::Poison,
        36 => Kind::Undecodable,
        37 => Kind::Fault,
        40..44 => Kind::Asks,
        44..54 => Kind::Live(saying(rng), if rng.u8(..3) == 0 { rng.u16(1..=3) } else { 0 }),
        54..58 => Kind::LiveAsks(saying(rng)),
        58.. => Kind::LivePoison(saying(rng)),
        _ => Kind::Unsendable,
    }
}

fn saying(rng: &mut Rng) -> Saying {
    Saying { tokens: rng.u8(1..9), wait: if rng.u8(..3) == 0 { 0 } else { rng.u64(..60) } }
}
