//! Live replies with which something goes wrong: other processes, streams that go, handlers that are dropped half way.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use tertulia::bot::{Bot, Bypass, Context, Session, command};
use tertulia::runner::{INBOX, Journal, Options};
use tertulia::storage::{Batch, Write};
use tertulia::stream::{CreateOptions, End, Event, StreamId, Streams};
use tertulia_testkit::Board;
use tokio::sync::Semaphore;

use super::live::{at, desk, follow, saying};
use super::{Chat, at_first, heard, memory, pass, tell};
use crate::runner::support::{Fate, assert_all_done};

#[tokio::test(start_paused = true)]
async fn a_run_whose_stream_another_process_takes_over_runs_again_uncharged() {
    let (storage, board) = (memory(), Board::default());
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let bot = at(&board, &storage, move |bot| {
        let bot = bot.options(Options { retries: 0, ..Options::default() });
        bot.on_message(move |ctx: Context| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move {
                assert_eq!(ctx.attempt(), 1);
                let live = ctx.reply_live().await?;
                live.push("a").await?;
                pass().await;
                live.push("b").await?;
                Ok(())
            }
        })
    })
    .await;
    tell(&bot, "hi").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let name = bot.door().live(&desk(), 0).await.unwrap().entries[0].1.stream.clone();
    let other = Streams::over(Arc::clone(&storage));
    let id = StreamId::new(desk(), &name).unwrap();
    let content_type = "application/json".to_owned();
    other.attempt(&id, CreateOptions { content_type, ..CreateOptions::default() }).await.unwrap();
    pass().await;
    assert_eq!(runs.load(Ordering::SeqCst), 1, "the other process is given time to come to its end");
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!(board.messages(), ["ab"]);
    assert_eq!(bot.shutdown(Duration::from_secs(5)).await, []);
    assert_all_done(&storage).await;
}

