//! Rules 1, 5 and 8 while many write at once: sums are exact, neighbours are left alone, no pair is torn.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::future::join_all;
use tertulia::error::Kind;
use tertulia::storage::{
    Appended, Batch, CommitId, Etag, Expect, From, ItemId, LogWrite, Mismatch, Offset, Page, QueueWrite,
    Read, Revision, Storage, Write,
};
use tertulia::{Clock, Key, Name};

use super::batch::conflict;
use crate::Subject;
use crate::subject::{far_log, log, queue};

fn number(bytes: &Bytes) -> u64 {
    std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).expect("a number was written")
}

/// Load, add one, compare and set, again on conflict: no increment is lost, none is counted twice.
pub async fn increments_by_compare_and_set_are_exact(subject: &Subject) {
    const TASKS: u64 = 8;
    const EACH: u64 = 25;
    let key = log("counter");
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (storage, key) = (subject.storage(), key.clone());
            let clock = Clock::system();
            tokio::spawn(async move {
                let mut conflicts = 0;
                for _ in 0..EACH {
                    while !increment(&storage, &key, CommitId(clock.random())).await {
                        conflicts += 1;
                    }
                }
                conflicts
            })
        })
        .collect();
    let mut conflicts = 0;
    for task in tasks {
        conflicts += task.await.expect("every increment was made in the end");
    }
    let page = subject.log(&key).await;
    assert_eq!(number(&page.base.expect("it was set")), TASKS * EACH, "after {conflicts} conflicts");
    assert_eq!(page.head.etag.version, TASKS * EACH);
}

async fn increment(storage: &Arc<dyn Storage>, key: &Key, id: CommitId) -> bool {
    let found = storage.read(&[Read::new(key.clone())]).await.expect("it can be read").remove(0);
    let found = found.expect("it can be read").and_then(Page::into_log);
    let (expect, value) = match &found {
        None => (Expect::Absent, 0),
        Some(page) => (Expect::Etag(page.head.etag), page.base.as_ref().map_or(0, number)),
    };
    let write = LogWrite::new(key.clone()).expect(expect).base((value + 1).to_string());
    match storage.commit(Batch::new(id, vec![write.into()])).await {
        Ok(_) => true,
        Err(error) if error.kind() == Kind::Conflict => false,
        Err(error) => panic!("{error}"),
    }
}

/// A hundred commits at once, every fourth with a stale expectation: those fail, the others are not touched.
pub async fn a_conflict_leaves_its_neighbours_alone(subject: &Subject) {
    const COMMITS: usize = 100;
    let shared = log("shared");
    subject.put(LogWrite::new(shared.clone()).append("0")).await;
    let stale = Etag { version: 9, commit: subject.id() };
    let commits = (0..COMMITS).map(|i| {
        let mut check = LogWrite::new(log(&format!("own {i}"))).append(i.to_string());
        if i % 4 == 3 {
            check = check.expect(Expect::Etag(stale));
        }
        let writes: [Write; 3] = [
            LogWrite::new(shared.clone()).append(i.to_string()).into(),
            QueueWrite::new(queue("inbox")).append(None, i.to_string()).into(),
            check.into(),
        ];
        subject.commit(writes)
    });
    let results = join_all(commits).await;
    let mut expected = Vec::new();
    for (i, result) in results.into_iter().enumerate() {
        let own = log(&format!("own {i}"));
        if i % 4 == 3 {
            let failed = conflict(result).failed;
            assert_eq!(failed, [Mismatch { key: own.clone(), head: None, offset: None }]);
            assert_eq!(subject.head(&own).await, None);
        } else {
            let committed = result.expect("nothing hinders this one");
            assert_eq!(subject.head(&own).await, committed.heads[2]);
            expected.push(i as u64);
        }
    }
    let mut entries: Vec<u64> = subject.log(&shared).await.entries[1..].iter().map(number).collect();
    entries.sort_unstable();
    assert_eq!(entries, expected);
    let mut queued: Vec<u64> =
        subject.queue(&queue("inbox")).await.entries.iter().map(|entry| number(&entry.bytes)).collect();
    queued.sort_unstable();
    assert_eq!(queued, expected);
}

