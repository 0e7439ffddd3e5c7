//! Tertulia under the same load as its peers: a bot whose handler counts in a typed session.
//!
//! Updates go the whole way: into the inbox, 100 at a time as long polling brings them, through the sequencer and a
//! turn, out of the inbox in the batch that carries the session. But for the runs in memory each update is also answered,
//! so that a turn's batch has an outbox row, as the bare loop beside it has; in the case `turns` there too.

mod desk;
mod store;

use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use measure::{Report, Run, Stopwatch};
use serde::{Deserialize, Serialize};
use tertulia::bot::{Bot, Context, Running, Session};
use tertulia::runner::{Incoming, Options};
use tertulia::session::Store as Sessions;
use tertulia::storage::ItemId;
use tertulia::{Clock, Conversation, Name};

use desk::Desk;
use store::Store;

/// Updates of one request to the inbox: what one `getUpdates` brings at most.
const BATCH: u64 = 100;
/// What an update says on which the handler hangs.
const HANG: &str = "hang";
/// The longest wait for the last update.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Debug, Parser)]
struct Arguments {
    /// Where everything is kept.
    #[arg(long, value_enum)]
    store: Store,
    /// Which of Tokio's runtimes runs it.
    #[arg(long, value_enum, default_value = "current")]
    runtime: Runtime,
    /// Has one more chat hang in its first update, with this many behind it, before the others come.
    #[arg(long, default_value_t = 0)]
    hung: u64,
    /// How many callers bring updates at once.
    #[arg(long, default_value_t = 1)]
    callers: u64,
    #[command(flatten)]
    run: Run,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Runtime {
    Current,
    Multi,
}

/// A chat's session: its count, and as many bytes as a session of the bare loop has.
#[derive(Default, Serialize, Deserialize)]
struct Counter {
    n: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    filling: String,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut builder = match arguments.runtime {
        Runtime::Current => tokio::runtime::Builder::new_current_thread(),
        Runtime::Multi => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.enable_all().build()?.block_on(count(&arguments))
}

async fn count(Arguments { store, runtime, hung, callers, run }: &Arguments) -> anyhow::Result<()> {
    let opened = store.open(run.dir.as_deref()).await?;
    let storage = &opened.storage;
    let is_turns = run.case == "turns";
    let answers = is_turns || *store == Store::Sqlite;
    let (sleep, clock) = (run.sleep(), Clock::system());
    let handler = move |ctx: Context, mut chat: Session<Counter>| async move {
        if ctx.text() == HANG {
            std::future::pending::<()>().await;
        }
        if let Some(sleep) = sleep {
            tokio::time::sleep(sleep).await;
        }
        chat.n += 1;
        if answers {
            chat.filling = filling(ctx.text());
            ctx.reply(ctx.text().get(..128).unwrap_or_default()).await?;
        }
        Ok(())
    };
    let options = Options { concurrency: run.slots, ..Options::default() };
    let bot = Bot::new(Desk).storage(Arc::clone(storage)).options(options).on_message(handler);
    let bot = bot.start().await?;
    let batches = batches(run, answers)?;
    hang(&bot, *hung).await?;

    let stopwatch = Stopwatch::start();
    let mut feeds = tokio::task::JoinSet::new();
    let batches = Arc::new(std::sync::Mutex::new(batches.into_iter()));
    for _ in 0..*callers {
        let (intake, batches) = (bot.door().intake.clone(), Arc::clone(&batches));
        feeds.spawn(async move {
            loop {
                let Some(batch) = batches.lock().ok().and_then(|mut batches| batches.next()) else {
                    return Ok(());
                };
                intake.submit_all(batch).await?;
            }
        });
    }
    while let Some(feed) = feeds.join_next().await {
        feed?.map_err(|error: tertulia::Error| error)?;
    }
    let (taken, left) = if *hung > 0 {
        while bot.size() as u64 > *hung {
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
        (stopwatch.stop(), bot.shutdown(Duration::ZERO).await)
    } else {
        let left = bot.shutdown(PATIENCE).await;
        (stopwatch.stop(), left)
    };
    anyhow::ensure!(
        left.len() as u64 == *hung,
        "{} updates are left unfinished, expected {hung}",
        left.len()
    );

    let sessions = Sessions::<Counter>::new(Arc::clone(storage), clock, "default")?;
    let mut sum = 0;
    for chat in 0..run.chats {
        sum += sessions.load(&conversation(chat)?).await?.get().n;
    }
    let peer = match (store, runtime) {
        _ if *hung > 0 => "tertulia-hung",
        _ if is_turns => &format!("turns-{}", store.name()),
        (Store::Memory, Runtime::Current) => "tertulia-current",
        (Store::Memory, Runtime::Multi) => "tertulia-multi",
        _ => &format!("tertulia-{}", store.name()),
    };
    Report::new(peer, run, taken, sum)
        .written(taken)
        .with("runtime", format!("{runtime:?}").to_lowercase())
        .print()
}

/// Has a chat hang, with updates waiting behind its first one.
async fn hang(bot: &Running, updates: u64) -> anyhow::Result<()> {
    let conversation = Conversation::new("desk", "hung")?;
    let update = |id: u64| Incoming {
        conversation: conversation.clone(),
        id: ItemId::Number(Name::from_static("hung"), id as i64),
        body: HANG.into(),
        fault: None,
    };
    bot.door().intake.submit_all((0..updates).map(update).collect()).await?;
    Ok(())
}

/// Every update of the run, made before the clock starts.
fn batches(run: &Run, large: bool) -> anyhow::Result<Vec<Vec<Incoming>>> {
    let conversations = (0..run.chats).map(conversation).collect::<anyhow::Result<Vec<_>>>()?;
    let space = Name::from_static("desk");
    let mut random = fastrand::Rng::with_seed(7);
    let mut body = |id: u64| -> String {
        let more = if large { 468 + (id % 65) as usize } else { 0 };
        std::iter::once(format!("message {id} "))
            .chain((0..more / 8).map(|_| format!("{:08x}", random.u32(..))))
            .collect()
    };
    let updates: Vec<Incoming> = (0..run.updates)
        .map(|id| Incoming {
            conversation: conversations[run.chat(id) as usize].clone(),
            id: ItemId::Number(space.clone(), id as i64),
            body: body(id).into(),
            fault: None,
        })
        .collect();
    Ok(updates.chunks(BATCH as usize).map(<[_]>::to_vec).collect())
}

fn filling(text: &str) -> String {
    text.get(text.len().saturating_sub(40)..).unwrap_or_default().to_owned()
}

fn conversation(chat: u64) -> anyhow::Result<Conversation> {
    Ok(Conversation::new("desk", &chat.to_string())?)
}
