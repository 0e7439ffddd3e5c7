//! Marks of calls that were made: what they gave is kept once, and the marks take part in batches of others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tertulia::Key;
use tertulia::runner::{OUTBOX, Options, SENT, SentRecord, Ticket, Turn};
use tertulia::storage::{ItemId, LogWrite, Memory, Page, Read, Storage};

use super::super::support::{
    Diary, Fate, Faulty, SPACE, assert_all_done, conversation, log, memory, pass, queued, runner, update,
};
use super::{call_twice, noting, twice};

#[tokio::test(start_paused = true)]
async fn what_calls_gave_is_kept_in_order_and_only_the_last_of_it() {
    let storage = memory();
    let sent = Diary::default();
    let runner = runner(&storage, Options::default(), call_twice).sender("test", noting(&sent));
    let handle = runner.start().await.unwrap();
    for round in 0..8 {
        let updates = (0..100).map(|n| round * 100 + n).map(|n| update("a", n, &n.to_string())).collect();
        handle.intake().submit_all(updates).await.unwrap();
        pass(1_000).await;
    }
    assert_eq!(handle.shutdown(Duration::from_secs(10)).await, []);
    let read = Read::new(Key::Log(conversation("a"), SENT));
    let page = storage.read(&[read]).await.unwrap().remove(0).unwrap().and_then(Page::into_log).unwrap();
    assert_eq!(page.head.end.0, 1_600);
    let kept = page.entries.len();
    assert!((256..=512).contains(&kept), "{kept} entries are kept");
    let last: Vec<SentRecord> = page.entries.iter().map(|entry| SentRecord::decode(entry).unwrap()).collect();
    for (record, nth) in last.iter().zip(1_600 - kept..) {
        let update = ItemId::Number(SPACE, (nth / 2) as i64);
        assert_eq!(record.ticket, Ticket { update, ordinal: (nth % 2) as u32 });
        assert_eq!(record.message, format!("message of {}", nth % 2));
    }
}

#[tokio::test(start_paused = true)]
async fn turns_with_many_writes_do_not_fail_for_the_marks_that_wait_for_a_batch() {
    let storage = memory();
    let sent = Diary::default();
    // Conversations of one shard, so that the marks of one ride on the batch of another.
    let shard = conversation("0").shard();
    let chats: Vec<String> = (0..)
        .map(|n: u32| n.to_string())
        .filter(|chat| conversation(chat).shard() == shard)
        .take(80)
        .collect();
    let run = |turn: Turn, text: String| async move {
        if text != "many" {
            return call_twice(turn, text).await;
        }
        for n in 0..250 {
            let name = tertulia::Name::new(format!("log/{n}"))?;
            turn.write(LogWrite::new(Key::Log(turn.about().conversation.clone(), name)).append("x"))?;
        }
        Ok(())
    };
    let options = Options { linger: Duration::from_secs(10), ..Options::default() };
    let handle = runner(&storage, options, run).sender("test", noting(&sent)).start().await.unwrap();
    handle
        .intake()
        .submit_all(chats.iter().zip(0..).map(|(chat, n)| update(chat, n, "x")).collect())
        .await
        .unwrap();
    pass(100).await;
    assert_eq!(sent.len(), 160, "and the marks of these wait");
    handle.intake().submit(update(&chats[0], 1_000, "many")).await.unwrap();
    pass(100).await;
    let name = tertulia::Name::from_static("log/249");
    assert_eq!(log(&storage, &chats[0], name).await, ["x"]);
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_turn_may_delete_the_log_of_what_was_sent() {
    let storage = memory();
    let sent = Diary::default();
    let run = |turn: Turn, text: String| async move {
        if text != "forget" {
            return call_twice(turn, text).await;
        }
        turn.write(LogWrite::new(Key::Log(turn.about().conversation.clone(), SENT)).delete())?;
        Ok(())
    };
    let options = Options { retries: 0, ..Options::default() };
    let handle = runner(&storage, options, run).sender("test", noting(&sent)).start().await.unwrap();
    handle.intake().submit(update("a", 1, "1")).await.unwrap();
    pass(10).await;
    assert_eq!(sent.of("a"), twice([1]), "and its marks wait");
    handle.intake().submit(update("a", 2, "forget")).await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_all_done(&storage).await;
}

/// The tickets in a chat's log of what was sent, in order.
async fn tickets(storage: &Arc<dyn Storage>, chat: &str) -> Vec<Ticket> {
    let read = Read::new(Key::Log(conversation(chat), SENT)).limit(usize::MAX, usize::MAX);
    let page = storage.read(&[read]).await.unwrap().remove(0).unwrap().and_then(Page::into_log).unwrap();
    page.entries.iter().map(|entry| SentRecord::decode(entry).unwrap().ticket).collect()
}

#[tokio::test(start_paused = true)]
async fn what_calls_gave_is_kept_once_though_the_answers_to_their_marks_are_lost() {
    for seed in 0..30 {
        let rng = parking_lot::Mutex::new(fastrand::Rng::with_seed(seed));
        let faulty = Faulty::new(Memory::new(), move |batch| {
            let marks = batch.writes.iter().any(|write| *write.key().name() == SENT);
            Fate { lost: marks && rng.lock().u8(0..2) == 0, ..Fate::default() }
        });
        let storage: Arc<dyn Storage> = faulty;
        let sent = Diary::default();
        let runner = runner(&storage, Options::default(), call_twice).sender("test", noting(&sent));
        let handle = runner.start().await.unwrap();
        for n in 0..40 {
            handle.intake().submit(update("a", n, &n.to_string())).await.unwrap();
            pass(fastrand::Rng::with_seed(seed + n as u64).u64(0..120)).await;
        }
        assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
        let tickets = tickets(&storage, "a").await;
        let different: std::collections::HashSet<_> = tickets.iter().collect();
        assert_eq!((tickets.len(), different.len()), (80, 80), "seed {seed}");
        assert_eq!(sent.of("a"), twice(0..40), "seed {seed}");
        assert_eq!(queued(&storage, OUTBOX).await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_calls_gave_is_kept_once_though_a_shutdown_drops_the_commit_of_their_marks() {
    let memory = Memory::new();
    let marked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&marked);
    // The first batch of marks is applied, and never answered.
    let faulty = Faulty::new(memory, move |batch| {
        let marks = batch.writes.iter().any(|write| *write.key().name() == SENT);
        let first = marks && count.fetch_add(1, Ordering::Relaxed) == 0;
        Fate { after: Duration::from_secs(if first { 3_600 } else { 0 }), ..Fate::default() }
    });
    let storage: Arc<dyn Storage> = faulty;
    let runner = runner(&storage, Options::default(), call_twice).sender("test", noting(&Diary::default()));
    let handle = runner.start().await.unwrap();
    handle.intake().submit(update("a", 1, "1")).await.unwrap();
    pass(1_000).await;
    assert_eq!((tickets(&storage, "a").await.len(), marked.load(Ordering::Relaxed)), (2, 1));
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_eq!(marked.load(Ordering::Relaxed), 2, "they were sent off again");
    assert_eq!(tickets(&storage, "a").await.len(), 2);
    assert_all_done(&storage).await;
}
