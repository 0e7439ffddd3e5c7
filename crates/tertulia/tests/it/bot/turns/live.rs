//! Replies that are seen as they are said: one message that grows, one stream, and both go on when the handler runs again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tertulia::Conversation;
use tertulia::bot::{Bot, Bypass, Context, Live, Running, Session, command};
use tertulia::error::Kind;
use tertulia::runner::{Options, Ticket};
use tertulia::storage::{Memory, Storage};
use tertulia::stream::{End, Event, Followed, From, StreamId};
use tertulia_testkit::{Board, Desk};
use tokio::sync::Semaphore;

use super::{Chat, memory, pass, tell};
use crate::runner::support::assert_all_done;

pub(super) fn desk() -> Conversation {
    Conversation::new("desk", "7").unwrap()
}

/// Starts a bot at a board over a storage.
pub(super) async fn at(board: &Board, storage: &Arc<dyn Storage>, bot: impl FnOnce(Bot) -> Bot) -> Running {
    let retries = Options { retries: 1, ..Options::default() };
    let bot = bot(Bot::new(board.clone()).storage(Arc::clone(storage)).options(retries));
    bot.start().await.unwrap()
}

/// A bot whose handler says these words, each when it is let, and the session keeps what it said.
pub(super) fn saying(
    gate: &Arc<Semaphore>,
    words: &'static [&'static str],
) -> impl FnOnce(Bot) -> Bot + use<> {
    let gate = Arc::clone(gate);
    move |bot| {
        bot.session::<Chat>("chat").on_message(move |ctx: Context, mut chat: Session<Chat>| {
            let gate = Arc::clone(&gate);
            async move {
                let live = ctx.reply_live().await?;
                for word in words {
                    gate.acquire().await?.forget();
                    live.push(*word).await?;
                }
                gate.acquire().await?.forget();
                chat.heard.push(live.finish());
                Ok(())
            }
        })
    }
}

/// What a reader sees of the live reply with this number, `!` for each reset, and how it ended.
pub(super) async fn follow(bot: &Running, number: usize) -> (String, Option<End>) {
    let entry = loop {
        let lives = bot.door().live(&desk(), 0).await.unwrap();
        if let Some((_, entry)) = lives.entries.into_iter().nth(number) {
            break entry;
        }
        bot.door().live_changed(&desk(), lives.etag).await.unwrap();
    };
    let id = StreamId::new(desk(), &entry.stream).unwrap();
    let stream = bot.door().streams.get(&id).await.unwrap().expect("it is there before it is told of");
    let (mut tail, mut seen) = (stream.tail(From::Start), String::new());
    while let Some(followed) = tail.next().await.unwrap() {
        match followed {
            Followed::Page(page) => {
                page.entries().for_each(|entry| seen += &Event::decode(&entry).unwrap().content);
            }
            Followed::Reset(_) => seen += "!",
        }
    }
    (seen, tail.ended())
}

