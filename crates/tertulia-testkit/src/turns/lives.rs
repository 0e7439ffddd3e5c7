//! Replies that are seen as they are said: one message and one stream, whatever process says them.

use std::sync::Arc;

use tertulia::Key;
use tertulia::bot::{Bot, Bypass, Context, Running, Session, command};
use tertulia::runner::{OUTBOX, OutboxRecord};
use tertulia::stream::{End, Event, Followed, From, StreamId, Streams};
use tokio::sync::Semaphore;

use super::setting::desk;
use super::{Heard, Setting};
use crate::Board;
use crate::process::until;

/// A bot that says this live, once it has replied, and hangs or ends with another reply.
fn saying(words: &'static [&'static str], ends: bool) -> impl FnOnce(Bot) -> Bot {
    move |bot| {
        bot.on_message(move |ctx: Context, mut heard: Session<Heard>| async move {
            ctx.reply("one moment").await?;
            let live = ctx.reply_live().await?;
            ctx.reply("bye").await?;
            for word in words {
                live.push(*word).await?;
            }
            if !ends {
                std::future::pending::<()>().await;
            }
            heard.texts.push(live.finish());
            Ok(())
        })
    }
}

/// Where the last live reply of the conversation is said.
async fn last(bot: &Running) -> StreamId {
    loop {
        let lives = bot.door().live(&desk(), 0).await.unwrap();
        if let Some((_, entry)) = lives.entries.last() {
            return StreamId::new(desk(), &entry.stream).unwrap();
        }
        bot.door().live_changed(&desk(), lives.etag).await.unwrap();
    }
}

/// What a reader of another process has seen of a live reply when it has ended, and how that was.
async fn seen(setting: &Setting<'_>, id: &StreamId) -> (String, Option<End>) {
    let streams = Streams::over(setting.subject().storage());
    let stream = streams.get(id).await.unwrap().expect("it is there before it is told of");
    let (mut tail, mut seen) = (stream.tail(From::Start), String::new());
    while let Some(followed) = tail.next().await.unwrap() {
        let Followed::Page(page) = followed else {
            seen.clear();
            continue;
        };
        page.entries().for_each(|entry| seen += &Event::decode(&entry).unwrap().content);
    }
    (seen, tail.ended())
}

/// A live reply whose process dies goes on in the same message and the same stream, with what the next run says in place of
/// what was said. What was replied before it was sent before it, and what was replied after it comes after it.
pub async fn a_live_reply_goes_on_after_a_crash_in_its_message_and_stream(setting: &Setting<'_>) {
    let board = Board::new();
    let first = setting.start(board.clone(), saying(&["half ", "an ans"], false)).await;
    setting.tell(&first, "hello").await;
    board.shows(&["one moment", "half an ans"]).await;
    let id = last(&first).await;
    kept(setting, &id, 2).await;
    let next = setting.after(first, board.clone(), saying(&["a whole ", "answer"], true)).await;
    assert_eq!(seen(setting, &id).await, ("a whole answer".to_owned(), Some(End::Complete)));
    board.shows(&["one moment", "a whole answer", "bye"]).await;
    assert_eq!(next.door().live(&desk(), 0).await.unwrap().entries.len(), 1, "it is told of once");
    setting.end_all(next).await;
    assert_eq!(setting.heard().await, ["a whole answer"]);
    let sent = board.requests().into_iter().filter(|request| request.starts_with('+'));
    assert_eq!(sent.count(), 3, "{:?}", board.requests());
}

/// A bot that says all of it, and ends once it is let.
fn whole(gate: &Arc<Semaphore>) -> impl FnOnce(Bot) -> Bot + use<> {
    let gate = Arc::clone(gate);
    move |bot| {
        bot.on_message(move |ctx: Context, mut heard: Session<Heard>| {
            let gate = Arc::clone(&gate);
            async move {
                let live = ctx.reply_live().await?;
                live.push("all of it").await?;
                gate.acquire().await?.forget();
                heard.texts.push(live.finish());
                Ok(())
            }
        })
    }
}

/// Waits until the events of a live reply are stored, so many, and so is the message that shows it and no call is left but
/// that.
async fn kept(setting: &Setting<'_>, id: &StreamId, events: u64) {
    let streams = Streams::over(setting.subject().storage());
    let stream = streams.get(id).await.unwrap().expect("it is there before it is told of");
    until(async || stream.info().await.unwrap().end.offset == events).await;
    let outbox = Key::Queue(id.conversation().shard(), OUTBOX);
    until(async || {
        let calls = setting.subject().queue(&outbox).await.entries;
        let [call] = &calls[..] else { return false };
        OutboxRecord::decode(&call.bytes).unwrap().steps.is_some_and(|steps| !steps.is_empty())
    })
    .await;
}

