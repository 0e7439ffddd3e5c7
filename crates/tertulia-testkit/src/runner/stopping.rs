//! Updates that are cancelled, and processes that are stopped.

use std::sync::Arc;
use std::time::Duration;

use tertulia::runner::INBOX;
use tertulia::storage::ItemId;
use tokio::sync::Semaphore;

use super::setting::update;
use super::work::apply;
use super::{Notes, Setting, Work};
use crate::Call;
use crate::process::{held, until};

/// Holds `think` for ever, cancels with `!stop`, and applies the rest.
fn stoppable(begun: &Notes) -> Work {
    let begun = begun.clone();
    Work::new(move |turn, text| {
        let begun = begun.clone();
        async move {
            begun.note(text.clone());
            apply(&turn, &text).await?;
            match &*text {
                "think" => std::future::pending().await,
                "!stop" => assert!(turn.cancel_head().await?, "there is something to cancel"),
                _ => {}
            }
            Ok(())
        }
    })
}

/// An update that is cancelled leaves nothing and is run no more, in this process or the next; what waits behind it is.
pub async fn a_cancelled_update_is_gone(setting: &Setting<'_>) {
    let begun = Notes::new();
    let first = setting.start(stoppable(&begun)).await;
    setting.tell(&first, "a", 1, "think").await;
    begun.come(1).await;
    setting.tell(&first, "a", 2, "next").await;
    setting.tell(&first, "a", 3, "!stop").await;
    setting.come("a", 2).await;
    let next = setting.after(first, stoppable(&begun)).await;
    setting.end_all(next).await;
    assert_eq!(setting.applied("a").await, ["!stop", "next"]);
    assert_eq!(begun.all(), ["think", "!stop", "next"]);
}

/// A process that dies while it cancels has cancelled, with all that this turn writes, or has not.
pub async fn a_process_may_die_while_it_cancels(setting: &Setting<'_>) {
    for (n, id, is_done) in [(1, "a", false), (3, "b", true)] {
        let begun = Notes::new();
        let first = setting.start(stoppable(&begun)).await;
        setting.tell(&first, id, n, "think").await;
        begun.come(1).await;
        // The next commit is its arrival, and the one after that cancels.
        let (gate, fault) = held(is_done);
        let commits = first.faults().calls(Call::Commit);
        first.faults().at(Call::Commit, commits + 2, fault);
        setting.tell(&first, id, n + 1, "!stop").await;
        gate.reached().await;
        assert_eq!(setting.applied(id).await.len(), usize::from(is_done));
        let left = setting.queued(&INBOX).await;
        assert_eq!(left, if is_done { 0 } else { 2 });
        let next = setting.after(first, Work::applying()).await;
        setting.end_all(next).await;
        let mut applied = setting.applied(id).await;
        applied.sort();
        assert_eq!(applied, if is_done { vec!["!stop"] } else { vec!["!stop", "think"] });
    }
}

/// A process that is stopped runs what it has accepted first.
pub async fn a_shutdown_runs_what_was_accepted(setting: &Setting<'_>) {
    let process = setting.start(Work::applying()).await;
    let updates = (0..20).map(|n| update(["a", "b"][n % 2], n as i64, &(n / 2).to_string()));
    process.intake().submit_all(updates.collect()).await.unwrap();
    setting.end_all(process).await;
    let expected: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    for id in ["a", "b"] {
        assert_eq!(setting.applied(id).await, expected);
    }
}

/// What a process has not come to when it has to stop is told, kept, and run by the next one.
pub async fn what_a_shutdown_leaves_is_told_and_run_by_the_next_process(setting: &Setting<'_>) {
    let begun = Notes::new();
    let first = setting.start(stoppable(&begun)).await;
    setting.tell(&first, "a", 1, "think").await;
    setting.tell(&first, "a", 2, "next").await;
    begun.come(1).await;
    let left = first.shutdown(Duration::ZERO).await;
    let left: Vec<ItemId> = left.into_iter().map(|left| left.update).collect();
    assert_eq!(left, [1, 2].map(|n| update("a", n, "").id));
    assert!(setting.give(&first, "a", 3, "late").await.is_err(), "it takes nothing more");
    assert_eq!(setting.applied("a").await, [""; 0]);
    let next = setting.after(first, Work::applying()).await;
    setting.end_all(next).await;
    assert_eq!(setting.applied("a").await, ["think", "next"]);
}

/// A shutdown waits for a handler that runs.
pub async fn a_shutdown_waits_for_handlers(setting: &Setting<'_>) {
    let (gate, begun) = (Arc::new(Semaphore::new(0)), Notes::new());
    let (inside, noted) = (Arc::clone(&gate), begun.clone());
    let process = setting.start(Work::new(move |turn, text| {
        let (gate, begun) = (Arc::clone(&inside), noted.clone());
        async move {
            begun.note("begun");
            gate.acquire().await?.forget();
            apply(&turn, &text).await
        }
    }));
    let process = process.await;
    setting.tell(&process, "a", 1, "x").await;
    begun.come(1).await;
    let closed = process.intake().clone();
    let opens = async {
        // It takes nothing any more, so it has begun to stop.
        until(async || closed.is_closed()).await;
        gate.add_permits(1);
    };
    let ((), ()) = tokio::join!(setting.end_all(process), opens);
    assert_eq!(setting.applied("a").await, ["x"]);
}
