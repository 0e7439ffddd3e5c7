//! Who learns of a failure, and what goes with it; what is waited out; what is refused at once.

use std::sync::Arc;
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::storage::{Batch, Behind, CommitId, Expect, Limits, LogWrite, Memory, Outcome, Storage};
use tertulia::{Clock, Conversation, Key, Name};
use tertulia_testkit::{Call, Fault, Faulty, Gate};

use super::support::{after, conversation, entries, log, plain, some_etag};

struct Setup {
    memory: Memory,
    storage: Faulty,
    behind: Behind,
    of: Conversation,
    key: Key,
}

fn setup() -> Setup {
    let memory = Memory::new();
    let storage = Faulty::new(Arc::new(memory.clone()));
    let behind = Behind::new(Arc::new(storage.clone()), Clock::system(), 1 << 20);
    let of = conversation("1");
    let key = log(&of, "a");
    Setup { memory, storage, behind, of, key }
}

impl Setup {
    /// An append that expects what the batch it builds on left.
    fn append(&self, text: &'static str) -> LogWrite {
        LogWrite::new(self.key.clone()).expect(some_etag()).append(text)
    }

    fn create(&self, text: &'static str) -> LogWrite {
        self.append(text).expect(Expect::Absent)
    }

    async fn entries(&self) -> String {
        entries(&self.memory, &self.key).await.concat()
    }
}

fn kind<T: std::fmt::Debug>(result: tertulia::Result<T>) -> Kind {
    result.expect_err("it is refused").kind()
}