/// The end of a live reply is in the batch of its turn, with all else: readers see it when that is committed, and a process
/// that dies there has ended it or has not.
pub async fn a_live_reply_ends_with_its_turn(setting: &Setting<'_>) {
    for is_done in [false, true] {
        let (board, gate) = (Board::new(), Arc::new(Semaphore::new(0)));
        let before = setting.heard().await.len();
        let first = setting.start(board.clone(), whole(&gate)).await;
        setting.tell(&first, "hello").await;
        board.shows(&["all of it"]).await;
        let id = last(&first).await;
        kept(setting, &id, 1).await;
        // All else is stored: the next commit is the turn's.
        let commit = first.hold_commit(is_done);
        gate.add_permits(2);
        commit.reached().await;
        let streams = Streams::over(setting.subject().storage());
        let info = streams.get(&id).await.unwrap().unwrap().info().await.unwrap();
        assert_eq!(info.closed, is_done.then_some(End::Complete));
        assert_eq!(setting.heard().await.len(), before + usize::from(is_done));
        drop(streams);
        let next = setting.after(first, board.clone(), whole(&gate)).await;
        assert_eq!(seen(setting, &id).await, ("all of it".to_owned(), Some(End::Complete)));
        setting.end_all(next).await;
        assert_eq!(setting.heard().await[before..], ["all of it"]);
        assert_eq!(board.messages(), ["all of it"]);
    }
}

/// A bot that says something and waits to be stopped, then for ever or not.
fn stoppable(ends: bool) -> impl FnOnce(Bot) -> Bot {
    move |bot| {
        let stop = async |turn: Bypass| turn.stop_live().await.map(drop).map_err(Into::into);
        bot.bypass(command("stop"), stop).on_message(
            move |ctx: Context, mut heard: Session<Heard>| async move {
                let live = ctx.reply_live().await?;
                live.push("so far").await?;
                live.cancelled().await?;
                if !ends {
                    ctx.stream("heard of it").await?.append("it").await?;
                    std::future::pending::<()>().await;
                }
                heard.texts.push(live.stop());
                Ok(())
            },
        )
    }
}

/// A live reply that is asked to stop, by an update that passes or by another process, ends as stopped, and what it had said
/// is kept.
pub async fn a_live_reply_that_is_stopped_is_kept_as_far_as_it_was_said(setting: &Setting<'_>) {
    for (nth, by_update) in [true, false].into_iter().enumerate() {
        let board = Board::new();
        let bot = setting.start(board.clone(), stoppable(true)).await;
        setting.tell(&bot, "hello").await;
        board.shows(&["so far"]).await;
        let id = last(&bot).await;
        if by_update {
            setting.tell(&bot, "/stop").await;
        } else {
            let others = Streams::over(setting.subject().storage());
            others.get(&id).await.unwrap().expect("it is there").cancel().await.unwrap();
        }
        assert_eq!(seen(setting, &id).await, ("so far".to_owned(), Some(End::Stopped)));
        setting.end_all(bot).await;
        assert_eq!(board.messages(), ["so far"]);
        assert_eq!(setting.heard().await, vec!["so far"; nth + 1]);
    }
}

/// That a live reply was asked to stop is remembered: the run after a crash hears of it too.
pub async fn a_stop_is_heard_by_the_run_after_a_crash(setting: &Setting<'_>) {
    let board = Board::new();
    let first = setting.start(board.clone(), stoppable(false)).await;
    let update = setting.tell(&first, "hello").await;
    board.shows(&["so far"]).await;
    let id = last(&first).await;
    kept(setting, &id, 1).await;
    setting.tell(&first, "/stop").await;
    let told = StreamId::new(desk(), &format!("{}/heard of it", update.id)).unwrap();
    let streams = Streams::over(setting.subject().storage());
    until(async || streams.get(&told).await.unwrap().is_some()).await;
    drop(streams);
    // The update that asked for it is gone, so that it does not ask again.
    until(async || setting.queued().await[0] == 1).await;
    let next = setting.after(first, board.clone(), stoppable(true)).await;
    assert_eq!(seen(setting, &id).await, ("so far".to_owned(), Some(End::Stopped)));
    setting.end_all(next).await;
    assert_eq!(setting.heard().await, ["so far"]);
    assert_eq!(board.messages(), ["so far"]);
}
