//! What a turn leaves in the journal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tertulia::bot::{Bot, Burst, Bypass, Context, Joined, Session, command};
use tertulia::runner::journal::{FoundState, How};
use tertulia::runner::{JOURNAL, Journal};
use tertulia::storage::{Read, Storage};
use tertulia::{Key, Log};
use tertulia_testkit::{Counting, Desk};

use super::{Chat, memory, pass, seven, started, tell, texts, turns};

async fn count(ctx: Context, mut chat: Session<Chat>) -> tertulia::bot::Result {
    chat.count += 1;
    chat.said.push(ctx.text().to_owned());
    ctx.reply(format!("{}", chat.count)).await?;
    Ok(())
}

fn counting() -> Bot {
    Bot::new(Desk::new()).session::<Chat>("chat").on_message(count)
}

#[tokio::test(start_paused = true)]
async fn a_bot_keeps_no_journal_unless_told_to() {
    let storage = memory();
    let bot = counting().storage(Arc::clone(&storage)).start().await.unwrap();
    tell(&bot, "7", "hello").await;
    let read = Read::new(Key::Log(seven(), JOURNAL));
    assert!(storage.read(&[read]).await.unwrap().remove(0).unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_kept_in_its_own_batch() {
    let commits = async |journal: bool| {
        let counting_storage = Arc::new(Counting::new(memory()));
        let storage: Arc<dyn Storage> = counting_storage.clone();
        let bot = counting().storage(Arc::clone(&storage));
        let bot = if journal { bot.journal(Journal::default()) } else { bot };
        let bot = bot.start().await.unwrap();
        tell(&bot, "7", "one").await;
        tell(&bot, "7", "two").await;
        (counting_storage.counts().batches, turns(&storage).await.len())
    };
    let (without, none) = commits(false).await;
    assert_eq!((commits(true).await, none), ((without, 2), 0));
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_kept_with_what_came_what_was_said_and_what_was_found() {
    let storage = memory();
    let bot = started(&storage, Journal::default(), counting()).await;
    tell(&bot, "7", "one").await;
    tell(&bot, "7", "two").await;
    let turns = turns(&storage).await;
    assert_eq!(texts(turns.iter().map(|turn| &turn.update.body)), ["one", "two"]);
    assert_eq!(texts(turns.iter().flat_map(|turn| &turn.calls).map(|call| &call.body)), ["1", "2"]);
    assert!(turns[0].begins && !turns[1].begins && turns[0].segment == turns[1].segment);
    assert!(turns[0].found.iter().all(|found| found.state == FoundState::Absent));
    assert_eq!((turns[0].found.len(), turns[1].found.len()), (2, 0), "the session, and the history inside");
    let names = |turn: usize| -> Vec<String> {
        turns[turn].writes.iter().map(|write| write.key.name().to_string()).collect()
    };
    assert_eq!(names(0).len(), 2);
    assert_eq!(names(0)[0], "session/chat");
    assert_eq!(names(0), names(1));
}

#[tokio::test(start_paused = true)]
async fn a_turn_without_effects_is_not_kept() {
    let storage = memory();
    let quiet = Bot::new(Desk::new()).session::<Chat>("chat").on_message(async |_: Session<Chat>| Ok(()));
    let bot = started(&storage, Journal::default(), quiet).await;
    tell(&bot, "7", "hello").await;
    assert!(turns(&storage).await.is_empty());
    assert_eq!(bot.size(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_failed_first_is_kept_once_with_its_try_and_the_results_it_used() {
    let storage = memory();
    let called = Arc::new(AtomicU64::new(0));
    let calls = Arc::clone(&called);
    let bot = Bot::new(Desk::new()).on_message(move |ctx: Context| {
        let calls = Arc::clone(&calls);
        async move {
            let model = async { Ok(calls.fetch_add(1, Ordering::Relaxed)) };
            let answer: u64 = ctx.once("model", model).await?;
            anyhow::ensure!(ctx.attempt() > 1, "the first try fails");
            ctx.reply(format!("{answer}")).await?;
            Ok(())
        }
    });
    let bot = started(&storage, Journal::default(), bot).await;
    tell(&bot, "7", "hello").await;
    let turns = turns(&storage).await;
    assert_eq!((turns.len(), turns[0].attempt, called.load(Ordering::Relaxed)), (1, 2, 1));
    assert_eq!((turns[0].once.len(), turns[0].once[0].name.as_str()), (1, "model"));
    assert!(turns[0].writes.is_empty(), "{:?}", turns[0].writes);
}

#[tokio::test(start_paused = true)]
async fn what_a_turn_takes_in_and_cancels_is_kept() {
    let storage = memory();
    let burst = Burst { quiet: Duration::from_secs(1), longest: Duration::from_secs(5), most: 2 };
    let joined = |update: &tertulia::bot::Update| update.text().is_some_and(|text| text.starts_with('+'));
    let bot = Bot::new(Desk::new())
        .burst(joined, burst)
        .steer(|update: &tertulia::bot::Update| update.text() == Some("also"))
        .bypass(command("stop"), async |turn: Bypass| {
            turn.cancel_turn().await?;
            turn.reply("stopped").await?;
            Ok(())
        })
        .on_message(async |ctx: Context, all: Joined| {
            if ctx.text() == "ask" {
                ctx.ask("what?").await?;
                ctx.steered().await?;
                ctx.until_steered().await?;
            }
            ctx.reply(all.text()).await?;
            Ok(())
        });
    let bot = started(&storage, Journal::default(), bot).await;
    tell(&bot, "7", "ask").await;
    tell(&bot, "7", "that").await;
    tell(&bot, "7", "also").await;
    let submit = async |text| bot.door().intake.submit(Desk::update("desk:7", text).unwrap()).await.unwrap();
    submit("+1").await;
    submit("+2").await;
    pass().await;
    tell(&bot, "7", "ask").await;
    tell(&bot, "7", "/stop").await;
    let turns = turns(&storage).await;
    let taken: Vec<Vec<How>> =
        turns.iter().map(|turn| turn.taken.iter().map(|taken| taken.how).collect()).collect();
    assert_eq!(taken, [vec![How::Asked(0), How::Steered(1)], vec![How::Joined], vec![]]);
    let first = turns[0].taken.iter().map(|taken| &taken.update.body);
    assert_eq!(texts(first), ["that", "also"]);
    assert_eq!(texts(turns[0].calls.iter().map(|call| &call.body)), ["what?", "ask"]);
    assert_eq!(texts(turns[2].cancelled.iter().map(|update| &update.body)), ["ask"]);
    assert_eq!((turns[0].waits, turns[2].waits), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_something_else_has_changed_is_told_by_the_next_turn() {
    let storage = memory();
    let bot = started(&storage, Journal::default(), counting()).await;
    tell(&bot, "7", "one").await;
    // The bot's cache does not know of this, so its next turn runs twice.
    let chats = tertulia::Sessions::<Chat>::new(Arc::clone(&storage), "chat").unwrap();
    chats.update(seven(), |chat| chat.count = 100).await.unwrap();
    tell(&bot, "7", "two").await;
    let turns = turns(&storage).await;
    assert_eq!(texts(turns[1].calls.iter().map(|call| &call.body)), ["101"]);
    assert!(turns[1].begins || !turns[1].found.is_empty());
    assert!(turns[1].found.iter().any(|found| matches!(found.state, FoundState::Stored { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_too_large_is_kept_without_what_it_did() {
    let storage = memory();
    let bot = Bot::new(Desk::new()).session::<Log<String>>("log").on_message(
        async |ctx: Context, mut log: Session<Log<String>>| {
            log.push("x".repeat(ctx.text().parse()?));
            Ok(())
        },
    );
    let bot = started(&storage, Journal::default(), bot).await;
    tell(&bot, "7", "10").await;
    tell(&bot, "7", "5000000").await;
    tell(&bot, "7", "10").await;
    let turns = turns(&storage).await;
    assert_eq!(turns.iter().map(|turn| turn.too_large.is_some()).collect::<Vec<_>>(), [false, true, false]);
    assert!(turns[1].writes.is_empty() && turns[2].begins);
    assert!(turns[2].found.iter().any(|found| matches!(found.state, FoundState::TooLarge(_))));
}
