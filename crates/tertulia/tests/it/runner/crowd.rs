//! How much may wait for one key, and what becomes of more.

use std::sync::Arc;
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::runner::{Incoming, Keys, Options, Query, Receipt, Source, dead as letters};
use tertulia::storage::{BoxFuture, Limits, Memory, Storage};
use tertulia::{Clock, Result};

use super::support::{Diary, Run, applied, apply, dead, memory, pass, queued, runner, start, update};

fn few() -> Options {
    Options { waiting: 10, waiting_bytes: 100, ..Options::default() }
}

/// Gives these updates at once, then none.
#[derive(Debug)]
struct Batches(Vec<Vec<Incoming>>);

impl Source for Batches {
    fn fetch(&mut self, _: usize) -> BoxFuture<'_, Result<Vec<Incoming>>> {
        let next = if self.0.is_empty() { None } else { Some(self.0.remove(0)) };
        Box::pin(async move {
            match next {
                Some(batch) => Ok(batch),
                None => std::future::pending().await,
            }
        })
    }

    fn confirm(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

/// Grammy facts, scenario F.10.
#[tokio::test(start_paused = true)]
async fn f10_a_hot_key_does_not_starve_others_and_its_backlog_is_bounded_and_seen() {
    let storage = memory();
    let done = Diary::default();
    let notes = done.clone();
    let options = Options { waiting: 500, ..Options::default() };
    let handle = start(&storage, options, move |turn, text| {
        let notes = notes.clone();
        async move {
            if &*turn.about().conversation.id() == "hot" {
                std::future::pending::<()>().await;
            }
            notes.note(&turn.about().conversation, text);
            Ok(())
        }
    })
    .await;
    let mut refused = 0;
    for id in 0..600 {
        let receipt = handle.intake().submit(update("hot", id, "hot")).await;
        refused += usize::from(receipt.is_err_and(|error| error.kind() == Kind::Unavailable));
    }
    assert_eq!(refused, 100);
    for id in 0..100 {
        handle.intake().submit(update(&id.to_string(), 1_000 + id, "other")).await.unwrap();
    }
    pass(1).await;
    assert_eq!(done.len(), 100);
    let stats = handle.stats();
    assert_eq!((stats.updates, stats.running, stats.ready, stats.keys), (500, 1, 0, 1));
    pass(5_000).await;
    let [deepest] = &handle.deepest(3)[..] else { panic!("one key has updates") };
    assert_eq!((&*deepest.key, deepest.updates, deepest.bytes), ("test:hot", 500, 1_500));
    assert_eq!(deepest.oldest.as_secs(), 5);
    assert_eq!(handle.stats().oldest.unwrap().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_update_of_too_many_is_refused_with_the_limit_and_taken_when_there_is_room() {
    let storage = memory();
    let handle = start(&storage, few(), |turn, text| async move {
        pass(100).await;
        apply(&turn, &text).await
    })
    .await;
    for id in 0..10 {
        handle.intake().submit(update("a", id, &id.to_string())).await.unwrap();
    }
    let error = handle.intake().submit(update("a", 10, "10")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    let limit = "too many updates wait for test:a: at most 10 with 100 bytes together are taken";
    assert_eq!(error.to_string(), limit);
    assert_eq!(handle.intake().submit(update("b", 10, "x")).await.unwrap(), Receipt::Accepted);
    pass(101).await;
    assert_eq!(handle.intake().submit(update("a", 10, "10")).await.unwrap(), Receipt::Accepted);
    pass(2_000).await;
    assert_eq!(applied(&storage, "a").await, (0..=10).map(|id| id.to_string()).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn bytes_count_too_but_a_single_update_may_have_more() {
    let storage = memory();
    let handle = start(&storage, few(), |_, _| std::future::pending()).await;
    let submit = async |chat: &str, id, bytes: usize| {
        handle.intake().submit(update(chat, id, &"x".repeat(bytes))).await.is_ok()
    };
    assert!(submit("a", 1, 1_000).await);
    assert!(!submit("a", 2, 0).await);
    assert!(submit("b", 3, 50).await);
    assert!(submit("b", 4, 50).await);
    assert!(!submit("b", 5, 1).await);
}

#[tokio::test(start_paused = true)]
async fn updates_that_were_asked_for_go_to_dead_when_they_are_too_many_and_once() {
    let storage = memory();
    // The second batch is given again, as after a crash before it was confirmed.
    let batch =
        |ids: std::ops::Range<i64>| ids.map(|id| update("a", id, &id.to_string())).collect::<Vec<_>>();
    let mut others = batch(10..14);
    others.push(update("b", 100, "b"));
    let source = Batches(vec![batch(0..10), others.clone(), others, batch(0..10)]);
    let runner = runner(&storage, few(), |turn, text| async move {
        pass(1_000).await;
        apply(&turn, &text).await
    });
    let handle = runner.source(Box::new(source)).start().await.unwrap();
    pass(1_500).await;
    let mut given_up: Vec<_> = dead(&storage).await.into_iter().map(|dead| (dead.body, dead.error)).collect();
    given_up.sort();
    let bodies: Vec<_> = given_up.iter().map(|(body, _)| &body[..]).collect();
    assert_eq!(bodies, [b"10", b"11", b"12", b"13"]);
    assert_eq!(
        given_up[0].1,
        "too many updates wait for test:a: at most 10 with 100 bytes together are taken"
    );
    assert_eq!(applied(&storage, "b").await, ["b"]);
    pass(20_000).await;
    assert_eq!(applied(&storage, "a").await, (0..10).map(|id| id.to_string()).collect::<Vec<_>>());
    assert_eq!((queued(&storage, tertulia::runner::INBOX).await, handle.size()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_update_of_several_keys_is_refused_for_any_of_them() {
    let storage = memory();
    let handler = Run {
        run: |_, _| std::future::pending(),
        keys: |about| {
            let text = String::from_utf8_lossy(&about.body).into_owned();
            Keys::Exactly(text.split(' ').map(Arc::from).collect())
        },
        buried: |_| Vec::new(),
    };
    let runner = tertulia::runner::Runner::new(Arc::clone(&storage), Clock::system(), few(), handler);
    let handle = runner.start().await.unwrap();
    for id in 0..10 {
        handle.intake().submit(update(&id.to_string(), id, "x y")).await.unwrap();
    }
    assert!(handle.intake().submit(update("other", 20, "z")).await.is_ok());
    assert!(handle.intake().submit(update("other", 21, "z y")).await.is_err());
    // Within one request the earlier ones count.
    let many = (30..45).map(|id| update("other", id, "w")).collect();
    assert!(handle.intake().submit_all(many).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn one_full_shard_holds_up_its_own_source_and_nobody_else() {
    let limits = Limits { queue_entries: 20, ..Limits::default() };
    let memory = Memory::with(Clock::system(), limits, Memory::DEFAULT_MAX_BYTES);
    let storage: Arc<dyn Storage> = Arc::new(memory);
    let full = update("a", 0, "").conversation.shard();
    let batch = |n: i64| (n * 8..n * 8 + 8).map(|id| update("a", id, &id.to_string())).collect();
    let runner = runner(&storage, Options::default(), |turn, text| async move {
        pass(if text == "other" { 0 } else { 10_000 }).await;
        apply(&turn, &text).await
    });
    let handle = runner.source(Box::new(Batches((0..3).map(batch).collect()))).start().await.unwrap();
    pass(100).await;
    let other = (0..).map(|n: i64| update(&n.to_string(), n, "other"));
    let other = other.filter(|update| update.conversation.shard() != full).take(3);
    for update in other {
        let submitted = tokio::time::timeout(Duration::from_secs(1), handle.intake().submit(update));
        assert_eq!(submitted.await.expect("the others go on").unwrap(), Receipt::Accepted);
    }
    let error =
        handle.intake().submit_all((100..108).map(|id| update("a", id, "")).collect()).await.unwrap_err();
    assert_eq!((error.kind(), &*error.to_string()), (Kind::Unavailable, "the inbox of its shard is full"));
    pass(1).await;
    assert_eq!(handle.size(), 16);
    // What was fetched waits until there is room.
    pass(300_000).await;
    assert_eq!(applied(&storage, "a").await, (0..24).map(|id| id.to_string()).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn many_hot_keys_do_not_take_all_places() {
    let storage = memory();
    let options = Options { index_entries: 8_000, ..Options::default() };
    let handle = start(&storage, options, |turn, _| async move {
        if turn.about().conversation.id().starts_with("hot") {
            std::future::pending::<()>().await;
        }
        Ok(())
    })
    .await;
    let mut id = 0;
    for chat in 0..20 {
        for _ in 0..1_000 {
            id += 1;
            let _ = handle.intake().submit(update(&format!("hot {chat}"), id, "x")).await;
        }
    }
    let known = handle.size();
    assert!(known < 8_000 - 500, "{known} of 8,000 places are taken");
    let submitted =
        tokio::time::timeout(Duration::from_secs(1), handle.intake().submit(update("cool", 0, "x")));
    assert_eq!(submitted.await.expect("there is room").unwrap(), Receipt::Accepted);
}

/// A source that waits for room in a shard is tried again though others keep the inbox busy.
#[tokio::test(start_paused = true)]
async fn a_stalled_source_is_not_forgotten_while_others_are_busy() {
    let limits = Limits { queue_entries: 20, ..Limits::default() };
    let storage: Arc<dyn Storage> =
        Arc::new(Memory::with(Clock::system(), limits, Memory::DEFAULT_MAX_BYTES));
    let full = update("a", 0, "").conversation.shard();
    let batch = |n: i64| (n * 15..n * 15 + 15).map(|id| update("a", id, &id.to_string())).collect();
    let runner = runner(&storage, Options::default(), |turn, text| async move {
        pass(if text == "other" { 0 } else { 100 }).await;
        apply(&turn, &text).await
    });
    let handle = runner.source(Box::new(Batches((0..2).map(batch).collect()))).start().await.unwrap();
    let other = (0..).map(|n: i64| update(&n.to_string(), n, "other"));
    let others = other.filter(|update| update.conversation.shard() != full).take(1_000);
    for update in others {
        handle.intake().submit(update).await.unwrap();
        pass(10).await;
    }
    assert_eq!(applied(&storage, "a").await, (0..30).map(|id| id.to_string()).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn updates_of_too_many_that_find_no_room_in_dead_wait_for_it_and_are_not_run() {
    let limits = Limits { queue_entries: 16, ..Limits::default() };
    let storage: Arc<dyn Storage> =
        Arc::new(Memory::with(Clock::system(), limits, Memory::DEFAULT_MAX_BYTES));
    let batch =
        |ids: std::ops::Range<i64>| ids.map(|id| update("a", id, &id.to_string())).collect::<Vec<_>>();
    let broken =
        batch(100..114).into_iter().map(|update| Incoming { fault: Some("broken".into()), ..update });
    // There is room for two of the four that are too many, and they go there together.
    let source = Batches(vec![broken.collect(), batch(0..10), batch(10..14)]);
    let runner = runner(&storage, few(), |turn, text| async move {
        pass(1_000).await;
        apply(&turn, &text).await
    });
    let handle = runner.source(Box::new(source)).start().await.unwrap();
    pass(12_000).await;
    handle.intake().submit(update("a", 20, "20")).await.unwrap();
    pass(60_000).await;
    assert_eq!(dead(&storage).await.len(), 16);
    assert_eq!((handle.size(), handle.running()), (3, 0), "two that wait for room, and one behind them");
    for letter in letters::list(&*storage, &Query::default()).await.unwrap().entries {
        letters::drop(&*storage, &Clock::system(), letter.id).await.unwrap();
    }
    pass(60_000).await;
    let expected: Vec<_> = (0..10).chain([20]).map(|id| id.to_string()).collect();
    assert_eq!(applied(&storage, "a").await, expected);
    let bodies: Vec<_> = dead(&storage).await.into_iter().map(|dead| dead.body).collect();
    assert_eq!(bodies, ["12", "13"]);
    assert_eq!((queued(&storage, tertulia::runner::INBOX).await, handle.size()), (0, 0));
}