/// Polls a future so often, letting others go on in between, and drops it.
async fn poll<F: Future>(future: F, times: usize) {
    let mut future = pin!(future);
    for _ in 0..times {
        if poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await.is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_moment_neither_it_nor_a_question_holds_up_the_next_question() {
    for times in 0..24 {
        for asks in [false, true] {
            let (storage, board) = (memory(), Board::default());
            let bot = at(&board, &storage, move |bot| {
                bot.on_message(move |ctx: Context| async move {
                    if asks {
                        ctx.reply_live().await?.push("so").await?;
                        poll(ctx.ask("dropped?").into_future(), times).await;
                    } else {
                        poll(ctx.reply_live(), times).await;
                    }
                    ctx.ask("which?").await?;
                    Ok(())
                })
            })
            .await;
            tell(&bot, "hi").await;
            pass().await;
            let seen = board.messages();
            assert!(seen.iter().any(|text| text == "which?"), "{times} polls, asks {asks}: {seen:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_was_stopped_and_begun_anew_is_complete() {
    let (storage, board) = (memory(), Board::default());
    let bot = at(&board, &storage, |bot| {
        bot.on_message(async |ctx: Context| {
            let live = ctx.reply_live().await?;
            live.push("no").await?;
            live.stop();
            live.restart().await?;
            live.push("yes").await?;
            Ok(())
        })
    })
    .await;
    tell(&bot, "hi").await;
    pass().await;
    assert_eq!(follow(&bot, 0).await.1, Some(End::Complete));
    assert_eq!(board.messages(), ["yes"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_stays_if_nobody_knows_any_more_what_it_should_say() {
    let (storage, board, gate) = (memory(), Board::default(), Arc::new(Semaphore::new(0)));
    let says = |bot: Bot| saying(&gate, &["Hel", "lo"])(bot.streams(Streams::memory()));
    let bot = at(&board, &storage, says).await;
    tell(&bot, "hi").await;
    gate.add_permits(1);
    pass().await;
    board.refuse(1_000);
    gate.add_permits(2);
    pass().await;
    assert_eq!(super::heard(&storage).await, ["Hello"]);
    drop(bot);
    board.refuse(0);
    let bot = at(&board, &storage, |bot| saying(&gate, &[])(bot.streams(Streams::memory()))).await;
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(board.messages(), ["Hel"]);
    assert_eq!(bot.shutdown(Duration::from_secs(5)).await, []);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_was_not_cancelled_after_all_says_it_again() {
    let cancels = |batch: &Batch| {
        batch.writes.iter().any(|write| match write {
            Write::Queue(write) => *write.key.name() == INBOX && write.remove.len() == 2,
            Write::Log(_) => false,
        })
    };
    let storage = at_first(Fate { hangs: true, ..Fate::default() }, cancels);
    let (board, gate) = (Board::default(), Arc::new(Semaphore::new(0)));
    let cancel = async |turn: Bypass| {
        turn.cancel_turn().await?;
        Ok(())
    };
    let bot =
        at(&board, &storage, |bot| saying(&gate, &["so far"])(bot.bypass(command("cancel"), cancel))).await;
    tell(&bot, "hi").await;
    gate.add_permits(1);
    pass().await;
    tell(&bot, "/cancel").await;
    pass().await;
    // Killed between the end of the stream and the batch that removes both updates.
    drop(bot);
    let nothing = async |_: Bypass| Ok(());
    gate.add_permits(2);
    let bot =
        at(&board, &storage, |bot| saying(&gate, &["anew"])(bot.bypass(command("cancel"), nothing))).await;
    pass().await;
    assert_eq!(super::heard(&storage).await, ["anew"]);
    assert_eq!(follow(&bot, 0).await, ("anew".to_owned(), Some(End::Complete)));
}

#[tokio::test(start_paused = true)]
async fn turns_with_live_replies_are_replayed_without_a_difference() {
    let (storage, board) = (memory(), Board::default());
    let says = |bot: Bot| {
        let bot = bot.session::<Chat>("chat").journal(Journal::default());
        bot.on_message(async |ctx: Context, mut chat: Session<Chat>| {
            ctx.reply("wait").await?;
            let first = ctx.reply_live().await?;
            first.push(ctx.text()).await?;
            chat.heard.push(first.finish());
            let answer = ctx.ask("and?").await?;
            let second = ctx.reply_live().await?;
            second.push(answer.text).await?;
            chat.heard.push(second.finish());
            ctx.reply("bye").await?;
            Ok(())
        })
    };
    let bot = at(&board, &storage, says).await;
    for text in ["a", "b", "c", "d"] {
        tell(&bot, text).await;
        pass().await;
    }
    assert_eq!(super::heard(&storage).await, ["a", "b", "c", "d"]);
    let mut replay = says(Bot::new(board)).replay().unwrap();
    for times in 0..2 {
        let replayed = replay.run(&*storage, desk()).await.unwrap();
        assert!(replayed.is_same(), "{times}: {replayed}");
        assert_eq!(replayed.turns, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn replies_that_pass_stay_in_their_order_when_the_live_reply_is_over() {
    let (storage, board, gate) = (memory(), Board::default(), Arc::new(Semaphore::new(0)));
    let status = async |turn: Bypass| {
        turn.reply(turn.text()).await?;
        Ok(())
    };
    let bot =
        at(&board, &storage, |bot| saying(&gate, &["so far"])(bot.bypass(command("status"), status))).await;
    tell(&bot, "hi").await;
    gate.add_permits(1);
    pass().await;
    board.refuse(1);
    tell(&bot, "/status 1").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    gate.add_permits(1);
    tokio::time::sleep(Duration::from_millis(100)).await;
    tell(&bot, "/status 2").await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(board.messages(), ["so far", "/status 1", "/status 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_another_process_says_anew_after_its_end_is_said_again_by_the_turn() {
    let storage = memory();
    let (board, runs) = (Board::new(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&runs);
    let bot = at(&board, &storage, |bot| {
        bot.session::<Chat>("chat").on_message(move |ctx: Context, mut chat: Session<Chat>| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move {
                let live = ctx.reply_live().await?;
                live.push("said").await?;
                chat.heard.push(live.finish());
                chat.heard.push(ctx.ask("go on?").await?.text);
                Ok(())
            }
        })
    })
    .await;
    tell(&bot, "hello").await;
    pass().await;
    assert_eq!(follow(&bot, 0).await, ("said".to_owned(), Some(End::Complete)));
    // As another process does that runs the same update, and dies.
    let name = bot.door().live(&desk(), 0).await.unwrap().entries[0].1.stream.clone();
    let content_type = "application/json".to_owned();
    let id = StreamId::new(desk(), &name).unwrap();
    let other = Streams::over(Arc::clone(&storage));
    let options = CreateOptions { content_type, ..CreateOptions::default() };
    other.attempt(&id, options).await.unwrap().append(Event::content("half").encode()).await.unwrap();
    tell(&bot, "yes").await;
    pass().await;
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!(heard(&storage).await, ["said", "yes"]);
    assert_eq!(bot.shutdown(Duration::from_secs(60)).await, []);
    assert_eq!(board.messages(), ["said", "go on?"]);
    let (said, end) = follow(&bot, 0).await;
    assert_eq!((said.rsplit('!').next().unwrap(), end), ("said", Some(End::Complete)));
    assert_all_done(&storage).await;
}
