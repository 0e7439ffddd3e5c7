//! Parked updates are listed, released and given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::runner::{
    AfterRetries, DEAD, EntryId, INBOX, InboxRecord, Keys, Mark, Notice, Options, Query, Runner, Turn, dead,
    parked,
};
use tertulia::storage::{Batch, CommitId, ItemId, LogWrite, Memory, Offset, QueueWrite, Storage};
use tertulia::{Clock, Key, Timestamp};

use super::support::{
    APPLIED, Fate, Faulty, Run, SPACE, applied, apply, assert_all_done, conversation, memory, pass, queued,
    start, update,
};

/// An entry of the inbox as it is stored: parked if `why` is not empty, after three tries.
fn entry(chat: &str, why: &str) -> Vec<u8> {
    let mut bytes = vec![if why.is_empty() { 1 } else { 2 }];
    bytes.extend(5_000u64.to_le_bytes());
    bytes.extend(3u16.to_le_bytes());
    bytes.extend(9_000u64.to_le_bytes());
    let text = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
        bytes.extend(text.as_bytes());
    };
    if !why.is_empty() {
        bytes.push(1);
        text(&mut bytes, why);
    }
    text(&mut bytes, conversation(chat).as_str());
    bytes.extend(b"body");
    bytes
}

/// Puts an entry into the inbox behind everybody's back; gives where it lies.
async fn put(storage: &Arc<dyn Storage>, chat: &str, number: i64, why: &str) -> EntryId {
    let shard = conversation(chat).shard();
    let id = Some(ItemId::Number(SPACE, number));
    let write = QueueWrite::new(Key::Queue(shard, INBOX)).append(id, entry(chat, why));
    let batch = Batch::new(CommitId(u64::MAX - number.cast_unsigned()), vec![write.into()]);
    let committed = storage.commit(batch).await.unwrap();
    let end = committed.heads[0].unwrap().queue().unwrap().end;
    EntryId { shard, offset: Offset(end.0 - 1) }
}

#[tokio::test(start_paused = true)]
async fn only_what_is_parked_is_listed_with_why() {
    let storage = memory();
    put(&storage, "a", 1, "").await;
    let first = put(&storage, "a", 2, "session unreadable").await;
    let other = put(&storage, "b", 3, "why not").await;
    let query = Query { conversation: Some(conversation("a")), ..Query::default() };
    let listed = parked::list(&*storage, &query).await.unwrap();
    assert_eq!((listed.entries.len(), listed.next), (1, None));
    let parked = &listed.entries[0];
    assert_eq!((parked.id, parked.why.as_str()), (first, "session unreadable"));
    assert_eq!((parked.item.clone(), parked.record.attempts), (Some(ItemId::Number(SPACE, 2)), 3));
    let all = parked::list(&*storage, &Query::default()).await.unwrap();
    assert_eq!(all.entries.len(), 2);
    assert_eq!(parked::get(&*storage, other).await.unwrap().unwrap().why, "why not");
}

