//! What a storage promises to survive is there, unchanged, when the store is opened again.

use std::time::Duration;

use tertulia::Name;
use tertulia::storage::{Appended, Expire, Head, ItemId, ListQuery, LogWrite, Offset, QueueWrite};

use super::list::list;
use crate::Subject;
use crate::subject::{far_log, here, log, queue, shard_log};

fn id(id: i64) -> Option<ItemId> {
    Some(ItemId::Number(Name::from_static("space"), id))
}

/// Closes the store and opens it again, if it promises to survive that.
async fn opened_again(subject: &Subject) -> bool {
    let survives = subject.storage().properties().durability.process_kill;
    let opened = subject.close_and_open().await;
    assert!(opened || !survives, "a storage that survives its process is opened again by its subject");
    opened
}

/// Bases, entries, etags, incarnations, offsets, births, revisions and deadlines.
pub async fn what_was_committed_is_there_when_opened_again(subject: &Subject) {
    let (a, q) = (log("a"), queue("inbox"));
    let long = vec![7; 100_000];
    subject.put(LogWrite::new(a.clone()).base(long.clone()).append("0").append("1").append("2")).await;
    subject.put(LogWrite::new(a.clone()).append(long).trim(Offset(1))).await;
    subject.put(LogWrite::new(far_log(0, "b")).base("b")).await;
    subject.put(LogWrite::new(shard_log(here().shard(), "epoch")).base("1")).await;
    subject.put(LogWrite::new(log("deleted")).base("x")).await;
    subject.put(LogWrite::new(log("deleted")).delete()).await;
    subject.put(QueueWrite::new(q.clone()).append(id(1), "a").append(id(2), "b").append(None, "c")).await;
    let revision = subject.revision(&q, 0).await;
    let write = QueueWrite::new(q.clone()).replace(Offset(2), revision, "C").remove(Offset(0), revision);
    subject.put(write).await;
    let before = (subject.log(&a).await, subject.queue(&q).await, list(subject, &ListQuery::default()).await);
    if !opened_again(subject).await {
        return;
    }
    let after = (subject.log(&a).await, subject.queue(&q).await, list(subject, &ListQuery::default()).await);
    assert!(after == before, "everything is as it was");
    let head = subject.put_log(LogWrite::new(a.clone()).append("4")).await;
    assert_eq!((head.start, head.end, head.etag.version), (Offset(1), Offset(5), 3));
    assert_eq!(head.incarnation, before.0.head.incarnation);
    // The one that was replaced is still known by its birth.
    let head = subject.put_queue(QueueWrite::new(q).discard(Offset(2), revision.0)).await;
    assert_eq!((head.count, head.bytes), (1, 1));
}

/// An update applied before the end of the process is not applied again after it.
pub async fn ids_are_seen_when_opened_again(subject: &Subject) {
    let q = queue("inbox");
    subject.put(QueueWrite::new(q.clone()).append(id(1), "a").append(id(2), "b")).await;
    let revision = subject.revision(&q, 0).await;
    subject.put(QueueWrite::new(q.clone()).remove(Offset(0), revision)).await;
    if !opened_again(subject).await {
        return;
    }
    let write = QueueWrite::new(q.clone()).append(id(1), "a").append(id(2), "b").append(id(3), "c");
    let (_, committed) = subject.apply([write.into()]).await;
    assert_eq!(committed.appended, [Appended::Seen, Appended::Seen, Appended::At(Offset(2))]);
}

/// An emptied queue goes on where it ended.
pub async fn offsets_go_on_when_opened_again(subject: &Subject) {
    let q = queue("inbox");
    let before = subject.put_queue(QueueWrite::new(q.clone()).append(None, "a").append(None, "b")).await;
    let it = subject.revision(&q, 0).await;
    subject.put(QueueWrite::new(q.clone()).remove(Offset(0), it).remove(Offset(1), it)).await;
    subject.put(LogWrite::new(log("a")).append("0").append("1").trim(Offset(2))).await;
    if !opened_again(subject).await {
        return;
    }
    let (_, committed) = subject
        .apply([
            QueueWrite::new(q.clone()).append(None, "c").into(),
            LogWrite::new(log("a")).append("2").into(),
        ])
        .await;
    assert_eq!(committed.appended, [Appended::At(Offset(2))]);
    assert_eq!(subject.queue(&q).await.head.incarnation, before.incarnation);
    let page = subject.log(&log("a")).await;
    assert_eq!((page.first, page.entries.len()), (Offset(2), 1));
}

/// A deadline goes on; what it ended stays ended, and what is left of it shows in nothing made again.
pub async fn deadlines_hold_when_opened_again(subject: &Subject) {
    let soon = Expire::After(Duration::from_millis(60));
    let write = |key, expire| LogWrite::new(key).base("old").append("0").expire(expire);
    let head = subject.put_log(write(log("soon"), soon)).await;
    subject.put(write(log("later"), Expire::After(Duration::from_hours(1)))).await;
    if !opened_again(subject).await {
        return;
    }
    assert_eq!(subject.changed(&log("soon"), Some(head.etag)).await, None);
    if !opened_again(subject).await {
        return;
    }
    assert_eq!(subject.head(&log("soon")).await, None);
    let left =
        subject.head(&log("later")).await.as_ref().and_then(Head::log).and_then(|head| head.expires_in);
    assert!(left.is_some_and(|left| left <= Duration::from_hours(1)), "{left:?}");
    subject.put(LogWrite::new(log("soon")).append("new")).await;
    let page = subject.log(&log("soon")).await;
    assert_eq!((page.base, page.entries.len(), page.first), (None, 1, Offset(0)));
}
