//! A handler that runs too long is cancelled: it writes nothing, its key goes on, and nobody else is charged.

use std::sync::Arc;
use std::time::Duration;

use tertulia::Error;
use tertulia::error::Kind;
use tertulia::runner::Options;
use tertulia::storage::{Batch, Memory, Storage};

use super::support::{
    APPLIED, Diary, Fate, Faulty, applied, apply, assert_all_done, dead, memory, pass, start, update,
};

fn options() -> Options {
    Options { time_limit: Some(Duration::from_millis(50)), retries: 0, ..Options::default() }
}

/// Grammy facts, scenario F.11.
#[tokio::test(start_paused = true)]
async fn f11_a_timeout_means_cancelled() {
    let storage = memory();
    let (begun, ended) = (Diary::default(), Diary::default());
    let (begins, ends) = (begun.clone(), ended.clone());
    let handle = start(&storage, options(), move |turn, text| {
        let (begins, ends) = (begins.clone(), ends.clone());
        async move {
            let chat = turn.about().conversation.clone();
            begins.note(&chat, text.clone());
            apply(&turn, &text).await?;
            if text == "1" {
                pass(200).await;
                ends.note(&chat, text);
                anyhow::bail!("a late error");
            }
            pass(40).await;
            ends.note(&chat, text);
            Ok(())
        }
    })
    .await;
    handle.intake().submit_all((1..=3).map(|id| update("a", id, &id.to_string())).collect()).await.unwrap();
    pass(49).await;
    assert_eq!(begun.of("a"), ["1"]);
    // At 50 ms the first one is cancelled, and the second begins with a limit of its own.
    pass(2).await;
    assert_eq!(begun.of("a"), ["1", "2"]);
    pass(1_000).await;
    assert_eq!(ended.of("a"), ["2", "3"]);
    assert_eq!(applied(&storage, "a").await, ["2", "3"]);
    let dead = dead(&storage).await;
    assert_eq!(dead.len(), 1);
    assert_eq!((&*dead[0].body, dead[0].attempts), (&b"1"[..], 1));
    assert_eq!(dead[0].error, "the handler was cancelled after 0.1 s, its time limit");
    assert_eq!((handle.size(), handle.running()), (0, 0));
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_asks_for_more_time_has_it() {
    let storage = memory();
    let handle = start(&storage, options(), |turn, text| async move {
        for _ in 0..10 {
            turn.more_time(Duration::from_millis(45));
            pass(40).await;
        }
        apply(&turn, &text).await
    })
    .await;
    handle.intake().submit(update("a", 1, "1")).await.unwrap();
    pass(1_000).await;
    assert_eq!(applied(&storage, "a").await, ["1"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn more_time_is_no_less_than_the_limit_and_ends_too() {
    let storage = memory();
    let reached = Diary::default();
    let notes = reached.clone();
    let handle = start(&storage, options(), move |turn, _| {
        let notes = notes.clone();
        async move {
            turn.more_time(Duration::from_millis(1));
            pass(20).await;
            notes.note(&turn.about().conversation, "20 ms");
            turn.more_time(Duration::from_millis(60));
            pass(59).await;
            notes.note(&turn.about().conversation, "79 ms");
            pass(2).await;
            notes.note(&turn.about().conversation, "81 ms");
            Ok(())
        }
    })
    .await;
    handle.intake().submit(update("a", 1, "1")).await.unwrap();
    pass(1_000).await;
    assert_eq!(reached.of("a"), ["20 ms", "79 ms"]);
    assert_eq!(dead(&storage).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_commit_once_handed_over_is_not_cancelled() {
    let slow = Fate { before: Duration::from_secs(5), ..Fate::default() };
    let turns = |batch: &Batch| batch.writes.iter().any(|write| *write.key().name() == APPLIED);
    let memory = Memory::new();
    let faulty = Faulty::new(memory.clone(), move |batch| if turns(batch) { slow } else { Fate::default() });
    let storage: Arc<dyn Storage> = faulty;
    let handle = start(&storage, options(), |turn, text| async move { apply(&turn, &text).await }).await;
    handle.intake().submit(update("a", 1, "1")).await.unwrap();
    pass(10_000).await;
    assert_eq!(applied(&storage, "a").await, ["1"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_a_handler_runs_for_as_long_as_it_likes() {
    let storage = memory();
    let options = Options { time_limit: None, ..options() };
    let handle = start(&storage, options, |turn, text| async move {
        pass(86_400_000).await;
        apply(&turn, &text).await
    })
    .await;
    handle.intake().submit(update("a", 1, "1")).await.unwrap();
    pass(86_500_000).await;
    assert_eq!(applied(&storage, "a").await, ["1"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_is_late_is_no_failed_try_of_the_handler() {
    let storage = memory();
    let tries = Diary::default();
    let notes = tries.clone();
    let handle = start(&storage, options(), move |turn, text: String| {
        let nth = notes.count(&turn.about().conversation, &text);
        async move {
            if nth < 5 {
                return Err(Error::new(Kind::Timeout, "the session was not read in time").into());
            }
            apply(&turn, &text).await
        }
    })
    .await;
    handle.intake().submit(update("a", 1, "1")).await.unwrap();
    pass(60_000).await;
    assert_eq!(tries.of("a").len(), 5);
    assert_eq!(applied(&storage, "a").await, ["1"]);
    assert_all_done(&storage).await;
}
