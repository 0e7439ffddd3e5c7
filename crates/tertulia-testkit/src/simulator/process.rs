//! A process: a bot over the storage, whose handler does what the plan says of each update.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tertulia::bot::{self, Bot, Context, Session, SessionOptions, Update};
use tertulia::error::Kind as ErrorKind;
use tertulia::session::{Options, WriteMode};
use tertulia::storage::{LogWrite, Storage};
use tertulia::{Clock, Log, Timestamp};

use super::connection::Connection;
use super::life::Life;
use super::link::sleep;
use super::plan::{Kind, POLLED, PUSHED, Saying};
use super::platform::reply;
use super::wall::Said;
use super::world::{World, events};

/// What each conversation keeps.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Chat {
    pub(super) list: Vec<usize>,
    pub(super) count: u64,
    pub(super) history: Log<usize>,
    /// The live replies: the update, which of its turn, and the text.
    #[serde(default)]
    pub(super) lives: Vec<(usize, u8, String)>,
}

/// What all conversations keep together.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Total {
    pub(super) count: u64,
}

/// Whose session is the one that all share.
pub(super) const SHARED: &str = "shared:total";

/// How long a handler waits for the next update.
const PATIENCE: Duration = Duration::from_secs(2);

/// A bot that is not running yet.
pub(super) fn bot(world: &Arc<World>, life: &Arc<Life>, storage: Arc<dyn Storage>) -> Bot {
    let mut rng = world.rng(life.number as u64 + 0x55_0000);
    // Wall clocks are set, or wrong.
    let hours = rng.u64(0..=2);
    let origin = Timestamp(1_700_000_000_000 - 3_600_000 + hours * 3_600_000);
    let clock = Clock::starting_at(origin.after(world.trace.now()), rng.u64(..));
    let (plan, inside) = (&world.plan, (Arc::clone(world), Arc::clone(life)));
    let mode = if plan.is_fire_and_forget { WriteMode::FIRE_AND_FORGET } else { WriteMode::Transactional };
    let options = Options { cache_bytes: plan.cache_bytes, mode, ..Options::default() };
    Bot::new(Connection::new(world, life, POLLED))
        .adapter(Connection::new(world, life, PUSHED))
        .storage(storage)
        .clock(clock)
        .options(plan.runner.clone())
        .session::<Chat>(SessionOptions::new("chat").options(options))
        .session::<Total>("total")
        .on_any(move |ctx: Context, chat: Session<Chat>| {
            let (world, life) = inside.clone();
            async move { handle(&world, &life, ctx, chat).await }
        })
}

async fn handle(world: &World, life: &Life, ctx: Context, mut chat: Session<Chat>) -> bot::Result {
    let number: usize = ctx.text().parse()?;
    let kind = world.plan.updates[number].kind;
    let run = world.runs(life, number, ctx.attempt());
    let may_hang = !world.is_healed() || world.plan.runner.time_limit.is_some();
    let (before, after) = match kind {
        Kind::Quiet => return Ok(()),
        Kind::Hangs if run == 0 && may_hang => std::future::pending().await,
        Kind::Slow(before, after) => (before, after),
        Kind::Saves => (0, 5),
        _ => (0, 0),
    };
    wait(life, before).await;
    // What a save left stays, whatever became of its turn.
    if !(kind == Kind::Saves && chat.list.contains(&number)) {
        chat.list.push(number);
        chat.count += 1;
        chat.history.push(number);
    }
    if kind == Kind::Saves {
        chat.save().await?;
    }
    if kind == Kind::Shares {
        ctx.session::<Total>(SHARED).await?.count += 1;
    }
    // Of what says something live, the first reply comes before that.
    let before = if kind.says().is_some() { kind.replies().min(1) } else { kind.replies() };
    for nth in 0..before {
        ctx.reply(reply(world, number, nth)).await?;
    }
    if let Some(saying) = kind.says() {
        let text = say(life, &ctx, Said { number, nth: 0, run }, saying).await?;
        chat.lives.push((number, 0, text));
    }
    for nth in before..kind.replies() {
        ctx.reply(reply(world, number, nth)).await?;
    }
    let mut applied = LogWrite::new(events(ctx.conversation())).append(number.to_string());
    let asks = matches!(kind, Kind::Asks | Kind::LiveAsks(_));
    if let (true, Some(next)) = (asks, plain_after(world, number)) {
        let is_next = move |update: &Update| update.text() == Some(next.to_string().as_str());
        match ctx.next_update().within(PATIENCE).of(is_next).await {
            Ok(_) => {
                chat.list.push(next);
                chat.count += 1;
                chat.history.push(next);
                applied = applied.append(next.to_string());
                for nth in 0..world.plan.updates[next].kind.replies() {
                    ctx.reply(reply(world, next, nth)).await?;
                }
                if let Some(saying) = kind.says() {
                    let text = say(life, &ctx, Said { number, nth: 1, run }, saying).await?;
                    chat.lives.push((number, 1, text));
                }
            }
            Err(error) if error.kind() == ErrorKind::Timeout => {}
            Err(error) => return Err(error.into()),
        }
    }
    ctx.turn().write(applied)?;
    wait(life, after).await;
    match kind {
        Kind::Poison | Kind::LivePoison(_) => Err(tertulia::Error::internal("a planned failure").into()),
        Kind::Fails(times) | Kind::Live(_, times) if ctx.attempt() <= times => {
            Err(tertulia::Error::internal("a planned failure").into())
        }
        // As a panic does, but silently.
        Kind::Panics(times) if ctx.attempt() <= times => {
            std::panic::resume_unwind(Box::new("a planned panic"))
        }
        _ => Ok(()),
    }
}

/// Says something in a live reply; gives all of it.
async fn say(life: &Life, ctx: &Context, said: Said, saying: Saying) -> bot::Result<String> {
    let live = ctx.reply_live().await?;
    for token in 0..saying.tokens {
        live.push(said.token(token)).await?;
        wait(life, saying.wait).await;
    }
    Ok(live.finish())
}

/// The next update of the conversation, if it is a plain one.
pub(super) fn plain_after(world: &World, number: usize) -> Option<usize> {
    let of = &world.plan.updates[number].conversation;
    let mut later = world.plan.updates.iter().enumerate().skip(number + 1);
    let (next, written) = later.find(|(_, written)| written.conversation == *of)?;
    matches!(written.kind, Kind::Plain(_)).then_some(next)
}

async fn wait(life: &Life, millis: u64) {
    sleep(Duration::from_millis(millis)).await;
    life.pass().await;
}