#[tokio::test(start_paused = true)]
async fn a_failure_drops_what_is_queued_behind_it_in_its_conversation_and_nothing_else() {
    let it = setup();
    let gate = Gate::new();
    it.storage.at(Call::Commit, 1, Fault::Hold(gate.clone()));
    let first = it.behind.push(&it.of, vec![plain(it.create("0"))]).await.unwrap();
    gate.reached().await;
    let second = it.behind.push(&it.of, vec![after(&first, it.append("1"))]).await.unwrap();
    let other = LogWrite::new(log(&it.of, "b")).append("not joined");
    let third = it.behind.push(&it.of, vec![plain(other)]).await.unwrap();
    let elsewhere = conversation("2");
    let far = LogWrite::new(log(&elsewhere, "a")).append("far");
    let far = it.behind.push(&elsewhere, vec![plain(far)]).await.unwrap();
    // Somebody else was quicker.
    let theirs = LogWrite::new(it.key.clone()).append("theirs");
    it.memory.commit(Batch::new(CommitId(7), vec![theirs.into()])).await.unwrap();
    gate.open();
    for pending in [&first, &second, &third] {
        let Outcome::Failed(failure) = pending.settled().await else { panic!("{pending:?}") };
        assert_eq!(failure.kind(), Kind::Conflict);
        assert_eq!(failure.to_string(), "test:1 a changed; queued batches of test:1 that were dropped: 3");
    }
    assert!(matches!(far.settled().await, Outcome::Committed));
    assert_eq!(it.entries().await, "theirs");
    assert_eq!(entries(&it.memory, &log(&it.of, "b")).await.len(), 0);
    assert_eq!(entries(&it.memory, &log(&elsewhere, "a")).await, ["far"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_once_by_push_by_flush_or_by_flush_all() {
    let it = setup();
    let wrong = || vec![plain(it.append("?"))];
    let right = || vec![plain(LogWrite::new(it.key.clone()).append("."))];
    it.behind.push(&it.of, wrong()).await.unwrap().settled().await;
    assert_eq!(kind(it.behind.push(&it.of, right()).await), Kind::Conflict);
    it.behind.flush(&it.of).await.unwrap();
    it.behind.push(&it.of, wrong()).await.unwrap().settled().await;
    assert_eq!(kind(it.behind.flush(&it.of).await), Kind::Conflict);
    it.behind.flush(&it.of).await.unwrap();
    it.behind.push(&it.of, wrong()).await.unwrap();
    assert_eq!(kind(it.behind.flush(&it.of).await), Kind::Conflict);
    it.behind.push(&it.of, right()).await.unwrap();
    it.behind.flush(&it.of).await.unwrap();
    it.behind.push(&it.of, wrong()).await.unwrap();
    assert_eq!(kind(it.behind.flush_all().await), Kind::Conflict);
    it.behind.flush_all().await.unwrap();
    assert_eq!(it.entries().await, ".");
}

#[tokio::test(start_paused = true)]
async fn flush_all_writes_every_other_conversation_though_one_fails() {
    let it = setup();
    it.storage.at(Call::Commit, 1, Fault::Refuse(Kind::Internal));
    it.storage.at(Call::Commit, 2, Fault::Delay(Duration::from_secs(1)));
    let elsewhere = conversation("2");
    it.behind.push(&it.of, vec![plain(it.create("0"))]).await.unwrap();
    tokio::task::yield_now().await;
    let far = LogWrite::new(log(&elsewhere, "a")).append("far");
    it.behind.push(&elsewhere, vec![plain(far)]).await.unwrap();
    let error = it.behind.flush_all().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
    assert!(error.to_string().starts_with("test:1 a: commit: refused"), "{error}");
    assert_eq!(entries(&it.memory, &log(&elsewhere, "a")).await, ["far"]);
    it.behind.flush(&it.of).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_builds_on_a_batch_that_failed_is_refused_however_often() {
    let it = setup();
    let failed = it.behind.push(&it.of, vec![plain(it.append("?"))]).await.unwrap();
    it.behind.flush(&it.of).await.unwrap_err();
    for _ in 0..2 {
        assert_eq!(kind(it.behind.push(&it.of, vec![after(&failed, it.append("!"))]).await), Kind::Conflict);
    }
    it.behind.flush(&it.of).await.unwrap();
    assert_eq!(it.entries().await, "");
}

#[tokio::test(start_paused = true)]
async fn of_two_writes_that_build_on_the_same_one_the_second_is_refused() {
    let it = setup();
    let first = it.behind.push(&it.of, vec![plain(it.create("0"))]).await.unwrap();
    let second = it.behind.push(&it.of, vec![after(&first, it.append("1"))]).await.unwrap();
    let rival = || vec![after(&first, it.append("2"))];
    // While both are queued, and when both were committed as one.
    assert_eq!(kind(it.behind.push(&it.of, rival()).await), Kind::Conflict);
    assert_eq!(kind(it.behind.push(&it.of, vec![plain(it.append("2"))]).await), Kind::Conflict);
    it.behind.flush(&it.of).await.unwrap();
    assert_eq!(it.behind.stats().joined, 1);
    assert_eq!(kind(it.behind.push(&it.of, rival()).await), Kind::Conflict);
    // A check moves nothing: the next write builds on the one before it.
    let check = it.append("").clone();
    let check = LogWrite { append: Vec::new(), ..check };
    it.behind.push(&it.of, vec![after(&second, check)]).await.unwrap();
    it.behind.push(&it.of, vec![after(&second, it.append("3"))]).await.unwrap();
    it.behind.flush(&it.of).await.unwrap();
    assert_eq!(it.entries().await, "013");
}

#[tokio::test(start_paused = true)]
async fn what_builds_on_a_committed_batch_expects_what_that_left() {
    let it = setup();
    let first = it.behind.push(&it.of, vec![plain(it.create("0"))]).await.unwrap();
    it.behind.flush(&it.of).await.unwrap();
    let second = it.behind.push(&it.of, vec![after(&first, it.append("1"))]).await.unwrap();
    it.behind.flush(&it.of).await.unwrap();
    let theirs = LogWrite::new(it.key.clone()).append("theirs");
    it.memory.commit(Batch::new(CommitId(7), vec![theirs.into()])).await.unwrap();
    it.behind.push(&it.of, vec![after(&second, it.append("2"))]).await.unwrap();
    assert_eq!(kind(it.behind.flush(&it.of).await), Kind::Conflict);
    assert_eq!(it.entries().await, "01theirs");
}

#[tokio::test(start_paused = true)]
async fn joining_drops_no_expectation() {
    let it = setup();
    let first = it.behind.push(&it.of, vec![plain(it.create("0"))]).await.unwrap();
    it.behind.flush(&it.of).await.unwrap();
    let theirs = LogWrite::new(it.key.clone()).append("theirs");
    it.memory.commit(Batch::new(CommitId(7), vec![theirs.into()])).await.unwrap();
    // The first of the two holds, the second does not.
    let check = LogWrite::new(it.key.clone()).expect(Expect::Incarnation(CommitId(0)));
    let check = it.behind.push(&it.of, vec![after(&first, check)]).await.unwrap();
    it.behind.push(&it.of, vec![after(&first, it.append("1"))]).await.unwrap();
    assert_eq!(kind(it.behind.flush(&it.of).await), Kind::Conflict);
    assert!(matches!(check.outcome(), Outcome::Committed));
    // Nor here.
    let append =
        it.behind.push(&it.of, vec![plain(LogWrite::new(it.key.clone()).append("2"))]).await.unwrap();
    let absent = LogWrite::new(it.key.clone()).expect(Expect::Absent);
    it.behind.push(&it.of, vec![after(&append, absent)]).await.unwrap();
    assert_eq!(kind(it.behind.flush(&it.of).await), Kind::Conflict);
    assert!(matches!(append.outcome(), Outcome::Committed));
    assert_eq!(it.entries().await, "0theirs2");
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_storage_is_waited_out() {
    let it = setup();
    it.storage.always(Call::Commit, Fault::Refuse(Kind::Unavailable));
    it.behind.push(&it.of, vec![plain(it.create("0"))]).await.unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
    // After 20 ms, 60 ms ... 5.1 s, and every 5 s from there on.
    assert_eq!(it.storage.calls(Call::Commit), 9 + 10);
    assert!(!it.behind.is_idle(&it.of));
    it.storage.heal();
    it.behind.flush(&it.of).await.unwrap();
    assert_eq!(it.entries().await, "0");
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_answer_was_lost_is_recognised_and_what_builds_on_it_fits() {
    for (lost, commits) in [(Fault::LoseAnswer, 2), (Fault::LoseRequest, 3)] {
        let it = setup();
        it.storage.at(Call::Commit, 1, lost);
        // It expects nothing: sent again it would be there twice.
        let write = LogWrite::new(it.key.clone()).append("0");
        let first = it.behind.push(&it.of, vec![plain(write)]).await.unwrap();
        it.behind.flush(&it.of).await.unwrap();
        assert_eq!(first.head(&it.key).unwrap().etag.commit, first.commit_id());
        it.behind.push(&it.of, vec![after(&first, it.append("1"))]).await.unwrap();
        it.behind.flush(&it.of).await.unwrap();
        assert_eq!(it.entries().await, "01");
        assert_eq!(it.storage.calls(Call::Commit), commits);
    }
}

#[tokio::test(start_paused = true)]
async fn a_delete_whose_answer_was_lost_is_recognised_by_what_is_gone() {
    let it = setup();
    let first = it.behind.push(&it.of, vec![plain(it.create("0"))]).await.unwrap();
    it.behind.flush(&it.of).await.unwrap();
    it.storage.next(Call::Commit, Fault::LoseAnswer);
    let delete = LogWrite::new(it.key.clone()).expect(some_etag()).delete();
    let gone = it.behind.push(&it.of, vec![after(&first, delete)]).await.unwrap();
    it.behind.flush(&it.of).await.unwrap();
    assert_eq!(gone.head(&it.key), None);
    it.behind.push(&it.of, vec![after(&gone, it.create("anew"))]).await.unwrap();
    it.behind.flush(&it.of).await.unwrap();
    assert_eq!(it.entries().await, "anew");
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_wrote_after_a_lost_answer_is_not_built_on() {
    let it = setup();
    let (gate, other) = (Gate::new(), log(&it.of, "b"));
    let both = vec![plain(it.create("0")), plain(LogWrite::new(other.clone()).append("0"))];
    it.storage.at(Call::Commit, 1, Fault::LoseAnswer);
    it.storage.at(Call::Read, 1, Fault::Hold(gate.clone()));
    let first = it.behind.push(&it.of, both).await.unwrap();
    gate.reached().await;
    let theirs = LogWrite::new(it.key.clone()).append("theirs");
    it.memory.commit(Batch::new(CommitId(7), vec![theirs.into()])).await.unwrap();
    gate.open();
    // The other log shows that the batch was applied.
    it.behind.flush(&it.of).await.unwrap();
    assert_eq!(first.head(&it.key), None);
    assert!(first.head(&other).is_some());
    assert_eq!(kind(it.behind.push(&it.of, vec![after(&first, it.append("1"))]).await), Kind::Conflict);
    assert_eq!(it.entries().await, "0theirs");
}

#[tokio::test(start_paused = true)]
async fn what_no_storage_takes_is_refused_at_once_and_harms_nothing() {
    let limits = Limits { entry_bytes: 10, batch_bytes: 30, ..Limits::default() };
    let memory = Memory::with(Clock::system(), limits, 1 << 20);
    let behind = Behind::new(Arc::new(memory.clone()), Clock::system(), 1 << 20);
    let of = conversation("1");
    let write = || LogWrite::new(log(&of, "a"));
    let first = behind.push(&of, vec![plain(write().append("0123456789"))]).await.unwrap();
    let shard = LogWrite::new(Key::ShardLog(of.shard(), Name::from_static("a")));
    let elsewhere = LogWrite::new(log(&conversation("2"), "a"));
    let other = Behind::new(Arc::new(memory.clone()), Clock::system(), 1 << 20);
    let theirs = other.push(&of, vec![plain(LogWrite::new(log(&of, "a")))]).await.unwrap();
    for wrong in [
        vec![plain(write().append("0123456789+"))],
        vec![plain(write()), plain(write())],
        vec![plain(shard)],
        vec![plain(elsewhere)],
        vec![after(&first, LogWrite::new(log(&of, "b")).expect(some_etag()).append("b"))],
        vec![after(&theirs, write().append("far"))],
    ] {
        assert_eq!(kind(behind.push(&of, wrong).await), Kind::Invalid);
    }
    // Six entries fit no batch: they are joined by three.
    for _ in 1..6 {
        behind.push(&of, vec![plain(write().append("0123456789"))]).await.unwrap();
    }
    behind.flush(&of).await.unwrap();
    assert_eq!((behind.stats().commits, behind.stats().joined), (2, 4));
    assert_eq!(entries(&memory, &log(&of, "a")).await.len(), 6);
}
