//! Running conversations again, on the same code and on other code.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tertulia::Sessions;
use tertulia::bot::journal::{Difference, Replayed, Skipped, Strayed};
use tertulia::bot::{Bot, Burst, Bypass, Context, Data, Joined, Session, SessionOptions, Update, command};
use tertulia::runner::Journal;
use tertulia::session::{Migrations, Options};
use tertulia::storage::Storage;
use tertulia_testkit::Desk;

use super::{Chat, Person, memory, pass, started, tell};
use crate::bot::support::{Window, update};

/// How often a model was called.
#[derive(Clone, Default)]
struct Model(Arc<AtomicU64>);

/// What a version of the bot does otherwise.
#[derive(Clone, Copy, Default, PartialEq)]
enum Change {
    #[default]
    None,
    /// Counts by two.
    Counts,
    /// Says something else to `hello`.
    Says,
    /// Asks another model too.
    Asks,
    /// Fails at `three`.
    Fails,
}

/// A bot that does a little of everything.
fn bot(model: &Model, change: Change) -> Bot {
    let burst = Burst { quiet: Duration::from_secs(1), longest: Duration::from_secs(5), most: 3 };
    Bot::new(Desk::new())
        .adapter(Window)
        .data(model.clone())
        .session::<Chat>("chat")
        .session::<Person>(SessionOptions::new("person").per_user())
        .burst(|update: &Update| update.text().is_some_and(|text| text.starts_with('+')), burst)
        .steer(|update: &Update| update.text() == Some("also"))
        .bypass(command("stop"), async |turn: Bypass| {
            let stopped = turn.cancel_turn().await?;
            turn.reply(format!("stopped: {stopped}")).await?;
            Ok(())
        })
        .on_command("name", async |ctx: Context, mut chat: Session<Chat>| {
            let name = ctx.ask("Your name?").within(Duration::from_secs(60)).await;
            let name = name.map_or_else(|_| "nobody".to_owned(), |said| said.text);
            chat.said.push(name.clone());
            ctx.reply(format!("hello, {name}")).await?;
            Ok(())
        })
        .on_command("think", move |ctx: Context, model: Data<Model>, mut chat: Session<Chat>| async move {
            let think = async { Ok(model.0.fetch_add(1, Ordering::Relaxed)) };
            let thought: u64 = ctx.once("thought", think).await?;
            anyhow::ensure!(ctx.attempt() > 1, "the first try fails");
            if change == Change::Asks {
                let again = async { Ok(model.0.fetch_add(1, Ordering::Relaxed)) };
                let _: u64 = ctx.once("again", again).await?;
            }
            let also = ctx.steered().await?.map(|also| also.text);
            chat.count += thought;
            ctx.reply(format!("{thought} {also:?}")).await?;
            Ok(())
        })
        .on_command("save", async |ctx: Context, mut chat: Session<Chat>| {
            chat.count += 10;
            chat.save().await?;
            chat.count += 1;
            ctx.reply(chat.count.to_string()).await?;
            Ok(())
        })
        .on_command("forget", async |mut chat: Session<Chat>| {
            chat.delete();
            Ok(())
        })
        .on_message(
            move |ctx: Context, all: Joined, mut chat: Session<Chat>, person: Option<Session<Person>>| async move {
                anyhow::ensure!(change != Change::Fails || ctx.text() != "three", "not three");
                if let Some(mut person) = person {
                    person.seen += 1;
                }
                chat.count += if change == Change::Counts { 2 } else { 1 };
                chat.said.push(all.text());
                let greeting = if change == Change::Says && ctx.text() == "hello" { "hi" } else { "so" };
                ctx.reply(format!("{greeting}: {}", all.text())).await?;
                Ok(())
            },
        )
}

/// Says something in a chat of the desk or the window.
async fn hear(bot: &tertulia::bot::Running, source: &str, chat: &str, text: &str) {
    bot.door().intake.submit(update(source, chat, text)).await.unwrap();
}

