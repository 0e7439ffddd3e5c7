//! The course of a torture: sends, kills, restarts and listens in turn, until nothing more comes.

use std::path::Path;
use std::time::Duration;

use tertulia::{Clock, Timestamp};
use tertulia_testkit::bot_api::Faults;

use super::fake::{Event, Fake, Message};
use super::judge::{Judge, text};
use super::load::{Load, id};
use super::options::Torture;
use super::recovery::Recovery;
use super::report::Report;
use super::victim::{Alive, Victim};
use crate::failure::Failure;
use crate::output;

/// How long to wait between two looks.
const TICK: Duration = Duration::from_millis(5);
/// How late an answer is at most, if it is.
const LATE: Duration = Duration::from_millis(500);
/// A bot that ends by itself is started again after this.
const PAUSE: Duration = Duration::from_millis(200);
/// So many ends in a row without any answer, and there is no use in another start.
const HOPELESS: u64 = 5;
/// How many more there may be for each poison that ends the bot: it may take that long to find it out.
const EACH: u64 = 5;

/// A torture under way.
#[derive(Debug)]
pub(super) struct Course<'a> {
    options: &'a Torture,
    seed: u64,
    clock: Clock,
    began: Timestamp,
    // Before the server, so that it ends first.
    alive: Option<Alive>,
    victim: Victim,
    fake: Fake,
    judge: Judge,
    load: Load,
    recovery: Recovery,
    /// When the next kill is due.
    kill: Option<Timestamp>,
    /// When something was last answered, or the bot was started.
    sign: Timestamp,
    /// When something was last answered.
    answered: Timestamp,
    /// When something was last sent.
    pushed: Timestamp,
    /// The most memory that the bot was seen to have, in bytes.
    memory: Option<u64>,
    poisoned: u64,
    /// How often the bot ended by itself, and how often in a row without an answer.
    ended: u64,
    hopeless: u64,
    told: Timestamp,
}

/// What was answered until nothing more came, without the last message of each chat: where something is lost, those
/// come after a long wait, which is not the bot's.
#[derive(Clone, Copy, Debug)]
struct Fed {
    answered: u64,
    /// From the first message to the last answer.
    took: Duration,
}

impl<'a> Course<'a> {
    /// Starts the server and the bot.
    pub(super) async fn start(
        options: &'a Torture,
        seed: u64,
        clock: Clock,
        folder: &Path,
    ) -> Result<Self, Failure> {
        let fake = Fake::start(seed)?;
        let faults = Faults::default().cut(options.cut).delay(options.delay, LATE);
        fake.set_faults(&faults.duplicate(options.duplicate)).await?;
        let victim = Victim::new(&options.command, fake.url(), folder)?;
        let alive = Some(victim.start()?);
        let began = clock.now();
        let mut load = Load::new(options, seed);
        let kill = load.lifetime().map(|lifetime| began.after(lifetime));
        let (judge, recovery) = (Judge::new(options.chats), Recovery::default());
        let times = (began, began, began, began);
        let (sign, answered, pushed, told) = times;
        let (poisoned, ended, hopeless) = (0, 0, 0);
        Ok(Self {
            options,
            seed,
            clock,
            began,
            alive,
            victim,
            fake,
            judge,
            load,
            recovery,
            kill,
            sign,
            answered,
            pushed,
            memory: None,
            poisoned,
            ended,
            hopeless,
            told,
        })
    }

    pub(super) async fn run(mut self) -> Result<Report, Failure> {
        while !self.load.is_over() {
            let messages = self.load.next(self.now().since(self.began), &self.judge);
            self.push(messages).await?;
            self.go_on().await?;
            // Or a bot that lost all that may wait would be sent no more, for ever.
            if self.judge.expected() > 0 && self.is_quiet(self.sign.max(self.pushed)) {
                self.judge.write_off();
            }
        }
        self.settle().await?;
        let fed = Fed { answered: self.judge.so_far().answered, took: self.answered.since(self.began) };
        // One more each, whose counter tells of all before.
        let audit = |chat| (Message { chat: id(chat), text: text(self.judge.next(chat)) }, false);
        let audit = (0..self.options.chats).map(audit).collect();
        self.push(audit).await?;
        self.sign = self.now();
        self.settle().await?;
        self.weigh();
        if let Some(alive) = self.alive.take() {
            alive.kill().await;
        }
        self.listen().await?;
        Ok(self.report(fed))
    }