#[tokio::test(start_paused = true)]
async fn a_live_reply_is_one_message_that_grows_and_one_stream() {
    let (storage, board, gate) = (memory(), Board::default(), Arc::new(Semaphore::new(0)));
    let bot = at(&board, &storage, saying(&gate, &["Hel", "lo"])).await;
    tell(&bot, "hi").await;
    gate.add_permits(1);
    pass().await;
    assert_eq!(board.messages(), ["Hel"], "it is seen before the turn ends");
    gate.add_permits(2);
    assert_eq!(follow(&bot, 0).await, ("Hello".to_owned(), Some(End::Complete)));
    pass().await;
    assert_eq!(board.requests(), ["+Hel", "=Hello"]);
    assert_eq!(super::heard(&storage).await, ["Hello"]);
    assert_eq!(bot.shutdown(Duration::from_secs(5)).await, []);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn edits_keep_to_the_rate_of_the_platform_and_the_last_says_it_all() {
    let (storage, board) = (memory(), Board::paced(Duration::from_secs(1)));
    let bot = at(&board, &storage, |bot| {
        bot.on_message(async |ctx: Context| {
            let live = ctx.reply_live().await?;
            for n in 0..200 {
                live.push(format!("{n} ")).await?;
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
            Ok(())
        })
    })
    .await;
    tell(&bot, "hi").await;
    assert_eq!(follow(&bot, 0).await.1, Some(End::Complete));
    pass().await;
    let whole: String = (0..200).map(|n| format!("{n} ")).collect();
    assert_eq!(board.messages(), [whole.trim()]);
    let requests = board.requests().len();
    assert!((5..=7).contains(&requests), "{requests} requests in 5 s");
}

#[tokio::test(start_paused = true)]
async fn what_is_longer_than_a_message_is_several_and_none_is_sent_anew() {
    let (storage, board, gate) = (memory(), Board::of_parts(4), Arc::new(Semaphore::new(0)));
    let bot = at(&board, &storage, saying(&gate, &["abc", "defg", "hij"])).await;
    tell(&bot, "hi").await;
    for _ in 0..4 {
        gate.add_permits(1);
        pass().await;
    }
    assert_eq!(board.messages(), ["abcd", "efgh", "ij"]);
    assert_eq!(board.requests(), ["+abc", "=abcd", "+efg", "=efgh", "+ij"]);
}

#[tokio::test(start_paused = true)]
async fn where_no_message_can_be_changed_it_is_sent_when_it_is_whole() {
    let (storage, gate) = (memory(), Arc::new(Semaphore::new(0)));
    let (desk, bot) = super::at_desk(&storage, saying(&gate, &["Hel", "lo"])).await;
    tell(&bot, "hi").await;
    gate.add_permits(2);
    pass().await;
    assert_eq!(super::sent(&desk), [""; 0]);
    gate.add_permits(1);
    pass().await;
    assert_eq!(super::sent(&desk), ["Hello"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_run_said_makes_way_for_what_the_next_one_says() {
    let (storage, board) = (memory(), Board::of_parts(4));
    let bot = at(&board, &storage, |bot| {
        bot.on_message(async |ctx: Context| {
            let live = ctx.reply_live().await?;
            let word = if ctx.attempt() == 1 { "abcdefghi" } else { "xy" };
            live.push(word).await?;
            pass().await;
            anyhow::ensure!(ctx.attempt() == 2, "not yet");
            Ok(())
        })
    })
    .await;
    tell(&bot, "hi").await;
    assert_eq!(follow(&bot, 0).await, ("abcdefghi!xy".to_owned(), Some(End::Complete)));
    pass().await;
    assert_eq!(board.messages(), ["xy"], "{:?}", board.requests());
    assert_eq!(bot.door().live(&desk(), 0).await.unwrap().entries.len(), 1, "it is told of once");
}

#[tokio::test(start_paused = true)]
async fn a_live_reply_can_begin_anew_within_a_run() {
    let (storage, board) = (memory(), Board::default());
    let bot = at(&board, &storage, |bot| {
        bot.session::<Chat>("chat").on_message(async |ctx: Context, mut chat: Session<Chat>| {
            let live = ctx.reply_live().await?;
            live.push("half an ans").await?;
            pass().await;
            live.restart().await?;
            live.push("a whole").await?;
            live.push(" answer").await?;
            chat.heard.push(live.finish());
            Ok(())
        })
    })
    .await;
    tell(&bot, "hi").await;
    assert_eq!(follow(&bot, 0).await, ("half an ans!a whole answer".to_owned(), Some(End::Complete)));
    pass().await;
    assert_eq!(board.messages(), ["a whole answer"]);
    assert_eq!(super::heard(&storage).await, ["a whole answer"]);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_given_up_breaks_off() {
    let (storage, board) = (memory(), Board::default());
    let bot = at(&board, &storage, |bot| {
        bot.on_message(async |ctx: Context| {
            ctx.reply_live().await?.push("so far").await?;
            anyhow::bail!("no more")
        })
    })
    .await;
    tell(&bot, "hi").await;
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(follow(&bot, 0).await.1, Some(End::Aborted));
    assert_eq!(board.messages(), ["so far …"]);
    assert_eq!(bot.size(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_the_next_run_does_not_begin_gets_a_closing_edit_and_swallows_no_reply() {
    let (storage, board) = (memory(), Board::default());
    let bot = at(&board, &storage, |bot| {
        bot.on_message(async |ctx: Context| {
            if ctx.attempt() > 1 {
                ctx.reply("sorry").await?;
                return Ok(());
            }
            ctx.reply_live().await?.push("so far").await?;
            pass().await;
            anyhow::bail!("no more")
        })
    })
    .await;
    tell(&bot, "hi").await;
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(board.messages(), ["so far …", "sorry"]);
    assert_eq!(follow(&bot, 0).await.1, Some(End::Aborted));
}

#[tokio::test(start_paused = true)]
async fn what_is_replied_before_is_sent_at_once_and_what_is_replied_after_comes_after() {
    let (storage, board, gate) = (memory(), Board::default(), Arc::new(Semaphore::new(0)));
    let inside = Arc::clone(&gate);
    let bot = at(&board, &storage, move |bot| {
        bot.on_message(move |ctx: Context| {
            let gate = Arc::clone(&inside);
            async move {
                ctx.reply("one moment").await?;
                let live = ctx.reply_live().await?;
                ctx.reply("bye").await?;
                gate.acquire().await?.forget();
                live.push("here").await?;
                Ok(())
            }
        })
    })
    .await;
    tell(&bot, "hi").await;
    pass().await;
    assert_eq!(board.messages(), ["one moment"]);
    gate.add_permits(1);
    pass().await;
    assert_eq!(board.messages(), ["one moment", "here", "bye"]);
}

#[tokio::test(start_paused = true)]
async fn a_question_ends_it_and_what_follows_the_answer_is_another() {
    let (storage, board) = (memory(), Board::default());
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let asks = move |bot: Bot| {
        bot.session::<Chat>("chat").on_message(move |ctx: Context, mut chat: Session<Chat>| {
            let run = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                let first = ctx.reply_live().await?;
                first.push(format!("thinking {run}")).await?;
                let answer = ctx.ask("which?").await?.text;
                assert_eq!(first.push("more").await.unwrap_err().kind(), Kind::Closed);
                let second = ctx.reply_live().await?;
                second.push(format!("so {answer}")).await?;
                chat.heard.push(second.finish());
                Ok(())
            }
        })
    };
    let bot = at(&board, &storage, asks.clone()).await;
    tell(&bot, "hi").await;
    pass().await;
    assert_eq!(board.messages(), ["thinking 0", "which?"], "it does not hold up the question");
    assert_eq!(follow(&bot, 0).await, ("thinking 0".to_owned(), Some(End::Complete)));
    drop(bot);
    // Another process, which runs the handler again.
    let bot = at(&board, &storage, asks).await;
    pass().await;
    tell(&bot, "red").await;
    pass().await;
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!(board.messages(), ["thinking 0", "which?", "so red"]);
    assert_eq!(follow(&bot, 0).await, ("thinking 0".to_owned(), Some(End::Complete)));
    assert_eq!(follow(&bot, 1).await, ("so red".to_owned(), Some(End::Complete)));
    let lives = bot.door().live(&desk(), 0).await.unwrap();
    let [(0, first), (1, second)] = &*lives.entries else { panic!("{lives:?}") };
    assert_eq!((&first.update, &first.to), (&second.update, &first.update));
    assert_ne!(second.to, second.update, "it answers the answer");
    assert_eq!((&*first.text, &*second.text), ("hi", "red"));
    assert_eq!(bot.door().live(&desk(), 1).await.unwrap().entries.len(), 1);
    assert_eq!(lives.next, 2);
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_it_to_stop_is_heard_before_and_after_it_listens() {
    let (storage, board) = (memory(), Board::default());
    let bot = at(&board, &storage, |bot| {
        bot.session::<Chat>("chat").on_message(async |ctx: Context, mut chat: Session<Chat>| {
            let live = ctx.reply_live().await?;
            live.push("so far").await?;
            pass().await;
            live.cancelled().await?;
            chat.heard.push(live.stop());
            Ok(())
        })
    })
    .await;
    for (nth, early) in [true, false].into_iter().enumerate() {
        tell(&bot, "hi").await;
        while bot.door().live(&desk(), nth as u64).await.unwrap().entries.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if !early {
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
        let lives = bot.door().live(&desk(), nth as u64).await.unwrap();
        bot.door().streams.cancel(&StreamId::new(desk(), &lives.entries[0].1.stream).unwrap()).await.unwrap();
        assert_eq!(follow(&bot, nth).await, ("so far".to_owned(), Some(End::Stopped)));
    }
    pass().await;
    assert_eq!(board.messages(), ["so far", "so far"]);
    assert_eq!(super::heard(&storage).await, ["so far", "so far"]);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_passes_stops_it_or_cancels_its_turn() {
    let (storage, board) = (memory(), Board::default());
    let bot = at(&board, &storage, |bot| {
        let stop = async |turn: Bypass| {
            let stopped = turn.stop_live().await?;
            turn.reply(format!("stopped {stopped}")).await?;
            Ok(())
        };
        let cancel = async |turn: Bypass| {
            let cancelled = turn.cancel_turn().await?;
            turn.reply(format!("cancelled {cancelled}")).await?;
            Ok(())
        };
        bot.session::<Chat>("chat")
            .bypass(command("stop"), stop)
            .bypass(command("cancel"), cancel)
            .on_message(async |ctx: Context, mut chat: Session<Chat>| {
                let live = ctx.reply_live().await?;
                live.push(ctx.text()).await?;
                live.cancelled().await?;
                chat.heard.push(live.stop());
                Ok(())
            })
    })
    .await;
    tell(&bot, "/stop").await;
    for text in ["one", "/stop", "two", "/cancel"] {
        pass().await;
        tell(&bot, text).await;
    }
    pass().await;
    assert_eq!(board.messages(), ["stopped 0", "one", "stopped 1", "two", "cancelled true"]);
    assert_eq!(super::heard(&storage).await, ["one"]);
    for (number, text) in ["one", "two"].into_iter().enumerate() {
        assert_eq!(follow(&bot, number).await, (text.to_owned(), Some(End::Stopped)));
    }
}

#[tokio::test(start_paused = true)]
async fn replies_of_what_passes_the_queue_pass_it_in_their_order_and_others_do_not() {
    let (storage, board, gate) = (memory(), Board::default(), Arc::new(Semaphore::new(0)));
    let bot = at(&board, &storage, |bot| {
        let status = async |turn: Bypass| {
            turn.reply(format!("{} a", turn.text())).await?;
            turn.reply(format!("{} b", turn.text())).await?;
            Ok(())
        };
        saying(&gate, &["so far", ", and all"])(bot.bypass(command("status"), status))
    })
    .await;
    tell(&bot, "hi").await;
    gate.add_permits(1);
    pass().await;
    for text in ["and?", "/status 1", "/status 2"] {
        tell(&bot, text).await;
        pass().await;
    }
    let statuses = ["/status 1 a", "/status 1 b", "/status 2 a", "/status 2 b"];
    assert_eq!(board.messages(), [&["so far"][..], &statuses].concat());
    gate.add_permits(5);
    pass().await;
    let all = "so far, and all";
    assert_eq!(board.messages(), [&[all][..], &statuses, &[all]].concat());
    assert_eq!(bot.shutdown(Duration::from_secs(5)).await, []);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_text_over_the_bound_is_refused_and_what_was_said_stays() {
    let (storage, board) = (memory(), Board::default());
    let bot = at(&board, &storage, |bot| {
        bot.on_message(async |ctx: Context| {
            let live = ctx.reply_live().await?;
            live.push("a".repeat(Live::MAX_TEXT - 1)).await?;
            let error = live.push("bc").await.unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid);
            assert!(error.to_string().contains("would say 1048577 bytes, at most 1048576"), "{error}");
            live.push("b").await?;
            Ok(())
        })
    })
    .await;
    tell(&bot, "hi").await;
    pass().await;
    let messages = board.messages();
    assert_eq!((messages.len(), messages[0].len()), (1, Live::MAX_TEXT));
}

#[tokio::test(start_paused = true)]
async fn a_live_reply_that_is_over_can_be_edited_by_its_ticket() {
    let (storage, board) = (memory(), Board::default());
    let kept = Arc::new(parking_lot::Mutex::new(None::<Ticket>));
    let inside = Arc::clone(&kept);
    let bot = at(&board, &storage, move |bot| {
        bot.on_message(move |ctx: Context| {
            let kept = Arc::clone(&inside);
            async move {
                let known = kept.lock().clone();
                match known {
                    Some(ticket) => ctx.edit(&ticket, "changed").await?,
                    None => {
                        let live = ctx.reply_live().await?;
                        live.push("said").await?;
                        // Told of before it is over.
                        *kept.lock() = Some(live.ticket().clone());
                    }
                }
                Ok(())
            }
        })
    })
    .await;
    for _ in 0..2 {
        tell(&bot, "hi").await;
        pass().await;
    }
    assert_eq!(board.messages(), ["changed"]);
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_is_away_for_a_while_is_shown_the_whole() {
    let (storage, board, gate) = (memory(), Board::default(), Arc::new(Semaphore::new(0)));
    let bot = at(&board, &storage, saying(&gate, &["a", "b", "c"])).await;
    tell(&bot, "hi").await;
    gate.add_permits(1);
    pass().await;
    board.refuse(3);
    gate.add_permits(3);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(board.messages(), ["abc"]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_shows_the_end_of_what_runs_before_it_is_over() {
    let (storage, board) = (memory(), Board::paced(Duration::from_secs(1)));
    let gate = Arc::new(Semaphore::new(0));
    let bot = at(&board, &storage, saying(&gate, &["a", "b"])).await;
    tell(&bot, "hi").await;
    gate.add_permits(1);
    pass().await;
    let stop = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        gate.add_permits(2);
    };
    let (left, ()) = tokio::join!(bot.shutdown(Duration::from_secs(10)), stop);
    assert_eq!(left, []);
    assert_eq!(board.messages(), ["ab"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_moment_it_goes_on_as_one_message_with_what_the_next_run_says() {
    let run = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&run);
    let says = move |bot: Bot| {
        bot.session::<Chat>("chat").on_message(move |ctx: Context, mut chat: Session<Chat>| {
            let run = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                let live = ctx.reply_live().await?;
                for word in ["one ", "two ", "three"] {
                    live.push(format!("{run}:{word}")).await?;
                    tokio::time::sleep(Duration::from_millis(60)).await;
                }
                chat.heard.push(live.finish());
                Ok(())
            }
        })
    };
    for killed_after in (0..260).step_by(13) {
        run.store(0, Ordering::SeqCst);
        let memory = Memory::new();
        let (storage, board): (Arc<dyn Storage>, _) = (Arc::new(memory), Board::default());
        let bot = at(&board, &storage, says.clone()).await;
        tell(&bot, "hi").await;
        tokio::time::sleep(Duration::from_millis(killed_after)).await;
        drop(bot);
        tokio::task::yield_now().await;
        let bot = at(&board, &storage, says.clone()).await;
        tokio::time::sleep(Duration::from_secs(10)).await;
        let last = run.load(Ordering::SeqCst) - 1;
        let whole = format!("{last}:one {last}:two {last}:three");
        assert_eq!(board.messages(), [&*whole], "killed after {killed_after} ms");
        assert_eq!(follow(&bot, 0).await, (whole.clone(), Some(End::Complete)));
        assert_eq!(super::heard(&storage).await, [&*whole]);
        assert_eq!(bot.door().live(&desk(), 0).await.unwrap().entries.len(), 1);
        assert_eq!(bot.shutdown(Duration::from_secs(5)).await, []);
        assert_all_done(&storage).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_64_live_replies_of_a_conversation_are_told_of() {
    let (storage, board) = (memory(), Board::default());
    let bot = at(&board, &storage, |bot| {
        bot.on_message(async |ctx: Context| {
            ctx.reply_live().await?.push(ctx.text()).await?;
            Ok(())
        })
    })
    .await;
    for n in 0..70 {
        bot.door().intake.submit(Desk::update("desk:7", &n.to_string()).unwrap()).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    let lives = bot.door().live(&desk(), 0).await.unwrap();
    let numbers: Vec<u64> = lives.entries.iter().map(|(number, _)| *number).collect();
    assert_eq!((numbers, lives.next), ((6..70).collect(), 70));
    assert_eq!(lives.entries[0].1.text, "6");
    assert_eq!(board.messages().len(), 70);
}