async fn replayed(storage: &Arc<dyn Storage>, bot: Bot, conversation: &str) -> Replayed {
    bot.replay().unwrap().run(&**storage, conversation).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_hundred_conversations_are_the_same_on_the_same_code() {
    let (storage, model) = (memory(), Model::default());
    let running =
        started(&storage, Journal { turns: 20, ..Journal::default() }, bot(&model, Change::None)).await;
    let mut random = fastrand::Rng::with_seed(11);
    let texts = [
        "hello",
        "@ana hello",
        "@bob hello",
        "/name",
        "Ana",
        "/think",
        "also",
        "+1",
        "+2",
        "+3",
        "/stop",
        "/save",
        "/forget",
        "three",
    ];
    for _ in 0..20 {
        for chat in 0..100 {
            let source = if chat % 3 == 0 { "window" } else { "desk" };
            hear(&running, source, &chat.to_string(), texts[random.usize(..texts.len())]).await;
        }
        tokio::time::sleep(Duration::from_millis(random.u64(..8_000))).await;
    }
    // Nobody answers what is still asked.
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(running.size(), 0);
    running.shutdown(Duration::from_secs(10)).await;
    let called = model.0.load(Ordering::Relaxed);
    let mut replay = bot(&model, Change::None).replay().unwrap();
    let mut carried = bot(&model, Change::None).replay().unwrap().carry();
    let (mut turns, mut skipped) = (0, 0);
    for chat in 0..100 {
        let conversation = format!("{}:{chat}", if chat % 3 == 0 { "window" } else { "desk" });
        for replay in [&mut replay, &mut carried] {
            let replayed = replay.run(&*storage, &conversation).await.unwrap();
            assert!(replayed.is_same(), "{replayed}");
            turns += replayed.turns;
            skipped += replayed.skipped.len();
        }
    }
    assert!(turns > 2_000, "{turns}");
    // Only a segment's first turn that saves by itself may be one that is not known.
    assert!(skipped < turns / 20, "{skipped} of {turns}");
    assert_eq!(model.0.load(Ordering::Relaxed), called, "nothing is called again");
}

#[tokio::test(start_paused = true)]
async fn other_code_differs_by_exactly_what_was_changed() {
    let (storage, model) = (memory(), Model::default());
    let running = started(&storage, Journal::default(), bot(&model, Change::None)).await;
    for text in ["hello", "/think", "three", "hello"] {
        tell(&running, "7", text).await;
    }
    let differences = async |change| replayed(&storage, bot(&model, change), "desk:7").await.differences;
    assert_eq!(differences(Change::None).await, []);
    let said = |number| {
        let (was, is) = (Some(json!("so: hello")), Some(json!("hi: hello")));
        (number, Difference::Said { nth: 0, was, is })
    };
    assert_eq!(differences(Change::Says).await, [said(0), said(3)]);
    assert_eq!(differences(Change::Fails).await, [(2, Difference::Fails("not three".to_owned()))]);
    let called = model.0.load(Ordering::Relaxed);
    let strayed = Difference::Strayed(Strayed::Once("again".to_owned()));
    assert_eq!(differences(Change::Asks).await, [(1, strayed)]);
    assert_eq!(model.0.load(Ordering::Relaxed), called, "what was not recorded is not called");
    let counts = differences(Change::Counts).await;
    assert_eq!(counts.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 2, 3]);
    let told = replayed(&storage, bot(&model, Change::Counts), "desk:7").await.to_string();
    assert_eq!(
        told,
        "desk:7: 4 turns run, 3 differences\n  turn 0\n    session desk:7/chat\n      = /count 2\n  turn 2\n    \
         session desk:7/chat\n      = /count 3\n  turn 3\n    session desk:7/chat\n      = /count 4"
    );
    assert_eq!(Desk::new().sent(), []);
}

