//! What a handler says as it says it: followed while it runs, ended with its turn, said anew when it runs again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tertulia::Conversation;
use tertulia::bot::{Bot, Bypass, Context, Running, Session, command};
use tertulia::runner::Options;
use tertulia::storage::Storage;
use tertulia::stream::{End, Event, Followed, From, Stream, StreamId, Streams};
use tokio::sync::Semaphore;

use super::{Chat, at_desk, memory, pass, tell};

/// The only stream of the conversation of the desk, once there is one.
async fn spoken(bot: &Running) -> Stream {
    let desk = Conversation::new("desk", "7").unwrap();
    loop {
        let listed = bot.door().streams.list(&desk, None, 10).await.unwrap();
        if let [id] = &*listed {
            return bot.door().streams.get(id).await.unwrap().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// What a reader has seen when the stream ends, `!` for each time it was told to forget what it had, and how it ended.
async fn follow(stream: Stream) -> (String, Option<End>) {
    let mut tail = stream.tail(From::Start);
    let mut seen = String::new();
    while let Some(followed) = tail.next().await.unwrap() {
        match followed {
            Followed::Page(page) => {
                for entry in page.entries() {
                    seen += &Event::decode(&entry).unwrap().content;
                }
            }
            Followed::Reset(_) => seen += "!",
        }
    }
    (seen, tail.ended())
}

/// Handlers that say `a`, `b`, .. one letter each time they are let.
async fn say(ctx: &Context, gate: &Semaphore, letters: &[&'static str]) -> tertulia::bot::Result {
    let stream = ctx.stream("answer").await?;
    for letter in letters {
        gate.acquire().await?.forget();
        stream.event(Event::content(*letter)).await?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn readers_follow_a_handler_and_come_to_the_end_with_its_turn() {
    let (storage, gate) = (memory(), Arc::new(Semaphore::new(0)));
    let inside = Arc::clone(&gate);
    let (_desk, bot) = at_desk(&storage, move |bot| {
        bot.on_message(move |ctx: Context| {
            let gate = Arc::clone(&inside);
            async move {
                say(&ctx, &gate, &["a", "b"]).await?;
                gate.acquire().await?.forget();
                Ok(())
            }
        })
    })
    .await;
    tell(&bot, "hello").await;
    let stream = spoken(&bot).await;
    assert!(stream.id().name().ends_with("/answer"), "{}", stream.id());
    let reader = tokio::spawn(follow(stream.clone()));
    gate.add_permits(2);
    pass().await;
    assert_eq!(stream.info().await.unwrap().end.offset, 2, "it is seen before the turn ends");
    assert!(!reader.is_finished());
    gate.add_permits(1);
    assert_eq!(reader.await.unwrap(), ("ab".to_owned(), Some(End::Complete)));
    // Stored, and not only seen.
    let again = Streams::over(Arc::clone(&storage)).get(stream.id()).await.unwrap().unwrap();
    assert_eq!(follow(again).await, ("ab".to_owned(), Some(End::Complete)));
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_run_said_is_said_anew() {
    let (storage, gate) = (memory(), Arc::new(Semaphore::new(0)));
    let inside = Arc::clone(&gate);
    let (_desk, bot) = at_desk(&storage, move |bot| {
        bot.on_message(move |ctx: Context| {
            let gate = Arc::clone(&inside);
            async move {
                say(&ctx, &gate, if ctx.attempt() == 1 { &["a", "b"] } else { &["c"] }).await?;
                anyhow::ensure!(ctx.attempt() == 2, "not yet");
                Ok(())
            }
        })
    })
    .await;
    tell(&bot, "hello").await;
    let stream = spoken(&bot).await;
    let reader = tokio::spawn(follow(stream.clone()));
    gate.add_permits(2);
    pass().await;
    gate.add_permits(1);
    assert_eq!(reader.await.unwrap(), ("ab!c".to_owned(), Some(End::Complete)));
    assert_eq!(follow(stream).await.0, "c", "who comes late sees what stands");
}

#[tokio::test(start_paused = true)]
async fn a_run_after_a_conflict_says_it_anew() {
    let storage = memory();
    let other = tertulia::Sessions::<Chat>::new(Arc::clone(&storage), "chat").unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let (_desk, bot) = at_desk(&storage, move |bot| {
        bot.session::<Chat>("chat").on_message(move |ctx: Context, mut chat: Session<Chat>| {
            let (other, run) = (other.clone(), runs.fetch_add(1, Ordering::SeqCst));
            async move {
                ctx.stream("answer").await?.event(Event::content(run.to_string())).await?;
                if run == 0 {
                    other.update("desk:7", |chat| chat.heard.push("other".to_owned())).await?;
                }
                chat.heard.push("own".to_owned());
                Ok(())
            }
        })
    })
    .await;
    tell(&bot, "hello").await;
    pass().await;
    assert_eq!(follow(spoken(&bot).await).await, ("1".to_owned(), Some(End::Complete)));
    assert_eq!(super::heard(&storage).await, ["other", "own"]);
}

#[tokio::test(start_paused = true)]
async fn g4_a_stream_of_an_update_that_is_given_up_is_aborted() {
    let storage = memory();
    let (_desk, bot) = at_desk(&storage, |bot| {
        let options = Options { retries: 2, ..Options::default() };
        bot.options(options).on_message(async |ctx: Context| {
            ctx.stream("answer").await?.event(Event::content(ctx.attempt().to_string())).await?;
            anyhow::bail!("it never works")
        })
    })
    .await;
    tell(&bot, "hello").await;
    let (seen, end) = follow(spoken(&bot).await).await;
    assert!(seen.ends_with('3') || seen.ends_with('2'), "{seen}");
    assert_eq!(end, Some(End::Aborted));
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_a_cancelled_update_is_stopped() {
    let (storage, gate) = (memory(), Arc::new(Semaphore::new(1)));
    let (_desk, bot) = at_desk(&storage, move |bot| {
        bot.bypass(command("stop"), async |turn: Bypass| {
            turn.cancel_turn().await?;
            Ok(())
        })
        .on_message(move |ctx: Context| {
            let gate = Arc::clone(&gate);
            async move { say(&ctx, &gate, &["a", "never"]).await }
        })
    })
    .await;
    tell(&bot, "hello").await;
    let reader = tokio::spawn(follow(spoken(&bot).await));
    pass().await;
    tell(&bot, "/stop").await;
    assert_eq!(reader.await.unwrap(), ("a".to_owned(), Some(End::Stopped)));
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_told_to_stop_and_ends_its_stream() {
    let storage = memory();
    let (_desk, bot) = at_desk(&storage, |bot| {
        bot.on_message(async |ctx: Context| {
            let stream = ctx.stream("answer").await?;
            stream.event(Event::content("a")).await?;
            stream.cancelled().await?;
            stream.event(Event::content("b")).await?;
            stream.end(End::Stopped);
            Ok(())
        })
    })
    .await;
    tell(&bot, "hello").await;
    let stream = spoken(&bot).await;
    let reader = tokio::spawn(follow(stream.clone()));
    pass().await;
    stream.cancel().await.unwrap();
    assert_eq!(reader.await.unwrap(), ("ab".to_owned(), Some(End::Stopped)));
}

/// A bot that says `a` and waits, and after a restart one that says `b`, or nothing.
async fn crash(second: &'static [&'static str], streams: Option<Streams>) -> (String, Option<End>) {
    let storage = memory();
    let bot = async |storage: &Arc<dyn Storage>, letters: &'static [&'static str], goes_on: bool| {
        let streams = streams.clone();
        let (_desk, bot) = at_desk(storage, move |bot: Bot| {
            let bot = match streams {
                Some(streams) => bot.streams(streams),
                None => bot,
            };
            bot.on_message(move |ctx: Context| async move {
                if !letters.is_empty() {
                    say(&ctx, &Semaphore::new(9), letters).await?;
                }
                if !goes_on {
                    std::future::pending::<()>().await;
                }
                Ok(())
            })
        })
        .await;
        bot
    };
    let first = bot(&storage, &["a"], false).await;
    tell(&first, "hello").await;
    let stream = spoken(&first).await;
    pass().await;
    let id: StreamId = stream.id().clone();
    assert_eq!(stream.info().await.unwrap().end.offset, 1);
    drop((stream, first));
    let second = bot(&storage, second, true).await;
    let stream = second.door().streams.get(&id).await.unwrap().unwrap();
    follow(stream).await
}

#[tokio::test(start_paused = true)]
async fn a_stream_goes_on_after_a_crash() {
    let (seen, end) = crash(&["b", "c"], None).await;
    assert!(seen == "bc" || seen == "a!bc", "{seen}");
    assert_eq!(end, Some(End::Complete));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_the_run_after_a_crash_does_not_go_on_with_is_aborted() {
    let (seen, end) = crash(&[], None).await;
    assert_eq!((&*seen, end), ("a", Some(End::Aborted)));
}

#[tokio::test(start_paused = true)]
async fn streams_in_memory_alone_end_with_the_turn_too() {
    let (seen, end) = crash(&["b"], Some(Streams::memory())).await;
    assert!(seen == "b" || seen == "a!b", "{seen}");
    assert_eq!(end, Some(End::Complete));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_asked_for_twice_at_once_is_one() {
    let storage = memory();
    let (_desk, bot) = at_desk(&storage, |bot| {
        bot.on_message(async |ctx: Context| {
            let (one, two) = tokio::join!(ctx.stream("answer"), ctx.stream("answer"));
            one?.event(Event::content("a")).await?;
            two?.event(Event::content("b")).await?;
            Ok(())
        })
    })
    .await;
    tell(&bot, "hello").await;
    pass().await;
    let stream = spoken(&bot).await;
    assert_eq!(stream.info().await.unwrap().attempt, 1);
    assert_eq!(follow(stream).await, ("ab".to_owned(), Some(End::Complete)));
}
