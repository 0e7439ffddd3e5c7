//! What a handler does to its session on purpose: saving before its end, removing, replacing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tertulia::Sessions;
use tertulia::bot::answer::Answer;
use tertulia::bot::{Bot, Context, Data, Session};
use tertulia::error::Kind;
use tertulia::runner::Options;
use tertulia::storage::{Memory, Storage};
use tertulia_testkit::{Call, Counting, Fault, Faulty};

use super::support::{Desk, Window, replies, say, update};

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Chat {
    count: u64,
}

/// A bot whose updates have one try, with the sessions beside it.
fn bot(storage: &Arc<dyn Storage>) -> Bot {
    let chats = Sessions::<Chat>::new(Arc::clone(storage), "default").unwrap();
    let options = Options { retries: 0, ..Options::default() };
    Bot::new(Window).storage(Arc::clone(storage)).options(options).data(chats).data(AtomicUsize::new(0))
}

fn memory() -> Arc<dyn Storage> {
    Arc::new(Memory::new())
}

async fn count(storage: &Arc<dyn Storage>) -> Option<u64> {
    let chats = Sessions::<Chat>::new(Arc::clone(storage), "default").unwrap();
    let chat = chats.get("window:a").await.unwrap();
    chat.is_stored().then_some(chat.count)
}

#[tokio::test(start_paused = true)]
async fn what_was_saved_stays_when_the_handler_fails_and_the_next_run_sees_it() {
    let storage = memory();
    let options = Options { retries: 2, ..Options::default() };
    let bot = bot(&storage).options(options).on_message(async |ctx: Context, mut chat: Session<Chat>| {
        chat.count += 1;
        chat.save().await?;
        chat.count += 100;
        match ctx.attempt() {
            1 => anyhow::bail!("after the save"),
            2 => panic!("after the save"),
            _ => {}
        }
        ctx.reply(chat.count.to_string()).await?;
        Ok(())
    });
    let bot = bot.start().await.unwrap();
    assert_eq!(say(&bot, "a", "x").await, replies(&["103"]));
    assert_eq!(count(&storage).await, Some(103));
}

#[tokio::test(start_paused = true)]
async fn a_save_writes_what_changed_since_the_last_one_and_the_turn_the_rest() {
    let counting = Arc::new(Counting::new(memory()));
    let storage: Arc<dyn Storage> = Arc::clone(&counting) as _;
    let bot = bot(&storage).on_message(async |ctx: Context, mut chat: Session<Chat>| {
        chat.save().await?;
        assert_eq!(chat.is_stored(), ctx.text() == "more");
        for _ in 0..3 {
            chat.count += 1;
            chat.save().await?;
            chat.save().await?;
        }
        assert!(chat.is_stored());
        if ctx.text() == "more" {
            chat.count += 1;
        }
        Ok(())
    });
    let bot = bot.start().await.unwrap();
    assert_eq!(say(&bot, "a", "x").await, replies(&[]));
    assert_eq!((counting.take().written("session/").bases, count(&storage).await), (3, Some(3)));
    assert_eq!(say(&bot, "a", "more").await, replies(&[]));
    assert_eq!((counting.take().written("session/").bases, count(&storage).await), (4, Some(7)));
}

#[tokio::test(start_paused = true)]
async fn a_save_sends_no_reply_and_writes_no_other_session() {
    #[derive(Default, Serialize, Deserialize)]
    struct Other(u64);
    let (storage, desk) = (memory(), Desk::new());
    let (stored, called) = (Arc::clone(&storage), desk.clone());
    let handler = move |ctx: Context, mut chat: Session<Chat>, mut other: Session<Other>| {
        let (storage, called) = (Arc::clone(&stored), called.clone());
        async move {
            ctx.reply("hello").await?;
            (chat.count, other.0) = (1, 1);
            chat.save().await?;
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(called.sent(), []);
            let chats = Sessions::<Chat>::new(Arc::clone(&storage), "chat")?;
            let others = Sessions::<Other>::new(Arc::clone(&storage), "other")?;
            assert!(chats.get(ctx.conversation()).await?.is_stored());
            assert!(!others.get(ctx.conversation()).await?.is_stored());
            Ok(())
        }
    };
    let bot = Bot::new(desk.clone()).storage(storage).session::<Chat>("chat").session::<Other>("other");
    let bot = bot.on_message(handler).start().await.unwrap();
    bot.door().intake.submit(update("desk", "a", "x")).await.unwrap();
    assert_eq!(bot.shutdown(Duration::from_secs(120)).await, []);
    assert_eq!(desk.sent(), [("a".to_owned(), "hello".to_owned())]);
}