    /// Goes on until everything is answered, or nothing is answered any more.
    async fn settle(&mut self) -> Result<(), Failure> {
        while self.judge.expected() > 0 && !self.is_quiet(self.sign) {
            self.go_on().await?;
        }
        self.judge.write_off();
        Ok(())
    }

    /// Whether nothing is to be expected any more if nothing came since then.
    fn is_quiet(&self, since: Timestamp) -> bool {
        self.now().since(since) >= Duration::from_secs(self.options.quiet)
    }

    /// Listens, and kills and restarts if that is due.
    async fn go_on(&mut self) -> Result<(), Failure> {
        self.listen().await?;
        let now = self.now();
        if self.alive.as_mut().is_some_and(Alive::has_ended) {
            self.revive(now).await?;
        } else if self.kill.is_some_and(|kill| kill <= now) && self.load.kill() {
            self.weigh();
            if let Some(alive) = self.alive.take() {
                alive.kill().await;
            }
            self.recovery.started(self.fake.present().await?);
            self.restart()?;
        }
        self.tell();
        self.clock.sleep(TICK).await;
        Ok(())
    }

    /// The bot has ended by itself.
    async fn revive(&mut self, now: Timestamp) -> Result<(), Failure> {
        (self.ended, self.hopeless) = (self.ended + 1, self.hopeless + 1);
        let aborts = if self.options.poisons.iter().any(|text| text == "/abort") { self.poisoned } else { 0 };
        if self.hopeless >= HOPELESS + EACH * aborts {
            let words = self.victim.last_words();
            return Err(Failure::Run(format!(
                "the bot ended by itself {} times without an answer: {words}",
                self.hopeless
            )));
        }
        self.clock.sleep(PAUSE).await;
        let sign = self.sign;
        self.restart()?;
        // It is no sign of life that it is started again.
        self.sign = sign.min(now);
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Failure> {
        self.alive = Some(self.victim.start()?);
        self.sign = self.now();
        self.kill = self.load.lifetime().map(|lifetime| self.sign.after(lifetime));
        Ok(())
    }

    async fn push(&mut self, messages: Vec<(Message, bool)>) -> Result<(), Failure> {
        let (messages, poison): (Vec<_>, Vec<_>) = messages.into_iter().unzip();
        if messages.is_empty() {
            return Ok(());
        }
        let taken = self.fake.push(&messages).await?;
        if taken < messages.len() {
            return Err(Failure::Run("too many updates wait at the fake Bot API server".to_owned()));
        }
        self.pushed = self.now();
        for (message, poison) in messages.iter().zip(poison) {
            self.judge.sent(message.chat - 1, poison);
            self.poisoned += u64::from(poison);
        }
        Ok(())
    }

    async fn listen(&mut self) -> Result<(), Failure> {
        let before = self.judge.so_far().answered;
        for entry in self.fake.read().await? {
            match entry.event {
                Event::Confirmed { update } => self.judge.confirmed(update),
                Event::Sent { chat, text, connection } => {
                    self.recovery.heard(entry.at, connection);
                    self.judge.heard(chat.wrapping_sub(1), &text);
                }
            }
        }
        if self.judge.so_far().answered > before {
            (self.sign, self.answered) = (self.now(), self.now());
            self.hopeless = 0;
        }
        Ok(())
    }

    /// Looks how much memory the bot has had at most.
    fn weigh(&mut self) {
        self.memory = self.memory.max(self.alive.as_ref().and_then(Alive::memory));
    }

    /// Says once a second how far it is.
    fn tell(&mut self) {
        let now = self.now();
        if now.since(self.told) < Duration::from_secs(1) {
            return;
        }
        self.told = now;
        self.weigh();
        let verdict = self.judge.so_far();
        output::note(format_args!(
            "{:>4} s  {} sent, {} unanswered, {} kills; {} reordered, {} doubled, {} went back, {} repeated",
            now.since(self.began).as_secs(),
            verdict.updates,
            self.judge.unanswered(),
            self.load.killed(),
            verdict.reordered,
            verdict.doubled,
            verdict.state_lost,
            verdict.repeated,
        ));
    }

    fn report(&self, fed: Fed) -> Report {
        let verdict = self.judge.verdict();
        let seconds = fed.took.as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "a rate is not exact")]
        let updates_per_second = fed.answered as f64 / seconds.max(0.001);
        Report {
            verdict,
            chats: self.options.chats,
            kills: self.load.killed(),
            ended: self.ended,
            poison: self.poisoned,
            recovery: self.recovery.recovered(),
            seconds,
            updates_per_second,
            memory: self.memory,
            seed: self.seed,
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
