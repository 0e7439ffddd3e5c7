//! [`Faulty`] without faults is the storage under it; with them, it fails as it says.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join;
use tertulia::error::Kind;
use tertulia::storage::{Batch, CommitId, Expect, Limits, ListQuery, LogWrite, Memory, Page, Read, Storage};
use tertulia::{Clock, Key, Name, Shard};
use tertulia_testkit::conformance::Time;
use tertulia_testkit::{Call, Fault, Faulty, Gate, Subject};

async fn open(limits: Limits) -> Subject {
    let memory = Memory::with(Clock::system(), limits, Memory::DEFAULT_MAX_BYTES);
    Subject::new(Arc::new(Faulty::new(Arc::new(memory))))
}

tertulia_testkit::conformance!(Time::Paused, open);

fn faulty() -> Faulty {
    Faulty::new(Arc::new(Memory::new()))
}

fn key() -> Key {
    Key::ShardLog(Shard(0), Name::from_static("log"))
}

/// Appends, if the log ends at `id`.
async fn append(storage: &Faulty, id: u64) -> Result<(), Kind> {
    let expect = if id == 0 { Expect::Absent } else { Expect::Any };
    let write = LogWrite::new(key()).expect(expect).append(id.to_string());
    let result = storage.commit(Batch::new(CommitId(id), vec![write.into()])).await;
    result.map(drop).map_err(|error| error.kind())
}

async fn entries(storage: &Faulty) -> Result<usize, Kind> {
    let mut results = storage.read(&[Read::new(key())]).await.map_err(|error| error.kind())?;
    let page = results.remove(0).map_err(|error| error.kind())?;
    Ok(page.and_then(Page::into_log).map_or(0, |page| page.entries.len()))
}

#[tokio::test]
async fn a_refused_commit_does_nothing_and_the_next_one_applies() {
    let storage = faulty();
    storage.at(Call::Commit, 2, Fault::Refuse(Kind::Unavailable));
    assert_eq!(append(&storage, 0).await, Ok(()));
    assert_eq!(append(&storage, 1).await, Err(Kind::Unavailable));
    assert_eq!(entries(&storage).await, Ok(1));
    assert_eq!(append(&storage, 2).await, Ok(()));
    assert_eq!(entries(&storage).await, Ok(2));
    assert_eq!((storage.calls(Call::Commit), storage.calls(Call::Read), storage.faults()), (3, 2, 1));
}

#[tokio::test]
async fn an_unknown_commit_was_applied_or_was_not() {
    let storage = faulty();
    storage.at(Call::Commit, 1, Fault::LoseRequest);
    storage.at(Call::Commit, 2, Fault::LoseAnswer);
    assert_eq!(append(&storage, 0).await, Err(Kind::Unknown));
    assert_eq!(entries(&storage).await, Ok(0));
    assert_eq!(append(&storage, 0).await, Err(Kind::Unknown));
    assert_eq!(entries(&storage).await, Ok(1));
}

#[tokio::test]
async fn a_lost_answer_does_not_hide_a_conflict() {
    let storage = faulty();
    append(&storage, 0).await.unwrap();
    storage.next(Call::Commit, Fault::LoseAnswer);
    assert_eq!(append(&storage, 0).await, Err(Kind::Conflict));
}

#[tokio::test]
async fn next_plans_for_calls_that_have_no_fault_yet() {
    let storage = faulty();
    storage.at(Call::Read, 2, Fault::Refuse(Kind::Timeout));
    storage.next(Call::Read, Fault::LoseAnswer);
    storage.next(Call::Read, Fault::Refuse(Kind::Internal));
    let mut found = Vec::new();
    for _ in 0..4 {
        found.push(entries(&storage).await);
    }
    assert_eq!(found, [Err(Kind::Unavailable), Err(Kind::Timeout), Err(Kind::Internal), Ok(0)]);
}

#[tokio::test]
async fn what_is_wrong_with_a_log_is_the_result_of_its_read_alone() {
    let storage = faulty();
    storage.always(Call::Read, Fault::Refuse(Kind::Corrupt));
    let results = storage.read(&[Read::new(key()), Read::new(key())]).await.unwrap();
    for result in results {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt);
        assert!(error.to_string().contains(&key().to_string()), "{error}");
    }
    storage.heal();
    assert_eq!(entries(&storage).await, Ok(0));
}

#[tokio::test]
async fn every_method_can_fail() {
    let storage = faulty();
    for call in [Call::Commit, Call::Read, Call::List, Call::Changed] {
        storage.always(call, Fault::Refuse(Kind::Unavailable));
    }
    assert_eq!(append(&storage, 0).await, Err(Kind::Unavailable));
    assert_eq!(entries(&storage).await, Err(Kind::Unavailable));
    let listed = storage.list(&ListQuery::default()).await.unwrap_err();
    assert_eq!(listed.kind(), Kind::Unavailable);
    assert_eq!(storage.changed(&key(), None).await.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(storage.faults(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_delayed_call_takes_its_time() {
    let storage = faulty();
    let clock = Clock::system();
    let minute = Duration::from_mins(1);
    storage.next(Call::Commit, Fault::Delay(minute));
    let before = clock.now();
    append(&storage, 0).await.unwrap();
    assert_eq!(clock.now().since(before), minute);
    storage.next(Call::Read, Fault::DelayAnswer(minute));
    // Read first and told later: what was appended meanwhile is not in it.
    let (read, appended) = join(entries(&storage), append(&storage, 1)).await;
    assert_eq!((read, appended), (Ok(1), Ok(())));
    assert_eq!(clock.now().since(before), 2 * minute);
}

#[tokio::test]
async fn a_held_commit_is_applied_when_its_gate_opens_and_not_before() {
    let storage = faulty();
    let gate = Gate::new();
    storage.next(Call::Commit, Fault::Hold(gate.clone()));
    let held = tokio::spawn({
        let storage = storage.clone();
        async move { append(&storage, 0).await }
    });
    gate.reached().await;
    assert_eq!(entries(&storage).await, Ok(0));
    gate.open();
    held.await.unwrap().unwrap();
    assert_eq!(entries(&storage).await, Ok(1));
}

#[tokio::test]
async fn a_held_answer_comes_when_its_gate_opens_though_all_is_done() {
    let storage = faulty();
    let gate = Gate::new();
    storage.next(Call::Commit, Fault::HoldAnswer(gate.clone()));
    let mut held = Box::pin(append(&storage, 0));
    assert_eq!(held.as_mut().now_or_never(), None);
    gate.reached().await;
    assert_eq!(entries(&storage).await, Ok(1));
    assert_eq!(held.as_mut().now_or_never(), None);
    gate.open();
    assert_eq!(held.await, Ok(()));
}