/// Has somebody else write between the load and the save of the first run, and gives how often the handler ran and
/// what is stored then. `end` is what the handler makes of the conflict.
async fn in_conflict(end: fn(tertulia::Error) -> tertulia::bot::Result) -> (usize, Option<u64>) {
    let storage = memory();
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let handler = move |ctx: Context, chats: Data<Sessions<Chat>>, mut chat: Session<Chat>| {
        let runs = Arc::clone(&counted);
        async move {
            assert_eq!(ctx.attempt(), 1);
            if runs.fetch_add(1, Ordering::Relaxed) == 0 {
                chats.update(ctx.conversation(), |chat| chat.count = 10).await?;
            }
            chat.count += 1;
            match chat.save().await {
                Ok(()) => {
                    ctx.reply("saved").await?;
                    Ok(())
                }
                Err(error) => {
                    assert_eq!((error.kind(), chat.count), (Kind::Conflict, 1));
                    assert_eq!(chat.save().await.unwrap_err().kind(), Kind::Conflict);
                    end(error)
                }
            }
        }
    };
    let bot = bot(&storage).on_message(handler).start().await.unwrap();
    assert_eq!(say(&bot, "a", "x").await, replies(&["saved"]));
    (runs.load(Ordering::Relaxed), count(&storage).await)
}

#[tokio::test(start_paused = true)]
async fn a_conflict_at_a_save_has_the_handler_run_again_uncharged() {
    assert_eq!(in_conflict(|error| Err(error.into())).await, (2, Some(11)));
    assert_eq!(in_conflict(|_| anyhow::bail!("something else")).await, (2, Some(11)));
    assert_eq!(in_conflict(|_| Ok(())).await, (2, Some(11)));
    assert_eq!(in_conflict(|error| panic!("{error}")).await, (2, Some(11)));
}

#[tokio::test(start_paused = true)]
async fn a_conflict_that_is_not_of_a_save_is_charged() {
    let bot = bot(&memory()).on_message(async |mut chat: Session<Chat>| {
        chat.count += 1;
        chat.save().await?;
        Err(tertulia::Error::new(Kind::Conflict, "of the handler's own").into())
    });
    assert_eq!(say(&bot.start().await.unwrap(), "a", "x").await, Answer::GivenUp);
}

