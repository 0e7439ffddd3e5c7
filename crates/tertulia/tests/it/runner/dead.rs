//! Dead letters are listed, replayed and dropped, over any storage, with a runner and without one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::runner::{
    CallOptions, CallState, DEAD, DeadKind, Delivery, EntryId, INBOX, Incoming, Notice, OUTBOX, Options,
    OutboxRecord, Query, Ticket, Turn, dead,
};
use tertulia::storage::{Batch, CommitId, ItemId, Memory, Offset, QueueWrite, Read, Storage};
use tertulia::{Clock, Error, Key, Name, Shard, Timestamp};

use super::support::{
    Diary, Fate, Faulty, Platform, SPACE, applied, apply, assert_all_done, conversation, memory, pass,
    queued, runner, start, update,
};

/// Fails at once, for good.
fn once() -> Options {
    Options { retries: 0, ..Options::default() }
}

/// Has these updates given up by a handler that fails, and stops.
async fn give_up(storage: &Arc<dyn Storage>, updates: Vec<Incoming>) {
    let handle = start(storage, once(), |_, _| async { anyhow::bail!("poison") }).await;
    handle.intake().submit_all(updates).await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(5)).await, []);
}

async fn ids(storage: &Arc<dyn Storage>, query: &Query) -> Vec<EntryId> {
    dead::list(&**storage, query).await.unwrap().entries.into_iter().map(|letter| letter.id).collect()
}

/// The only dead letter.
async fn only(storage: &Arc<dyn Storage>) -> EntryId {
    let ids = ids(storage, &Query::default()).await;
    assert_eq!(ids.len(), 1);
    ids[0]
}

/// A dead letter as other bytes than this program writes.
async fn put(storage: &Arc<dyn Storage>, shard: Shard, id: Option<ItemId>, bytes: Vec<u8>) -> EntryId {
    let write = QueueWrite::new(Key::Queue(shard, DEAD)).append(id, bytes);
    storage.commit(Batch::new(CommitId(7), vec![write.into()])).await.unwrap();
    only(storage).await
}