#[tokio::test(start_paused = true)]
async fn a_released_update_stays_at_its_place_with_all_its_tries() {
    let storage = memory();
    let id = put(&storage, "a", 1, "why").await;
    put(&storage, "a", 2, "").await;
    let notice = parked::release(&*storage, &Clock::system(), id).await.unwrap();
    assert_eq!(notice, Notice::Unparked(id.shard, id.offset));
    assert!(parked::get(&*storage, id).await.unwrap().is_none());
    let read = tertulia::storage::Read::new(Key::Queue(id.shard, INBOX));
    let page = storage.read(&[read]).await.unwrap().remove(0).unwrap().unwrap().into_queue().unwrap();
    assert_eq!((page.entries[0].offset, page.entries.len()), (id.offset, 2));
    let record = InboxRecord::decode(&page.entries[0].bytes).unwrap();
    assert_eq!((record.mark, record.attempts, record.not_before), (Mark::None, 0, Timestamp(0)));
    assert_eq!((record.arrived, &record.body[..]), (Timestamp(5_000), &b"body"[..]));
    let again = parked::release(&*storage, &Clock::system(), id).await.unwrap_err();
    assert_eq!(again.kind(), Kind::Gone);
    assert_eq!(again.to_string(), format!("there is no parked update {id}"));

    let run = |turn, text: String| async move { apply(&turn, &text).await };
    start(&storage, Options::default(), run).await.shutdown(Duration::from_secs(5)).await;
    assert_eq!(applied(&storage, "a").await, ["body", "body"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_parked_update_that_is_given_up_is_a_dead_letter_and_may_be_replayed() {
    let storage = memory();
    let id = put(&storage, "a", 1, "why").await;
    let notice = parked::give_up(&*storage, &Clock::system(), id).await.unwrap();
    assert_eq!(notice, Notice::Unparked(id.shard, id.offset));
    assert_eq!((queued(&storage, DEAD).await, queued(&storage, INBOX).await), (1, 0));
    let listed = dead::list(&*storage, &Query::default()).await.unwrap();
    let letter = &listed.entries[0];
    assert_eq!(letter.item, Some(ItemId::Number(SPACE, 1)));
    let record = letter.record.as_ref().unwrap();
    assert_eq!((record.error.as_str(), record.attempts, &record.body[..]), ("why", 3, &b"body"[..]));
    assert_eq!(parked::give_up(&*storage, &Clock::system(), id).await.unwrap_err().kind(), Kind::Gone);

    let replayed = dead::replay(&*storage, &Clock::system(), letter.id).await.unwrap();
    assert_eq!(replayed, Notice::Update(id.shard));
    let run = |turn, text: String| async move { apply(&turn, &text).await };
    start(&storage, Options::default(), run).await.shutdown(Duration::from_secs(5)).await;
    assert_eq!(applied(&storage, "a").await, ["body"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn lost_answers_are_found_out() {
    for gives_up in [false, true] {
        let memory = Memory::new();
        let plain: Arc<dyn Storage> = Arc::new(memory.clone());
        let id = put(&plain, "a", 1, "why").await;
        let commits = AtomicUsize::new(0);
        let faulty = Faulty::new(memory, move |_| Fate {
            lost: commits.fetch_add(1, Ordering::Relaxed) == 0,
            ..Fate::default()
        });
        let clock = Clock::system();
        let told = match gives_up {
            true => parked::give_up(&*faulty, &clock, id).await,
            false => parked::release(&*faulty, &clock, id).await,
        };
        assert_eq!(told.unwrap(), Notice::Unparked(id.shard, id.offset));
        assert_eq!(queued(&plain, DEAD).await, u64::from(gives_up));
        assert_eq!(queued(&plain, INBOX).await, u64::from(!gives_up));
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_release_and_a_giving_up_at_once_one_is_done() {
    let memory = Memory::new();
    let plain: Arc<dyn Storage> = Arc::new(memory.clone());
    let id = put(&plain, "a", 1, "why").await;
    let slow = Faulty::new(memory, |_| Fate { before: Duration::from_millis(10), ..Fate::default() });
    let clock = Clock::system();
    let (released, given_up) =
        tokio::join!(parked::release(&*slow, &clock, id), parked::give_up(&*slow, &clock, id));
    let gave_up = given_up.is_ok();
    let refused = if gave_up { released } else { given_up };
    assert_eq!(refused.unwrap_err().kind(), Kind::Gone);
    assert_eq!(queued(&plain, DEAD).await, u64::from(gave_up));
    assert_eq!(queued(&plain, INBOX).await, u64::from(!gave_up));
}

#[tokio::test(start_paused = true)]
async fn what_a_runner_parked_runs_or_goes_once_it_is_told() {
    for gives_up in [false, true] {
        let storage = memory();
        let fixed = Arc::new(AtomicBool::new(false));
        let works = Arc::clone(&fixed);
        let run = move |turn: Turn, text: String| {
            let works = works.load(Ordering::Relaxed);
            async move {
                anyhow::ensure!(works || text != "poison", "it is poison");
                apply(&turn, &text).await
            }
        };
        let options = Options { retries: 0, after_retries: AfterRetries::Park, ..Options::default() };
        let handle = start(&storage, options, run).await;
        handle.intake().submit_all(vec![update("a", 1, "poison"), update("a", 2, "fine")]).await.unwrap();
        pass(1_000).await;
        assert!(applied(&storage, "a").await.is_empty(), "both wait");
        let listed = parked::list(&*storage, &Query::default()).await.unwrap().entries;
        assert_eq!((listed.len(), listed[0].why.as_str()), (1, "it is poison"));
        fixed.store(true, Ordering::Relaxed);
        let (id, clock) = (listed[0].id, Clock::system());
        let notice = match gives_up {
            true => parked::give_up(&*storage, &clock, id).await,
            false => parked::release(&*storage, &clock, id).await,
        };
        handle.look(notice.unwrap()).await.unwrap();
        assert_eq!(handle.shutdown(Duration::from_secs(5)).await, []);
        let expected = if gives_up { &["fine"][..] } else { &["poison", "fine"] };
        assert_eq!(applied(&storage, "a").await, expected);
        assert_eq!(queued(&storage, DEAD).await, u64::from(gives_up));
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_parked_update_is_told_in_the_batch_that_gives_it_up() {
    let storage = memory();
    let id = put(&storage, "a", 1, "why").await;
    let handler = Run {
        keys: |_| Keys::Conversation,
        buried: |about| {
            let told = format!("{} is given up after {} tries", about.update, about.attempt);
            vec![LogWrite::new(Key::Log(about.conversation.clone(), APPLIED)).append(told)]
        },
        run: |turn: Turn, text: String| async move { apply(&turn, &text).await },
    };
    let clock = Clock::system();
    let runner = Runner::new(Arc::clone(&storage), clock.clone(), Options::default(), handler);
    let handle = runner.start().await.unwrap();
    let notice = parked::give_up_and_tell(&*storage, &clock, id, handle.intake()).await.unwrap();
    assert_eq!(applied(&storage, "a").await, ["test/1 is given up after 3 tries"]);
    assert_eq!((queued(&storage, DEAD).await, queued(&storage, INBOX).await), (1, 0));
    handle.look(notice).await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(5)).await, []);

    // One that is stopping says nothing, and the update is given up all the same.
    let id = put(&storage, "a", 2, "why").await;
    let _ = parked::give_up_and_tell(&*storage, &clock, id, handle.intake()).await.unwrap();
    assert_eq!((applied(&storage, "a").await.len(), queued(&storage, DEAD).await), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_is_told_of_a_release_goes_on() {
    let storage = memory();
    let run = |turn, text: String| async move { apply(&turn, &text).await };
    let handle = start(&storage, Options::default(), run).await;
    let id = put(&storage, "a", 1, "why").await;
    let notice = parked::release(&*storage, &Clock::system(), id).await.unwrap();
    handle.look(notice).await.unwrap();
    handle.intake().submit(update("a", 2, "two")).await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(5)).await, []);
    assert_eq!(applied(&storage, "a").await, ["body", "two"]);
}