#[tokio::test(start_paused = true)]
async fn what_a_difference_leads_to_is_told_when_it_is_carried_on() {
    let (storage, model) = (memory(), Model::default());
    let running = started(&storage, Journal::default(), bot(&model, Change::None)).await;
    for _ in 0..3 {
        tell(&running, "7", "one").await;
    }
    let mut replay = bot(&model, Change::Counts).replay().unwrap().carry();
    let carried = replay.run(&*storage, "desk:7").await.unwrap();
    let counts = carried.differences.iter().map(|(_, difference)| match difference {
        Difference::Session { operations, .. } => json!(operations)[0]["value"].as_u64().unwrap(),
        other => panic!("{other}"),
    });
    assert_eq!(counts.collect::<Vec<_>>(), [2, 4, 6]);
    // Another conversation begins from nothing.
    assert_eq!(replay.run(&*storage, "desk:8").await.unwrap().turns, 0);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_asks_less_or_more_is_told() {
    let storage = memory();
    let asking = |asks: usize| {
        Bot::new(Desk::new()).on_message(move |ctx: Context| async move {
            for _ in 0..asks {
                ctx.ask("?").await?;
            }
            ctx.reply("done").await?;
            Ok(())
        })
    };
    let running = started(&storage, Journal::default(), asking(1)).await;
    tell(&running, "7", "hello").await;
    tell(&running, "7", "answer").await;
    let strayed = async |asks| {
        let found = replayed(&storage, asking(asks), "desk:7").await.differences;
        found.into_iter().next().map(|(_, difference)| difference)
    };
    assert_eq!(strayed(1).await, None);
    assert_eq!(strayed(0).await, Some(Difference::Strayed(Strayed::NotTaken(1))));
    assert_eq!(strayed(2).await, Some(Difference::Strayed(Strayed::Waits(1))));
}

#[tokio::test(start_paused = true)]
async fn waits_by_the_turn_s_clock_take_no_time_and_its_time_is_that_of_the_turn() {
    let storage = memory();
    let waiting = || {
        Bot::new(Desk::new()).session::<Chat>("chat").on_message(
            async |ctx: Context, mut chat: Session<Chat>| {
                let clock = ctx.turn().clock();
                let began = clock.now();
                clock.sleep(Duration::from_secs(30)).await;
                chat.count = clock.now().since(began).as_secs();
                let soon = began.since(ctx.turn().about().arrived) < Duration::from_hours(1);
                ctx.reply(format!("soon: {soon}")).await?;
                Ok(())
            },
        )
    };
    let running = started(&storage, Journal::default(), waiting()).await;
    tell(&running, "7", "hello").await;
    tokio::time::sleep(Duration::from_hours(24 * 10)).await;
    let began = tokio::time::Instant::now();
    let replayed = replayed(&storage, waiting(), "desk:7").await;
    assert!(replayed.is_same() && replayed.turns == 1, "{replayed}");
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_hangs_is_told() {
    let (storage, model) = (memory(), Model::default());
    let running = started(&storage, Journal::default(), bot(&model, Change::None)).await;
    tell(&running, "7", "hello").await;
    let hanging = Bot::new(Desk::new()).on_message(async |_: Context| std::future::pending().await);
    let found = replayed(&storage, hanging, "desk:7").await.differences;
    assert_eq!(found[0], (0, Difference::Strayed(Strayed::Stuck)));
}

#[tokio::test(start_paused = true)]
async fn what_was_recorded_is_read_through_the_new_code_s_migrations() {
    let storage = memory();
    let old =
        Bot::new(Desk::new()).session::<Person>("one").on_message(async |mut person: Session<Person>| {
            person.seen += 1;
            Ok(())
        });
    let running = started(&storage, Journal::default(), old).await;
    tell(&running, "7", "a").await;
    tell(&running, "7", "b").await;
    #[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
    struct Renamed {
        times: u64,
    }
    let migrations = Migrations::new().to(1, |tree| {
        tree.rename("seen", "times");
        Ok(())
    });
    let options = SessionOptions::new("one").options(Options { migrations, ..Options::default() });
    let new =
        Bot::new(Desk::new()).session::<Renamed>(options).on_message(async |mut person: Session<Renamed>| {
            person.times += 1;
            Ok(())
        });
    let replayed = replayed(&storage, new, "desk:7").await;
    assert!(replayed.is_same() && replayed.turns == 2, "{replayed}");
}

#[tokio::test(start_paused = true)]
async fn what_something_else_changed_between_turns_is_there_again() {
    let (storage, model) = (memory(), Model::default());
    let running = started(&storage, Journal::default(), bot(&model, Change::None)).await;
    tell(&running, "7", "one").await;
    let chats = Sessions::<Chat>::new(Arc::clone(&storage), "chat").unwrap();
    chats.update("desk:7", |chat| chat.count = 100).await.unwrap();
    tell(&running, "7", "/save").await;
    tell(&running, "7", "two").await;
    pass().await;
    for carry in [false, true] {
        let replay = bot(&model, Change::None).replay().unwrap();
        let mut replay = if carry { replay.carry() } else { replay };
        let replayed = replay.run(&*storage, "desk:7").await.unwrap();
        assert!(replayed.is_same(), "{replayed}");
        assert!(replayed.skipped.iter().all(|(_, why)| *why == Skipped::Unknown), "{replayed}");
        assert_eq!(replayed.turns + replayed.skipped.len(), 3);
    }
}
