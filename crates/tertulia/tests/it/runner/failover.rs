//! A storage that fails over to a replica, loses the end of its queues and gives their offsets again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tertulia::runner::{CallOptions, Delivery, HandlerResult, INBOX, OUTBOX, Options, Turn};
use tertulia::storage::Storage;

use super::support::{
    Diary, Pair, Platform, applied, apply, assert_all_done, conversation, memory, pass, runner, start, update,
};

/// Leaves nothing but a mark, makes a call, or applies itself.
async fn run(turn: Turn, text: String) -> HandlerResult {
    match &*text {
        "nothing" => {}
        "call" => drop(turn.call("hello".into())?),
        text => apply(&turn, text).await?,
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn marks_of_what_was_lost_leave_alone_who_has_its_offsets_now() {
    let pair = Arc::new(Pair::default());
    let storage: Arc<dyn Storage> = pair.clone();
    let options = Options { linger: Duration::from_secs(3_600), ..Options::default() };
    let platform = Platform::new(|_| async { Ok("message 1".to_owned()) });
    let handle = runner(&storage, options, run).sender("test", platform).start().await.unwrap();
    handle.intake().submit(update("a", 1, "before")).await.unwrap();
    pass(10).await;
    pair.cut_off();
    for (id, text) in [(2, "call"), (3, "nothing")] {
        handle.intake().submit(update("a", id, text)).await.unwrap();
        pass(10).await;
    }
    assert_eq!((pair.entries(INBOX).await.len(), pair.entries(OUTBOX).await.len()), (1, 1), "both are done");
    pair.fail_over();
    for (id, name) in [(91, INBOX), (92, INBOX), (93, OUTBOX)] {
        pair.append(id, name, "acknowledged").await;
    }
    // Both marks ride on this one's batch.
    handle.intake().submit(update("a", 4, "after")).await.unwrap();
    pass(10).await;
    assert_eq!(applied(&storage, "a").await, ["before", "after"]);
    assert_eq!(pair.entries(INBOX).await, [(1, 91), (2, 92)]);
    assert_eq!(pair.entries(OUTBOX).await, [(0, 93)]);
}

#[tokio::test(start_paused = true)]
async fn a_mark_of_what_was_lost_spoils_no_turn_whose_update_has_its_offset_now() {
    let pair = Arc::new(Pair::default());
    let storage: Arc<dyn Storage> = pair.clone();
    let options = Options { linger: Duration::from_secs(60), retries: 0, ..Options::default() };
    let handle = start(&storage, options, run).await;
    pair.cut_off();
    handle.intake().submit(update("a", 1, "nothing")).await.unwrap();
    pass(10).await;
    pair.fail_over();
    handle.intake().submit(update("a", 2, "after")).await.unwrap();
    pass(10).await;
    assert_eq!(applied(&storage, "a").await, ["after"]);
    pass(60_000).await;
    assert_all_done(&storage).await;
}

/// A chat whose updates lie in the inbox of chat `a`'s.
fn neighbour() -> String {
    let shard = conversation("a").shard();
    (0..).map(|n: u32| n.to_string()).find(|chat| conversation(chat).shard() == shard).expect("one in 256")
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_and_what_was_lost_and_is_known_runs_though_its_offsets_were_given_again() {
    let pair = Arc::new(Pair::default());
    let storage: Arc<dyn Storage> = pair.clone();
    let options = Options { backoff: Duration::from_secs(60), ..Options::default() };
    let runs = Diary::default();
    let notes = runs.clone();
    let run = move |turn: Turn, text: String| {
        notes.note(&turn.about().conversation, text.clone());
        async move {
            anyhow::ensure!(turn.about().attempt > 1 || text == "at once", "not at the first try");
            apply(&turn, &text).await
        }
    };
    let handle = start(&storage, options, run).await;
    let b = neighbour();
    handle.intake().submit(update("a", 1, "kept")).await.unwrap();
    pass(10).await;
    pair.cut_off();
    let lost = (2..5).map(|id| update("a", id, &format!("lost {id}")));
    handle.intake().submit_all(lost.collect()).await.unwrap();
    pass(10).await;
    pair.fail_over();
    handle.intake().submit(update(&b, 5, "at once")).await.unwrap();
    pass(10).await;
    assert_eq!(applied(&storage, &b).await, ["at once"]);
    pass(600_000).await;
    assert_eq!(applied(&storage, "a").await, ["kept", "lost 2", "lost 3", "lost 4"]);
    assert_eq!(runs.of("a").iter().filter(|text| *text == "kept").count(), 2, "it was known all the time");
    handle.intake().submit(update("a", 6, "at once")).await.unwrap();
    pass(10).await;
    assert_eq!(applied(&storage, "a").await.last().unwrap(), "at once");
    assert_eq!(handle.size(), 0);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_is_known_again_though_as_much_has_come_since() {
    let pair = Arc::new(Pair::default());
    let storage: Arc<dyn Storage> = pair.clone();
    let handle = start(&storage, Options::default(), |turn: Turn, text: String| async move {
        pass(100).await;
        apply(&turn, &text).await
    });
    let handle = handle.await;
    handle.intake().submit(update("a", 1, "before")).await.unwrap();
    pass(1_000).await;
    pair.cut_off();
    for (id, text) in [(2, "one"), (3, "two"), (4, "three")] {
        handle.intake().submit(update("a", id, text)).await.unwrap();
    }
    pair.fail_over();
    // By another process: where the updates were that are lost, and in one of their places what is nobody's.
    pair.append(91, INBOX, "acknowledged").await;
    pair.append(92, INBOX, "acknowledged").await;
    pass(10_000).await;
    assert_eq!(applied(&storage, "a").await, ["before", "one", "two", "three"]);
    assert_eq!(pair.entries(INBOX).await, [(1, 91), (2, 92)]);
    assert_eq!(handle.size(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_has_ended_is_not_brought_again_when_its_id_is_forgotten() {
    let storage = memory();
    let waits = Arc::new(AtomicBool::new(true));
    let seen = Arc::clone(&waits);
    let run = move |turn: Turn, text: String| {
        let waits = seen.swap(false, Ordering::Relaxed);
        async move {
            // Ids are known for 48 hours.
            pass(if waits { 50 * 3_600_000 } else { 0 }).await;
            apply(&turn, &text).await
        }
    };
    let options = Options { time_limit: None, ..Options::default() };
    let slow = start(&storage, options, run.clone()).await;
    slow.intake().submit(update("a", 1, "x")).await.unwrap();
    pass(10).await;
    let other = start(&storage, Options::default(), run).await;
    pass(10).await;
    assert_eq!(applied(&storage, "a").await, ["x"]);
    other.intake().submit(update("b", 2, "y")).await.unwrap();
    pass(51 * 3_600_000).await;
    assert_eq!(applied(&storage, "a").await, ["x"]);
    assert_eq!((slow.size(), other.size()), (0, 0));
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_lost_before_it_could_be_recorded_holds_nothing_up() {
    let pair = Arc::new(Pair::default());
    let storage: Arc<dyn Storage> = pair.clone();
    let made = Diary::default();
    let notes = made.clone();
    let platform = Platform::new(move |call| {
        let text = String::from_utf8_lossy(&call.body).into_owned();
        notes.note(&call.conversation, text.clone());
        async move {
            pass(if text == "slow" { 1_000 } else { 0 }).await;
            Ok(text)
        }
    });
    let run = |turn: Turn, text: String| async move {
        let delivery = if text == "once" { Delivery::AtMostOnce } else { Delivery::AtLeastOnce };
        turn.call_with(text.into(), CallOptions { delivery, ..CallOptions::default() })?;
        Ok(())
    };
    let handle = runner(&storage, Options::default(), run).sender("test", platform).start().await.unwrap();
    handle.intake().submit(update("a", 1, "before")).await.unwrap();
    pass(100).await;
    pair.cut_off();
    for (id, text) in [(2, "slow"), (3, "once")] {
        handle.intake().submit(update("a", id, text)).await.unwrap();
        pass(10).await;
    }
    pair.fail_over();
    pass(10_000).await;
    handle.intake().submit(update("a", 4, "after")).await.unwrap();
    pass(100).await;
    assert_eq!(made.of("a"), ["before", "slow", "after"]);
    assert_eq!((handle.size(), handle.calls()), (0, 0));
    assert_all_done(&storage).await;
}
