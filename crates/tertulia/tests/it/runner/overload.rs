//! Ten times what the runner can take, nearly all of it from one chat: nothing acknowledged is lost, and the other
//! chats hardly notice.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::error::Kind;
use tertulia::runner::Options;

use super::support::{dead, memory, pass, start, update};

const SECONDS: u64 = 60;
const NORMAL: i64 = 1_000;

/// 1,000 turns a second, since ten run at once and each takes 10 ms; 1,000 chats with an update each second, and
/// one with 9,000.
#[tokio::test(start_paused = true)]
async fn one_hostile_chat_takes_neither_memory_nor_the_others_share() {
    let storage = memory();
    let options = Options { concurrency: 10, waiting: 100, index_entries: 4_096, ..Options::default() };
    let done: Arc<Mutex<HashMap<String, u64>>> = Arc::default();
    let counts = Arc::clone(&done);
    let handle = start(&storage, options, move |turn, _| {
        let counts = Arc::clone(&counts);
        async move {
            pass(10).await;
            *counts.lock().entry(turn.about().conversation.id().into_owned()).or_default() += 1;
            Ok(())
        }
    })
    .await;
    let (mut acknowledged, mut refused) = (0, 0);
    let mut id = 0;
    for second in 0..SECONDS {
        // Each ms one normal chat's update among nine of the hostile one.
        for normal in 0..NORMAL {
            for hostile in 0..10 {
                let chat = if hostile == 0 { normal.to_string() } else { "hostile".to_owned() };
                id += 1;
                match handle.intake().submit(update(&chat, id, "x")).await {
                    Ok(_) => acknowledged += 1,
                    Err(error) => {
                        assert_eq!((error.kind(), hostile > 0), (Kind::Unavailable, true), "{chat}: {error}");
                        refused += 1;
                    }
                }
            }
            pass(1).await;
        }
        assert!(handle.size() <= 4_096, "{} updates in memory after {second} s", handle.size());
    }
    // Nobody but the normal chats had an update that waited.
    let all: u64 = done.lock().iter().filter(|(chat, _)| *chat != "hostile").map(|(_, count)| count).sum();
    let share = NORMAL.unsigned_abs() * SECONDS;
    assert!(all * 10 >= share * 8, "normal chats had {all} of {share} turns");
    let fewest =
        (0..NORMAL).map(|chat| done.lock().get(&chat.to_string()).copied().unwrap_or_default()).min();
    assert!(fewest >= Some(SECONDS * 8 / 10), "the worst had {fewest:?} of {SECONDS}");
    assert!(refused > 400_000, "{refused} were refused");
    pass(60_000).await;
    assert_eq!(done.lock().values().sum::<u64>(), acknowledged);
    assert!(dead(&storage).await.is_empty());
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
}
