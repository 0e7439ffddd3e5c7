//! Rule 11: what is too large is refused, by name, and leaves nothing behind.

use bytes::Bytes;
use tertulia::Name;
use tertulia::error::Kind;
use tertulia::storage::{Appended, ItemId, LogWrite, Offset, QueueWrite, SEEN_FOR, Write};

use super::batch::refused;
use crate::Subject;
use crate::subject::{log, queue};

fn zeros(len: usize) -> Bytes {
    Bytes::from(vec![0; len])
}

fn names(text: &str, parts: &[&dyn std::fmt::Display]) {
    for part in parts {
        assert!(text.contains(&part.to_string()), "the message names `{part}`: {text}");
    }
}

/// An entry of a log, of a queue, and one that replaces another.
pub async fn an_entry_has_a_limit(subject: &Subject) {
    let limit = subject.storage().properties().limits.entry_bytes;
    let (a, q) = (log("a"), queue("inbox"));
    subject.put(LogWrite::new(a.clone()).append(zeros(limit))).await;
    subject.put(QueueWrite::new(q.clone()).append(None, zeros(limit))).await;
    let revision = subject.revision(&q, 0).await;
    let before = (subject.head(&a).await, subject.head(&q).await);
    let large = zeros(limit + 1);
    let writes: [Write; 3] = [
        LogWrite::new(a.clone()).append("small").append(large.clone()).into(),
        QueueWrite::new(q.clone()).append(None, large.clone()).into(),
        QueueWrite::new(q.clone()).replace(Offset(0), revision, large).into(),
    ];
    for write in writes {
        let key = write.key().clone();
        let text = refused(subject.commit([write]).await, Kind::Invalid);
        names(&text, &[&key, &limit, &(limit + 1)]);
    }
    assert_eq!((subject.head(&a).await, subject.head(&q).await), before);
}

/// The base of a log.
pub async fn a_base_has_a_limit(subject: &Subject) {
    let limit = subject.storage().properties().limits.base_bytes;
    let key = log("a");
    let head = subject.put(LogWrite::new(key.clone()).base(zeros(limit))).await;
    let result = subject.commit([LogWrite::new(key.clone()).base(zeros(limit + 1)).into()]).await;
    names(&refused(result, Kind::Invalid), &[&key, &limit, &(limit + 1)]);
    assert_eq!(subject.head(&key).await, head);
}

/// All bytes of a batch together, bases and entries of logs and queues, and ids without entries.
pub async fn a_batch_has_a_limit_in_bytes(subject: &Subject) {
    let limits = subject.storage().properties().limits;
    let large = zeros(limits.base_bytes);
    let mut left = limits.batch_bytes;
    let mut writes: Vec<Write> = Vec::new();
    while left > 0 {
        let bytes = large.slice(..left.min(large.len()));
        left -= bytes.len();
        writes.push(LogWrite::new(log(&format!("{left}"))).base(bytes).into());
    }
    let mut larger = writes.clone();
    larger.push(LogWrite::new(log("one more")).append("1").into());
    let text = refused(subject.commit(larger).await, Kind::Invalid);
    names(&text, &[&limits.batch_bytes, &(limits.batch_bytes + 1)]);
    for write in &writes {
        assert_eq!(subject.head(write.key()).await, None);
    }
    let space = Name::new("x".repeat(248)).expect("a valid name");
    let ids = (0..=limits.batch_bytes as i64 / 256).map(|id| ItemId::Number(space.clone(), id));
    let see = ids.fold(QueueWrite::new(queue("inbox")), |write, id| write.see(id, SEEN_FOR));
    refused(subject.commit([see.into()]).await, Kind::Invalid);
    subject.apply(writes).await;
}

/// The writes of a batch, checks included.
pub async fn a_batch_has_a_limit_in_writes(subject: &Subject) {
    let limit = subject.storage().properties().limits.writes;
    let writes = |count: usize| -> Vec<Write> {
        (0..count).map(|i| LogWrite::new(log(&format!("{i}"))).append("x").into()).collect()
    };
    let text = refused(subject.commit(writes(limit + 1)).await, Kind::Invalid);
    names(&text, &[&limit, &(limit + 1)]);
    assert_eq!(subject.head(&log("0")).await, None);
    subject.apply(writes(limit)).await;
}

/// A full queue takes no more, for now, and says so; what is already in it can be worked on.
pub async fn a_queue_has_a_limit_in_entries(subject: &Subject) {
    let limit = subject.storage().properties().limits.queue_entries;
    let q = queue("inbox");
    let id = |id: u64| Some(ItemId::Number(Name::from_static("space"), id.cast_signed()));
    let mut fill = QueueWrite::new(q.clone());
    for i in 0..limit {
        fill = fill.append(id(i), "x");
    }
    subject.put(fill).await;
    let before = subject.head(&q).await;
    let write = QueueWrite::new(q.clone()).append(id(limit), "x");
    let with_log: [Write; 2] = [LogWrite::new(log("a")).append("x").into(), write.clone().into()];
    let text = refused(subject.commit(with_log).await, Kind::Unavailable);
    names(&text, &[&q, &limit]);
    assert_eq!((subject.head(&q).await, subject.head(&log("a")).await), (before, None));
    let (_, committed) = subject.apply([QueueWrite::new(q.clone()).append(id(0), "x").into()]).await;
    assert_eq!(committed.appended, [Appended::Seen], "what is seen needs no room");
    let revision = subject.revision(&q, 0).await;
    subject.put(QueueWrite::new(q.clone()).replace(Offset(1), revision, "y")).await;
    let head = subject.put_queue(write.clone().remove(Offset(0), revision)).await;
    assert_eq!(head.count, limit, "room made by the same write counts");
    let revision = subject.revision(&q, 1).await;
    subject.put(QueueWrite::new(q.clone()).remove(Offset(1), revision)).await;
    subject.put(QueueWrite::new(q.clone()).append(None, "x")).await;
}

/// The same by the bytes of its entries.
pub async fn a_queue_has_a_limit_in_bytes(subject: &Subject) {
    let limits = subject.storage().properties().limits;
    let q = queue("inbox");
    let large = zeros(limits.entry_bytes);
    let mut left = limits.queue_bytes;
    while left > 0 {
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(large.len());
        subject.put(QueueWrite::new(q.clone()).append(None, large.slice(..len))).await;
        left -= len as u64;
    }
    let before = subject.head(&q).await;
    let text = refused(
        subject.commit([QueueWrite::new(q.clone()).append(None, "x").into()]).await,
        Kind::Unavailable,
    );
    names(&text, &[&q, &limits.queue_bytes]);
    assert_eq!(subject.head(&q).await, before);
    let revision = subject.revision(&q, 0).await;
    subject.put(QueueWrite::new(q.clone()).replace(Offset(0), revision, "")).await;
    let head = subject.put_queue(QueueWrite::new(q.clone()).append(None, "x")).await;
    assert!(head.bytes <= limits.queue_bytes);
}