#[test]
fn the_id_of_an_entry_is_read_as_it_is_written_and_says_what_is_wrong_with_another_text() {
    for text in ["0-0", "17-42", "255-18446744073709551615"] {
        assert_eq!(text.parse::<EntryId>().unwrap().to_string(), text);
    }
    for (text, says) in [
        ("17", "it has no `-`"),
        ("256-1", "before the `-` stands a shard, 0 to 255"),
        ("-1-1", "before the `-`"),
        ("017-1", "before the `-`"),
        ("17-", "after the `-` stands an offset"),
        ("17-+2", "after the `-`"),
        ("17-42-1", "after the `-`"),
    ] {
        let error = text.parse::<EntryId>().unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(
            error.to_string().contains(says) && error.to_string().contains(&format!("`{text}`")),
            "{error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_listing_gives_each_letter_once_in_pages_and_the_oldest_of_a_shard_first() {
    let storage = memory();
    let updates = (0..900).map(|n| update(&(n % 30).to_string(), n, &n.to_string()));
    let faulty = updates.map(|update| Incoming { fault: Some("broken".into()), ..update });
    let handle = start(&storage, once(), |_, _| async { Ok(()) }).await;
    handle.intake().submit_all(faulty.collect()).await.unwrap();
    handle.shutdown(Duration::from_secs(5)).await;
    assert_eq!(dead::count(&*storage).await.unwrap(), 900);

    let (mut found, mut pages) = (Vec::new(), 0);
    let mut query = Query { limit: 100, ..Query::default() };
    loop {
        let page = dead::list(&*storage, &query).await.unwrap();
        assert!(page.entries.len() <= 100);
        found.extend(page.entries.into_iter().map(|letter| letter.id));
        pages += 1;
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    assert_eq!((found.len(), pages), (900, 9));
    assert!(found.is_sorted(), "by shard, then by offset");
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 900);

    let of_one = Query { conversation: Some(conversation("7")), limit: 4, ..Query::default() };
    let page = dead::list(&*storage, &of_one).await.unwrap();
    let bodies = page.entries.iter().map(|letter| letter.record.as_ref().unwrap().body.clone());
    assert_eq!(bodies.collect::<Vec<_>>(), ["7", "37", "67", "97"]);
    let rest = dead::list(&*storage, &Query { after: page.next, limit: 100, ..of_one }).await.unwrap();
    assert_eq!((rest.entries.len(), rest.next), (26, None));
}

#[tokio::test(start_paused = true)]
async fn a_page_of_large_letters_ends_before_its_limit() {
    let storage = memory();
    let large = "x".repeat(3 << 20);
    give_up(&storage, (0..3).map(|n| update("a", n, &large)).collect()).await;
    let first = dead::list(&*storage, &Query::default()).await.unwrap();
    assert_eq!(first.entries.len(), 1, "two would have more than 4 MiB");
    let after = first.next;
    let second = dead::list(&*storage, &Query { after, ..Query::default() }).await.unwrap();
    assert_eq!(second.entries.len(), 1);
    assert_ne!(first.entries[0].id, second.entries[0].id);
}

#[tokio::test(start_paused = true)]
async fn a_letter_says_what_it_is_and_one_that_is_not_there_is_none() {
    let storage = memory();
    give_up(&storage, vec![update("a", 1, "one")]).await;
    let id = only(&storage).await;
    let letter = dead::get(&*storage, id).await.unwrap().unwrap();
    assert_eq!((letter.id, letter.item), (id, Some(ItemId::Number(SPACE, 1))));
    let record = letter.record.unwrap();
    assert_eq!((record.what, record.error.as_str(), record.attempts), (DeadKind::Update, "poison", 1));
    for missing in [EntryId { offset: Offset(1), ..id }, EntryId { offset: Offset(u64::MAX), ..id }] {
        assert!(dead::get(&*storage, missing).await.unwrap().is_none());
    }
    let elsewhere = EntryId { shard: Shard(id.shard.0.wrapping_add(1)), ..id };
    let error = dead::replay(&*storage, &Clock::system(), elsewhere).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Gone);
    assert_eq!(error.to_string(), format!("there is no dead letter {elsewhere}"));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_letter_is_gone_and_cannot_be_dropped_again() {
    let storage = memory();
    give_up(&storage, vec![update("a", 1, "one"), update("a", 2, "two")]).await;
    let id = ids(&storage, &Query::default()).await[0];
    let clock = Clock::system();
    dead::drop(&*storage, &clock, id).await.unwrap();
    assert_eq!(dead::drop(&*storage, &clock, id).await.unwrap_err().kind(), Kind::Gone);
    assert_eq!(dead::replay(&*storage, &clock, id).await.unwrap_err().kind(), Kind::Gone);
    assert_eq!((queued(&storage, DEAD).await, queued(&storage, INBOX).await), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_replayed_update_goes_to_the_end_of_its_conversation_while_the_runner_runs() {
    let storage = memory();
    let fixed = Arc::new(AtomicBool::new(false));
    let works = Arc::clone(&fixed);
    let run = move |turn: Turn, text: String| {
        let works = works.load(Ordering::Relaxed);
        async move {
            anyhow::ensure!(works || text != "poison", "not yet");
            pass(100).await;
            apply(&turn, &text).await
        }
    };
    let handle = start(&storage, once(), run).await;
    handle.intake().submit_all(vec![update("a", 1, "poison"), update("a", 2, "two")]).await.unwrap();
    pass(50).await;
    let id = only(&storage).await;
    fixed.store(true, Ordering::Relaxed);
    handle.intake().submit(update("a", 3, "three")).await.unwrap();
    let notice = dead::replay(&*storage, &Clock::system(), id).await.unwrap();
    assert_eq!(notice, Notice::Update(id.shard));
    handle.look(notice).await.unwrap();
    assert_eq!(handle.size(), 3, "known as soon as it was looked at");
    handle.intake().submit(update("a", 4, "four")).await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(5)).await, []);
    assert_eq!(applied(&storage, "a").await, ["two", "three", "poison", "four"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_look_and_updates_that_wait_together_are_all_served() {
    let storage = memory();
    give_up(&storage, vec![update("a", 0, "zero")]).await;
    let id = only(&storage).await;
    let runner = runner(&storage, once(), |turn, text: String| async move { apply(&turn, &text).await });
    let intake = runner.intake();
    let notice = dead::replay(&*storage, &Clock::system(), id).await.unwrap();
    // All of these wait for the runner to start.
    let (one, two) = (intake.submit(update("a", 1, "one")), intake.submit(update("a", 2, "two")));
    let (handle, one, look, two) = tokio::join!(runner.start(), one, intake.look(notice), two);
    one.unwrap();
    look.unwrap();
    two.unwrap();
    handle.unwrap().shutdown(Duration::from_secs(5)).await;
    assert_eq!(applied(&storage, "a").await, ["zero", "one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_has_stopped_looks_at_nothing_and_the_next_start_finds_it() {
    let storage = memory();
    give_up(&storage, vec![update("a", 1, "one")]).await;
    let run = |turn, text: String| async move { apply(&turn, &text).await };
    let handle = start(&storage, once(), run).await;
    handle.shutdown(Duration::from_secs(5)).await;
    let notice = dead::replay(&*storage, &Clock::system(), only(&storage).await).await.unwrap();
    assert_eq!(handle.look(notice).await.unwrap_err().kind(), Kind::Closed);
    let handle = start(&storage, once(), run).await;
    handle.shutdown(Duration::from_secs(5)).await;
    assert_eq!(applied(&storage, "a").await, ["one"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn each_replay_has_an_id_of_its_own_however_often_it_dies() {
    let storage = memory();
    let clock = Clock::system();
    let diary = Diary::default();
    let note = diary.clone();
    let fail = move |turn: Turn, _: String| {
        note.note(&turn.about().conversation, turn.about().update.to_string());
        assert_eq!(turn.about().attempt, 1, "it has all its tries again");
        async { anyhow::bail!("still poison") }
    };
    let handle = start(&storage, once(), fail).await;
    let bytes = ItemId::Bytes(SPACE, [0xab; 16]);
    handle
        .intake()
        .submit_all(vec![update("a", 1, ""), Incoming { id: bytes, ..update("b", 2, "") }])
        .await
        .unwrap();
    for _ in 0..2 {
        pass(100).await;
        for id in ids(&storage, &Query::default()).await {
            let notice = dead::replay(&*storage, &clock, id).await.unwrap();
            handle.look(notice).await.unwrap();
        }
    }
    assert_eq!(handle.shutdown(Duration::from_secs(5)).await, []);
    assert_eq!(diary.of("a"), ["test/1", "replay/0/test/1", "replay/1/test/1"]);
    let hex = "ab".repeat(16);
    assert_eq!(
        diary.of("b"),
        [format!("test/{hex}"), format!("replay/0/test/{hex}"), format!("replay/1/test/{hex}")]
    );
    assert_eq!(queued(&storage, DEAD).await, 2);
}

#[tokio::test(start_paused = true)]
async fn an_update_that_could_not_be_decoded_may_be_replayed_and_goes_through_the_decoder_again() {
    let storage = memory();
    let run = |turn, text: String| async move { apply(&turn, &text).await };
    let handle = start(&storage, once(), run).await;
    let broken = Incoming { body: vec![0xff].into(), ..update("a", 1, "") };
    let faulty = Incoming { fault: Some("no chat".into()), ..update("a", 2, "two") };
    handle.intake().submit_all(vec![broken, faulty]).await.unwrap();
    pass(100).await;
    for id in ids(&storage, &Query::default()).await {
        let notice = dead::replay(&*storage, &Clock::system(), id).await.unwrap();
        handle.look(notice).await.unwrap();
    }
    assert_eq!(handle.shutdown(Duration::from_secs(5)).await, []);
    assert_eq!(applied(&storage, "a").await, ["two"]);
    let left = dead::get(&*storage, only(&storage).await).await.unwrap().unwrap().record.unwrap();
    assert_eq!(left.error, "the update cannot be decoded: not text");
}

/// A storage with one dead letter, and the faults that `fate` gives the commits that follow, counted from 0.
async fn with_faults(
    fate: impl Fn(usize) -> Fate + Send + Sync + 'static,
) -> (Arc<dyn Storage>, Arc<dyn Storage>, EntryId) {
    let memory = Memory::new();
    let plain: Arc<dyn Storage> = Arc::new(memory.clone());
    give_up(&plain, vec![update("a", 1, "one")]).await;
    let id = only(&plain).await;
    let commits = AtomicUsize::new(0);
    let faulty = Faulty::new(memory, move |_| fate(commits.fetch_add(1, Ordering::Relaxed)));
    (plain, faulty, id)
}

fn lost() -> Fate {
    Fate { lost: true, ..Fate::default() }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_found_out_and_nothing_is_doubled() {
    // The first answer is lost, whether it was applied or not: the second tells.
    let (plain, faulty, id) = with_faults(|n| if n == 0 { lost() } else { Fate::default() }).await;
    assert_eq!(dead::replay(&*faulty, &Clock::system(), id).await.unwrap(), Notice::Update(id.shard));
    assert_eq!((queued(&plain, DEAD).await, queued(&plain, INBOX).await), (0, 1));

    let (plain, faulty, id) = with_faults(|n| if n == 0 { lost() } else { Fate::default() }).await;
    dead::drop(&*faulty, &Clock::system(), id).await.unwrap();
    assert_eq!((queued(&plain, DEAD).await, queued(&plain, INBOX).await), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_whose_update_has_run_by_then_is_reported_as_unknown() {
    let (plain, faulty, id) = with_faults(|n| Fate {
        lost: n == 0,
        after: Duration::from_secs(if n == 0 { 1 } else { 0 }),
        ..Fate::default()
    })
    .await;
    let clock = Clock::system();
    let run_it = async {
        pass(500).await;
        let run = |turn, text: String| async move { apply(&turn, &text).await };
        start(&plain, once(), run).await.shutdown(Duration::from_secs(5)).await;
    };
    let (told, ()) = tokio::join!(dead::replay(&*faulty, &clock, id), run_it);
    let error = told.unwrap_err();
    assert_eq!(error.kind(), Kind::Unknown);
    assert!(error.to_string().contains(&format!("dead letter {id} is gone")), "{error}");
    assert_eq!(applied(&plain, "a").await, ["one"]);
    assert_all_done(&plain).await;
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_is_away_is_reported_at_once_and_nothing_has_changed() {
    let refused = |_| Fate { refused: true, ..Fate::default() };
    let (plain, faulty, id) = with_faults(refused).await;
    let error = dead::replay(&*faulty, &Clock::system(), id).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!((queued(&plain, DEAD).await, queued(&plain, INBOX).await), (1, 0));
    // And one whose answers are lost for good says that it does not know.
    let (_, faulty, id) = with_faults(|n| Fate { refused: n > 0, lost: n == 0, ..Fate::default() }).await;
    assert_eq!(dead::drop(&*faulty, &Clock::system(), id).await.unwrap_err().kind(), Kind::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_replay_that_is_cut_off_has_moved_the_letter_or_left_it_and_nothing_between() {
    for (before, after, expected) in [(20, 0, (1, 0)), (0, 20, (0, 1))] {
        let (before, after) = (Duration::from_millis(before), Duration::from_millis(after));
        let (plain, faulty, id) = with_faults(move |_| Fate { before, after, ..Fate::default() }).await;
        let cut = tokio::time::timeout(Duration::from_millis(10), async {
            dead::replay(&*faulty, &Clock::system(), id).await
        });
        assert!(cut.await.is_err());
        assert_eq!((queued(&plain, DEAD).await, queued(&plain, INBOX).await), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_tools_at_once_one_replays_and_the_other_is_told_that_it_is_gone() {
    let slow = |_| Fate { before: Duration::from_millis(10), ..Fate::default() };
    let (plain, faulty, id) = with_faults(slow).await;
    let clock = Clock::system();
    let (one, two) = tokio::join!(dead::replay(&*faulty, &clock, id), dead::replay(&*faulty, &clock, id));
    let mut told = [one.map_err(|error| error.kind()), two.map_err(|error| error.kind())];
    told.sort_by_key(Result::is_err);
    assert_eq!(told, [Ok(Notice::Update(id.shard)), Err(Kind::Gone)]);
    assert_eq!((queued(&plain, DEAD).await, queued(&plain, INBOX).await), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_replayed_call_keeps_its_ticket_and_leaves_another_letter_if_it_dies_again() {
    let storage = memory();
    let refuses = Arc::new(AtomicBool::new(true));
    let sent = Diary::default();
    let (told, note) = (Arc::clone(&refuses), sent.clone());
    let platform = Platform::new(move |call| {
        let refused = told.load(Ordering::Relaxed) && &*call.body == b"poison";
        note.note(&call.conversation, format!("{:?} {}", call.body, call.ticket.update));
        async move { if refused { Err(Error::invalid("chat not found")) } else { Ok(String::new()) } }
    });
    let run = |turn: Turn, text: String| async move {
        turn.call(text.into())?;
        Ok(())
    };
    let handle = runner(&storage, once(), run).sender("test", platform).start().await.unwrap();
    handle.intake().submit(update("a", 1, "poison")).await.unwrap();
    pass(100).await;
    let ticket = Ticket { update: ItemId::Number(SPACE, 1), ordinal: 0 };
    for died in 0..3 {
        let id = only(&storage).await;
        assert_eq!(id.offset, Offset(died), "each time another letter");
        let record = dead::get(&*storage, id).await.unwrap().unwrap().record.unwrap();
        assert_eq!(record.what, DeadKind::Call(Some(ticket.clone())));
        refuses.store(died < 2, Ordering::Relaxed);
        let notice = dead::replay(&*storage, &Clock::system(), id).await.unwrap();
        assert_eq!(notice, Notice::Call(id.shard, ticket.clone()));
        handle.look(notice).await.unwrap();
        pass(100).await;
    }
    assert_eq!(sent.of("a"), ["b\"poison\" test/1"; 4]);
    assert_eq!(handle.shutdown(Duration::from_secs(5)).await, []);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_replayed_call_is_made_as_it_was_to_be_made_and_its_time_counts_anew() {
    let asked = CallOptions {
        delivery: Delivery::AtMostOnce,
        within: Some(Duration::from_secs(60)),
        join: Some("the edit".to_owned()),
        refers: None,
        steps: false,
    };
    // Each alone would be lost in its own way.
    let only_within = CallOptions { within: asked.within, ..CallOptions::default() };
    for asked in [asked, only_within] {
        let storage = memory();
        let options = asked.clone();
        let run = move |turn: Turn, text: String| {
            let options = options.clone();
            async move {
                turn.call_with(text.into(), options)?;
                Ok(())
            }
        };
        let refusing = Platform::new(|_| async { Err(Error::invalid("chat not found")) });
        let handle = runner(&storage, once(), run).sender("test", refusing).start().await.unwrap();
        handle.intake().submit(update("a", 1, "x")).await.unwrap();
        assert_eq!(handle.shutdown(Duration::from_secs(5)).await, []);
        let clock = Clock::starting_at(Timestamp(7_000_000_000_000), 1);
        let id = only(&storage).await;
        let letter = dead::get(&*storage, id).await.unwrap().unwrap().record.unwrap();
        assert_eq!(letter.options, asked);
        let Notice::Call(shard, _) = dead::replay(&*storage, &clock, id).await.unwrap() else {
            panic!("it was a call")
        };
        let read = Read::new(Key::Queue(shard, OUTBOX));
        let page = storage.read(&[read]).await.unwrap().remove(0).unwrap().unwrap().into_queue().unwrap();
        let again = OutboxRecord::decode(&page.entries[0].bytes).unwrap();
        assert_eq!(
            (again.delivery, again.join, again.state),
            (asked.delivery, asked.join, CallState::Pending)
        );
        assert_eq!(again.deadline.since(again.made), Duration::from_secs(60));
        assert!(again.made >= Timestamp(7_000_000_000_000));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_call_of_the_first_version_gets_a_ticket_made_of_its_id() {
    let storage = memory();
    let mut bytes = vec![1];
    bytes.extend([0; 8]);
    bytes.extend([2, 0, 1]);
    for text in [&b"test:a"[..], b"no"] {
        bytes.extend([u8::try_from(text.len()).unwrap(), 0]);
        bytes.extend(text);
    }
    bytes.extend(b"call");
    let item = ItemId::Bytes(Name::from_static("call"), [9; 16]);
    let id = put(&storage, conversation("a").shard(), Some(item.clone()), bytes).await;
    let ticket = Ticket { update: item, ordinal: 0 };
    let notice = dead::replay(&*storage, &Clock::system(), id).await.unwrap();
    assert_eq!(notice, Notice::Call(id.shard, ticket));
    assert_eq!((queued(&storage, DEAD).await, queued(&storage, OUTBOX).await), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_cannot_be_read_is_listed_stays_at_a_replay_and_can_be_dropped() {
    let storage = memory();
    let clock = Clock::system();
    let id = put(&storage, Shard(3), None, vec![99, 1, 2]).await;
    let letter = dead::get(&*storage, id).await.unwrap().unwrap();
    assert_eq!(letter.record.unwrap_err().kind(), Kind::Corrupt);
    let error = dead::replay(&*storage, &clock, id).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
    assert!(error.to_string().starts_with("dead letter 3-0: "), "{error}");
    assert_eq!(dead::sweep(&*storage, &clock, Duration::ZERO).await.unwrap(), 0);
    dead::drop(&*storage, &clock, id).await.unwrap();
    assert_eq!(dead::count(&*storage).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_removes_what_died_longer_ago_and_nothing_else() {
    let storage = memory();
    // Both clocks begin by the wall clock, which goes on while a test runs: a minute is left for that.
    let (clock, minute) = (Clock::system(), Duration::from_secs(60));
    let handle = start(&storage, once(), |_, _| async { anyhow::bail!("poison") }).await;
    let updates = |ids: std::ops::Range<i64>, text: &'static str| {
        ids.map(move |n| update(&(n % 3).to_string(), n, text)).collect()
    };
    handle.intake().submit_all(updates(0..1_000, "old")).await.unwrap();
    pass(dead::KEPT.as_millis().try_into().unwrap()).await;
    handle.intake().submit_all(updates(1_000..1_010, "young")).await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(5)).await, []);
    assert_eq!(dead::count(&*storage).await.unwrap(), 1_010);
    assert_eq!(dead::sweep(&*storage, &clock, dead::KEPT + minute).await.unwrap(), 0);
    assert_eq!(dead::sweep(&*storage, &clock, dead::KEPT - minute).await.unwrap(), 1_000);
    let left = dead::list(&*storage, &Query::default()).await.unwrap();
    assert!(left.entries.iter().all(|letter| letter.record.as_ref().unwrap().body == "young"));
    assert_eq!(left.entries.len(), 10);
}