/// Of many that expect a log to be absent, one makes it.
pub async fn one_of_many_makes_a_log(subject: &Subject) {
    for round in 0..10 {
        let key = log(&format!("{round}"));
        let commits = (0..16).map(|i| {
            subject.commit([LogWrite::new(key.clone()).expect(Expect::Absent).append(i.to_string()).into()])
        });
        let results = join_all(commits).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        for result in results.into_iter().filter(Result::is_err) {
            assert_eq!(conflict(result).failed[0].head, subject.head(&key).await);
        }
    }
}

/// Commits of many tasks get offsets without gap or double, each the one it was told.
pub async fn concurrent_appends_get_different_offsets(subject: &Subject) {
    let tasks: Vec<_> = (0..8_u64)
        .map(|task| {
            let storage = subject.storage();
            let ids: Vec<_> = (0..25).map(|_| subject.id()).collect();
            tokio::spawn(async move {
                let mut told = Vec::new();
                for (i, id) in ids.into_iter().enumerate() {
                    let text = format!("{}", task * 1_000 + i as u64);
                    let write = QueueWrite::new(queue("inbox")).append(None, text.clone());
                    let committed = storage.commit(Batch::new(id, vec![write.into()])).await;
                    match committed.expect("it applies").appended[..] {
                        [Appended::At(offset)] => told.push((offset, Bytes::from(text))),
                        ref other => panic!("an entry without an id is appended: {other:?}"),
                    }
                }
                assert!(told.is_sorted(), "one after the other, later ones come later");
                told
            })
        })
        .collect();
    let mut told = Vec::new();
    for task in tasks {
        told.extend(task.await.expect("the task came to the end"));
    }
    told.sort_unstable();
    let page = subject.queue(&queue("inbox")).await;
    let found: Vec<_> = page.entries.into_iter().map(|entry| (entry.offset, entry.bytes)).collect();
    assert_eq!(found, told);
    assert_eq!((page.head.end, page.head.count), (Offset(200), 200));
}

/// An update delivered to many at once is appended by one.
pub async fn an_id_appended_by_many_at_once_is_appended_once(subject: &Subject) {
    for id in 0..10 {
        let commits = (0..16).map(|i: u32| {
            let id = Some(ItemId::Number(Name::from_static("space"), id));
            subject.commit([QueueWrite::new(queue("inbox")).append(id, i.to_string()).into()])
        });
        let answers: Vec<_> =
            join_all(commits).await.into_iter().map(|r| r.expect("it applies").appended).collect();
        let appended = answers.iter().filter(|answer| answer[..] != [Appended::Seen]).count();
        assert_eq!(appended, 1, "{answers:?}");
    }
    assert_eq!(subject.queue(&queue("inbox")).await.head.count, 10);
}

