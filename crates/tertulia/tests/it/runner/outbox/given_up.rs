//! A call that is given up while `dead` is full stays, holds its conversation up, and is put away once there is room.

use std::sync::Arc;

use tertulia::Clock;
use tertulia::runner::{OUTBOX, Options, Query, dead as letters};
use tertulia::storage::{Limits, Memory, Storage};

use super::super::support::{Diary, assert_all_done, conversation, dead, pass, queued, update};
use super::{answering, listing};

#[tokio::test(start_paused = true)]
async fn a_call_that_finds_no_room_in_dead_holds_its_conversation_and_no_slot() {
    let limits = Limits { queue_entries: 2, ..Limits::default() };
    let storage: Arc<dyn Storage> =
        Arc::new(Memory::with(Clock::system(), limits, Memory::DEFAULT_MAX_BYTES));
    let sent = Diary::default();
    let refusing = answering(&sent, |body, _| match body.starts_with("bad") {
        true => Err(tertulia::Error::invalid("chat not found")),
        false => Ok(()),
    });
    let options = Options { senders: 1, ..Options::default() };
    let handle = listing(&storage, options).sender("test", refusing).start().await.unwrap();
    for (id, text) in [(1, "bad1"), (2, "bad2"), (3, "bad3 fine")] {
        handle.intake().submit(update("a", id, text)).await.unwrap();
        pass(100).await;
    }
    let other = (0..).map(|n| n.to_string());
    let shard = conversation("a").shard();
    let other = other.into_iter().find(|chat| conversation(chat).shard() != shard).unwrap();
    handle.intake().submit(update(&other, 4, "other")).await.unwrap();
    pass(30_000).await;
    assert_eq!(sent.of("a"), ["bad1", "bad2", "bad3"], "what is behind it waits, and it is not made again");
    assert_eq!(sent.of(&other), ["other"]);
    assert_eq!((handle.calls(), queued(&storage, OUTBOX).await), (2, 2));
    assert_eq!(handle.call_stats().dead, 2);

    let full = letters::list(&*storage, &Query::default()).await.unwrap();
    letters::drop(&*storage, &Clock::system(), full.entries[0].id).await.unwrap();
    pass(10_000).await;
    assert_eq!(sent.of("a"), ["bad1", "bad2", "bad3", "fine"]);
    let letters_left: Vec<_> = dead(&storage).await.into_iter().map(|dead| dead.body).collect();
    assert_eq!(letters_left, ["bad2", "bad3"]);
    assert_eq!((handle.call_stats().dead, handle.calls()), (3, 0));
    for letter in letters::list(&*storage, &Query::default()).await.unwrap().entries {
        letters::drop(&*storage, &Clock::system(), letter.id).await.unwrap();
    }
    assert_all_done(&storage).await;
}