#[tokio::test(start_paused = true)]
async fn a_save_that_the_storage_refuses_fails_the_turn_even_if_nobody_says_so() {
    let faulty = Arc::new(Faulty::new(memory()));
    let storage: Arc<dyn Storage> = Arc::clone(&faulty) as _;
    let handler = move |ctx: Context, runs: Data<AtomicUsize>, mut chat: Session<Chat>| {
        let faulty = Arc::clone(&faulty);
        async move {
            if runs.fetch_add(1, Ordering::Relaxed) == 0 {
                faulty.next(Call::Commit, Fault::Refuse(Kind::Unavailable));
            }
            chat.count += 1;
            let _ = chat.save().await;
            ctx.reply(format!("try {}", ctx.attempt())).await?;
            Ok(())
        }
    };
    let bot = bot(&storage).on_message(handler).start().await.unwrap();
    assert_eq!(say(&bot, "a", "x").await, replies(&["try 1"]));
    assert_eq!(count(&storage).await, Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_save_whose_answer_is_lost_counts_once() {
    let faulty = Arc::new(Faulty::new(memory()));
    let storage: Arc<dyn Storage> = Arc::clone(&faulty) as _;
    let handler = move |mut chat: Session<Chat>| {
        let faulty = Arc::clone(&faulty);
        async move {
            faulty.next(Call::Commit, Fault::LoseAnswer);
            chat.count += 1;
            chat.save().await?;
            chat.count += 10;
            Ok(())
        }
    };
    let bot = bot(&storage).on_message(handler).start().await.unwrap();
    assert_eq!(say(&bot, "a", "x").await, replies(&[]));
    assert_eq!(count(&storage).await, Some(11));
}

#[tokio::test(start_paused = true)]
async fn a_save_that_is_not_awaited_to_its_end_fails_the_turn() {
    let faulty = Arc::new(Faulty::new(memory()));
    let storage: Arc<dyn Storage> = Arc::clone(&faulty) as _;
    let handler = move |ctx: Context, mut chat: Session<Chat>| {
        let faulty = Arc::clone(&faulty);
        async move {
            faulty.next(Call::Commit, Fault::Delay(Duration::from_secs(10)));
            chat.count += 1;
            tokio::time::timeout(Duration::from_secs(1), chat.save()).await.unwrap_err();
            ctx.reply("as if nothing had happened").await?;
            Ok(())
        }
    };
    let bot = bot(&storage).on_message(handler).start().await.unwrap();
    let error = super::support::refusal(&bot, "a", "x").await;
    assert!(error.contains("not awaited to its end"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_guard_that_outlived_its_turn_saves_nothing() {
    let storage = memory();
    let (give, mut given) = tokio::sync::mpsc::unbounded_channel::<Session<Chat>>();
    let handler = move |mut chat: Session<Chat>| {
        let give = give.clone();
        async move {
            chat.count += 1;
            give.send(chat).map_err(|_| anyhow::anyhow!("nobody takes it"))
        }
    };
    let bot = bot(&storage).on_message(handler).start().await.unwrap();
    assert_eq!(say(&bot, "a", "x").await, Answer::GivenUp);
    let mut chat = given.recv().await.unwrap();
    assert_eq!(chat.save().await.unwrap_err().kind(), Kind::Closed);
    assert_eq!(count(&storage).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_session_is_removed_with_the_turn_and_reads_as_the_default_until_then() {
    let counting = Arc::new(Counting::new(memory()));
    let storage: Arc<dyn Storage> = Arc::clone(&counting) as _;
    let bot = bot(&storage)
        .on_command("delete", async |ctx: Context, mut chat: Session<Chat>| {
            chat.delete();
            assert_eq!(*chat, Chat::default());
            anyhow::ensure!(ctx.arguments() != "and fail", "as it was told");
            Ok(())
        })
        .on_command("restart", async |mut chat: Session<Chat>| {
            chat.delete();
            chat.count += 1;
            Ok(())
        })
        .on_message(async |ctx: Context, mut chat: Session<Chat>| {
            chat.count += 1;
            ctx.reply(format!("{} {}", chat.is_stored(), chat.count)).await?;
            Ok(())
        });
    let bot = bot.start().await.unwrap();
    // One that is not there is not removed.
    assert_eq!(say(&bot, "a", "/delete").await, replies(&[]));
    assert_eq!(counting.take().written("session/").deletes, 0);
    assert_eq!(say(&bot, "a", "x").await, replies(&["false 1"]));
    assert_eq!(say(&bot, "a", "x").await, replies(&["true 2"]));
    assert_eq!(say(&bot, "a", "/delete and fail").await, Answer::GivenUp);
    assert_eq!(count(&storage).await, Some(2));
    assert_eq!(say(&bot, "a", "/delete").await, replies(&[]));
    assert_eq!((counting.take().written("session/").deletes, count(&storage).await), (1, None));
    assert_eq!(say(&bot, "a", "x").await, replies(&["false 1"]));
    assert_eq!(say(&bot, "a", "x").await, replies(&["true 2"]));
    assert_eq!(say(&bot, "a", "/restart").await, replies(&[]));
    assert_eq!(say(&bot, "a", "x").await, replies(&["true 2"]));
}