/// What a batch writes in one shard is read together or not at all, whoever writes meanwhile.
pub async fn a_read_is_one_view_of_its_shard(subject: &Subject) {
    const VIEWS: u64 = 50;
    let reading = Arc::new(AtomicBool::new(true));
    let writer = tokio::spawn(write_alike(subject.storage(), reading.clone()));
    let storage = subject.storage();
    let reads = [log("a"), log("b"), queue("inbox")].map(|key| Read::new(key).from(From::Last(1)));
    let (mut different, mut before) = (0, None);
    while different < VIEWS {
        let results = storage.read(&reads).await.expect("the storage can be read");
        let mut pages = results.into_iter().map(|result| result.expect("each can be read"));
        let a = pages.next().flatten().and_then(Page::into_log);
        let b = pages.next().flatten().and_then(Page::into_log);
        let q = pages.next().flatten().and_then(Page::into_queue);
        let Some(a) = a else {
            assert!(b.is_none() && q.is_none(), "all three are made together");
            tokio::task::yield_now().await;
            continue;
        };
        let (b, q) = (b.expect("made with the other"), q.expect("made with the other"));
        let seen = number(&a.base.expect("it has one"));
        assert_eq!(a.head.etag, b.head.etag, "written by the same commits");
        assert_eq!((b.head.end, q.head.end), (Offset(seen + 1), Offset(seen + 1)), "the heads");
        assert_eq!((b.entries.len(), q.entries.len()), (1, 1), "one is dropped as the next comes");
        assert_eq!((number(&b.entries[0]), number(&q.entries[0].bytes)), (seen, seen), "the entries");
        assert!(before <= Some(seen), "time does not go back for a reader");
        different += u64::from(before != Some(seen));
        before = Some(seen);
    }
    reading.store(false, Ordering::Release);
    writer.await.expect("the writer came to the end");
}

/// Writes the same number to two logs and a queue, and counts on until nobody reads.
async fn write_alike(storage: Arc<dyn Storage>, reading: Arc<AtomicBool>) {
    let clock = Clock::system();
    let mut before = None;
    for i in 0_u64.. {
        if !reading.load(Ordering::Acquire) {
            return;
        }
        let mut enqueue = QueueWrite::new(queue("inbox")).append(None, i.to_string());
        let id = CommitId(clock.random());
        if let Some(before) = before.replace(id) {
            enqueue = enqueue.remove(Offset(i - 1), Revision(before));
        }
        let writes = vec![
            LogWrite::new(log("a")).base(i.to_string()).into(),
            LogWrite::new(log("b")).append(i.to_string()).trim(Offset(i)).into(),
            enqueue.into(),
        ];
        storage.commit(Batch::new(id, writes)).await.expect("it applies");
    }
}

/// Batches that take the same shards in opposite orders do not wait for each other for ever.
pub async fn batches_over_the_same_shards_do_not_block_each_other(subject: &Subject) {
    if !subject.spans_shards() {
        return;
    }
    const EACH: u64 = 100;
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let storage = subject.storage();
            let ids: Vec<_> = (0..EACH).map(|_| subject.id()).collect();
            tokio::spawn(async move {
                for id in ids {
                    let mut keys = [log("a"), far_log(0, "a"), far_log(1, "a")];
                    keys.rotate_left(task % 3);
                    if task == 3 {
                        keys.reverse();
                    }
                    let writes = keys.map(|key| LogWrite::new(key).append("x").into()).into();
                    storage.commit(Batch::new(id, writes)).await.expect("it applies");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the task came to the end");
    }
    for key in [log("a"), far_log(0, "a"), far_log(1, "a")] {
        assert_eq!(subject.log(&key).await.head.end, Offset(4 * EACH), "{key}");
    }
}

/// A commit whose caller went away is applied whole or not at all, and nobody else is held up.
pub async fn a_commit_given_up_is_whole_or_nothing(subject: &Subject) {
    for i in 0..50 {
        let (a, b) = (log(&format!("a{i}")), log(&format!("b{i}")));
        let writes: [Write; 2] =
            [LogWrite::new(a.clone()).append("x").into(), LogWrite::new(b.clone()).append("x").into()];
        {
            let mut commit = std::pin::pin!(subject.commit(writes));
            std::future::poll_fn(|context| {
                let _ = commit.as_mut().poll(context);
                std::task::Poll::Ready(())
            })
            .await;
        }
        // A commit after it, so that one that is still under way has come to its end.
        subject.put(LogWrite::new(log("after")).append("x")).await;
        let reads = [Read::head(a), Read::head(b)];
        let found = subject.storage().read(&reads).await.expect("the storage can be read");
        let there: Vec<bool> =
            found.into_iter().map(|result| result.expect("each can be read").is_some()).collect();
        assert!(there[0] == there[1], "both or none");
    }
}
