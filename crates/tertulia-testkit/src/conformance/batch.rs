//! Rules 1 and 2: a batch applies whole or not at all, and every expectation is judged first.

use tertulia::error::Kind;
use tertulia::storage::{
    Appended, Batch, Conflict, Expect, Expire, Head, ItemId, LogWrite, Mismatch, Offset, QueueWrite, Write,
};
use tertulia::{Error, Name};

use crate::Subject;
use crate::subject::{elsewhere, far_log, here, log, queue, shard_log};

/// The particulars of a conflict; panics at any other result.
pub(crate) fn conflict<T: std::fmt::Debug>(result: Result<T, Error>) -> Conflict {
    let error = result.expect_err("the expectation does not hold");
    assert_eq!(error.kind(), Kind::Conflict, "{error}");
    error.detail::<Conflict>().expect("a conflict carries its particulars").clone()
}

/// Panics unless the result is an error of this kind; gives its text.
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, Error>, kind: Kind) -> String {
    let error = result.expect_err("the call is refused");
    assert_eq!(error.kind(), kind, "{error}");
    error.to_string()
}

/// Every write of a batch is there afterwards, and each head in its place.
pub async fn a_batch_applies_whole(subject: &Subject) {
    let (a, b, q, s) = (log("a"), log("b"), queue("inbox"), shard_log(here().shard(), "epoch"));
    let (id, committed) = subject
        .apply([
            LogWrite::new(a.clone()).base("base").into(),
            QueueWrite::new(q.clone()).append(None, "one").append(None, "two").into(),
            LogWrite::new(b.clone()).append("entry").into(),
            LogWrite::new(s.clone()).base("1").into(),
        ])
        .await;
    assert_eq!(committed.appended, [Appended::At(Offset(0)), Appended::At(Offset(1))]);
    for (key, head) in [&a, &q, &b, &s].into_iter().zip(&committed.heads) {
        assert_eq!(subject.head(key).await, *head, "{key}");
        assert_eq!(head.expect("it was made").etag().commit, id, "{key}");
    }
    assert_eq!(subject.log(&a).await.base.as_deref(), Some(&b"base"[..]));
    assert_eq!(subject.log(&b).await.entries, ["entry"]);
    assert_eq!(subject.log(&s).await.base.as_deref(), Some(&b"1"[..]));
    assert_eq!(subject.queue(&q).await.entries.len(), 2);
}

/// One expectation fails, the last one; the writes before it did nothing, not even an id was seen.
pub async fn a_failed_expectation_leaves_nothing_behind(subject: &Subject) {
    let (old, new, q) = (log("old"), log("new"), queue("inbox"));
    let id = || Some(ItemId::Number(Name::from_static("update"), 7));
    subject.put(LogWrite::new(old.clone()).base("base").append("entry")).await;
    subject.put(QueueWrite::new(q.clone()).append(None, "kept")).await;
    let kept = subject.revision(&q, 0).await;
    let before = (subject.log(&old).await, subject.queue(&q).await);
    let writes: [Write; 4] = [
        LogWrite::new(old.clone()).delete().into(),
        LogWrite::new(new.clone()).base("x").into(),
        QueueWrite::new(q.clone()).append(id(), "lost").replace(Offset(0), kept, "lost").into(),
        LogWrite::new(log("never")).expect(Expect::Incarnation(subject.id())).into(),
    ];
    let failed = conflict(subject.commit(writes).await).failed;
    assert_eq!(failed, [Mismatch { key: log("never"), head: None, offset: None }]);
    assert_eq!((subject.log(&old).await, subject.queue(&q).await), before);
    assert_eq!(subject.head(&new).await, None);
    let (_, committed) = subject.apply([QueueWrite::new(q.clone()).append(id(), "first").into()]).await;
    assert_eq!(committed.appended, [Appended::At(Offset(1))], "the id was not seen");
}

/// The same over two shards, or `Invalid` where a batch reaches only one.
pub async fn a_batch_over_shards_applies_whole_or_not_at_all(subject: &Subject) {
    let keys = [log("a"), far_log(0, "a"), far_log(1, "a"), shard_log(elsewhere(2).shard(), "a")];
    let writes = |last: Expect| -> Vec<Write> {
        let mut writes: Vec<LogWrite> =
            keys.iter().map(|key| LogWrite::new(key.clone()).append("entry")).collect();
        writes[3].expect = last;
        writes.into_iter().map(Write::from).collect()
    };
    if !subject.spans_shards() {
        refused(subject.commit(writes(Expect::Any)).await, Kind::Invalid);
        for key in &keys {
            assert_eq!(subject.head(key).await, None, "{key}");
        }
        return;
    }
    let failed = conflict(subject.commit(writes(Expect::Etag(missing(subject)))).await).failed;
    assert_eq!(failed, [Mismatch { key: keys[3].clone(), head: None, offset: None }]);
    for key in &keys {
        assert_eq!(subject.head(key).await, None, "{key}");
    }
    subject.apply(writes(Expect::Absent)).await;
    for key in &keys {
        assert_eq!(subject.log(key).await.entries, ["entry"], "{key}");
    }
}

fn missing(subject: &Subject) -> tertulia::storage::Etag {
    tertulia::storage::Etag { version: 1, commit: subject.id() }
}

/// A caller sees all that failed at once, with heads and entries, and nothing that held.
pub async fn a_conflict_names_every_failed_expectation(subject: &Subject) {
    let (there, fine, absent, q) = (log("there"), log("fine"), log("absent"), queue("inbox"));
    let head = subject.put(LogWrite::new(there.clone()).base("x")).await;
    let fine_head = subject.put_log(LogWrite::new(fine.clone()).base("x")).await;
    let queued = subject
        .put(["a", "b", "c", "d"].iter().fold(QueueWrite::new(q.clone()), |w, e| w.append(None, *e)))
        .await;
    let (it, other) = (subject.revision(&q, 0).await, subject.no_revision());
    let result = subject
        .commit([
            LogWrite::new(there.clone()).expect(Expect::Absent).base("y").into(),
            LogWrite::new(fine.clone()).expect(Expect::Etag(fine_head.etag)).base("y").into(),
            LogWrite::new(absent.clone()).expect(Expect::Etag(fine_head.etag)).into(),
            QueueWrite::new(q.clone())
                .append(None, "lost")
                .replace(Offset(0), other, "x")
                .replace(Offset(1), it, "x")
                .remove(Offset(9), it)
                .remove(Offset(2), other)
                .discard(Offset(8), it.0)
                .discard(Offset(3), other.0)
                .into(),
        ])
        .await;
    let mut failed = conflict(result).failed;
    failed.sort_by(|a, b| (&a.key, a.offset).cmp(&(&b.key, b.offset)));
    let mut expected = vec![
        Mismatch { key: there, head, offset: None },
        Mismatch { key: absent, head: None, offset: None },
        Mismatch { key: q.clone(), head: queued, offset: Some(Offset(0)) },
        Mismatch { key: q.clone(), head: queued, offset: Some(Offset(2)) },
        Mismatch { key: q.clone(), head: queued, offset: Some(Offset(9)) },
    ];
    expected.sort_by(|a, b| (&a.key, a.offset).cmp(&(&b.key, b.offset)));
    assert_eq!(failed, expected);
    assert_eq!(subject.head(&q).await, queued);
}

/// `Expect` beside the states of a log in which it holds.
pub async fn each_expectation_holds_when_it_should_and_only_then(subject: &Subject) {
    let key = log("a");
    let first = subject.put_log(LogWrite::new(key.clone()).base("x")).await;
    let grown = subject.put_log(LogWrite::new(key.clone()).append("1").append("2")).await;
    subject.put(LogWrite::new(key.clone()).delete()).await;
    let absent: &[(Expect, bool)] = &[
        (Expect::Any, true),
        (Expect::Absent, true),
        (Expect::Incarnation(first.incarnation), false),
        (Expect::Etag(grown.etag), false),
        (Expect::End(first.incarnation, grown.end), false),
    ];
    judge(subject, absent).await;
    let again = subject.put_log(LogWrite::new(key.clone()).append("1").append("2")).await;
    let mut other_commit = again.etag;
    other_commit.commit = first.incarnation;
    let mut other_version = again.etag;
    other_version.version += 1;
    let there: &[(Expect, bool)] = &[
        (Expect::Any, true),
        (Expect::Absent, false),
        (Expect::Incarnation(first.incarnation), false),
        (Expect::Incarnation(again.incarnation), true),
        (Expect::Etag(grown.etag), false),
        (Expect::Etag(other_commit), false),
        (Expect::Etag(other_version), false),
        (Expect::Etag(again.etag), true),
        (Expect::End(first.incarnation, again.end), false),
        (Expect::End(again.incarnation, Offset(1)), false),
        (Expect::End(again.incarnation, Offset(3)), false),
        (Expect::End(again.incarnation, again.end), true),
    ];
    judge(subject, there).await;
    let moved = subject.put_log(LogWrite::new(key.clone()).base("y")).await;
    let moved: &[(Expect, bool)] = &[
        (Expect::Incarnation(again.incarnation), true),
        (Expect::Etag(again.etag), false),
        (Expect::Etag(moved.etag), true),
        (Expect::End(again.incarnation, again.end), true),
    ];
    judge(subject, moved).await;
}

async fn judge(subject: &Subject, expectations: &[(Expect, bool)]) {
    let key = log("a");
    let head = subject.head(&key).await;
    for (expect, holds) in expectations {
        let result = subject.commit([LogWrite::new(key.clone()).expect(*expect).into()]).await;
        if *holds {
            let committed = result.unwrap_or_else(|error| panic!("{expect:?} holds for {head:?}: {error}"));
            assert_eq!(committed.heads, [head]);
        } else {
            let failed = conflict(result).failed;
            assert_eq!(failed, [Mismatch { key: key.clone(), head, offset: None }], "{expect:?}");
        }
    }
}

/// A check moves nothing and makes nothing, and its head is given all the same.
pub async fn a_write_with_only_an_expectation_changes_nothing(subject: &Subject) {
    let (there, absent) = (log("there"), log("absent"));
    let head = subject.put(LogWrite::new(there.clone()).base("x").append("entry")).await;
    let etag = head.expect("it was made").etag();
    let (_, committed) = subject
        .apply([
            LogWrite::new(there.clone()).expect(Expect::Etag(etag)).into(),
            LogWrite::new(absent.clone()).expect(Expect::Absent).into(),
        ])
        .await;
    assert_eq!(committed.heads, [head, None]);
    assert_eq!(subject.head(&there).await, head);
    assert_eq!(subject.head(&absent).await, None);
}

/// A caller that names a log twice means something that no order of the two would give.
pub async fn a_key_written_twice_is_invalid(subject: &Subject) {
    for (key, writes) in [1, 12].into_iter().map(|n| (log("twice"), n)) {
        let mut batch: Vec<Write> = vec![LogWrite::new(key.clone()).base("1").into()];
        batch.extend((0..writes).map(|i| LogWrite::new(log(&format!("other{i}"))).base("x").into()));
        batch.push(LogWrite::new(key.clone()).append("2").into());
        let text = refused(subject.commit(batch).await, Kind::Invalid);
        assert!(text.contains(&key.to_string()), "the message names the key: {text}");
        assert_eq!(subject.head(&key).await, None);
        assert_eq!(subject.head(&log("other0")).await, None);
    }
    let q = queue("inbox");
    let twice: [Write; 2] = [
        QueueWrite::new(q.clone()).append(None, "1").into(),
        QueueWrite::new(q.clone()).append(None, "2").into(),
    ];
    refused(subject.commit(twice).await, Kind::Invalid);
    assert_eq!(subject.head(&q).await, None);
}

/// What makes a batch invalid may only be found by looking; what stands before it in the batch did nothing.
pub async fn an_invalid_batch_leaves_nothing_behind(subject: &Subject) {
    let (new, live, q) = (log("new"), log("live"), queue("inbox"));
    let before = subject.put(LogWrite::new(live.clone()).base("x")).await;
    let mut fork = LogWrite::new(live.clone()).append("y");
    fork.first = Some(Offset(5));
    let writes: [Write; 3] = [
        LogWrite::new(new.clone()).base("x").into(),
        QueueWrite::new(q.clone()).append(None, "x").into(),
        fork.into(),
    ];
    let text = refused(subject.commit(writes).await, Kind::Invalid);
    assert!(text.contains(&live.to_string()), "the message names the key: {text}");
    assert_eq!(subject.head(&new).await, None);
    assert_eq!(subject.head(&q).await, None);
    assert_eq!(subject.head(&live).await, before);
}

/// A delete says nothing else, but may expect something.
pub async fn a_delete_stands_alone(subject: &Subject) {
    let key = log("a");
    let head = subject.put(LogWrite::new(key.clone()).base("x").append("1")).await;
    let delete = || LogWrite::new(key.clone()).delete();
    let mut first = delete();
    first.first = Some(Offset(1));
    for write in [
        delete().base("y"),
        delete().append("2"),
        delete().trim(Offset(1)),
        delete().expire(Expire::Never),
        first,
    ] {
        refused(subject.commit([write.into()]).await, Kind::Invalid);
        assert_eq!(subject.head(&key).await, head);
    }
    conflict(subject.commit([delete().expect(Expect::Absent).into()]).await);
    let etag = head.expect("it was made").etag();
    assert_eq!(subject.put(delete().expect(Expect::Etag(etag))).await, None);
    assert_eq!(subject.head(&key).await, None);
}

/// A queue and a log are not the same thing under any name.
pub async fn a_queue_is_no_log_and_a_log_is_no_queue(subject: &Subject) {
    let (l, q) = (log("inbox"), queue("inbox"));
    let text = refused(subject.commit([LogWrite::new(q.clone()).append("x").into()]).await, Kind::Invalid);
    assert!(text.contains(&q.to_string()), "the message names the key: {text}");
    let write = QueueWrite::new(l.clone()).append(None, "x");
    let text = refused(subject.commit([write.into()]).await, Kind::Invalid);
    assert!(text.contains(&l.to_string()), "the message names the key: {text}");
    assert_eq!((subject.head(&l).await, subject.head(&q).await), (None, None));
}

/// A batch without writes has no effect and no heads.
pub async fn an_empty_batch_does_nothing(subject: &Subject) {
    let committed = subject.storage().commit(Batch::new(subject.id(), Vec::new())).await;
    let committed = committed.expect("there is nothing to refuse");
    assert_eq!(committed.heads, Vec::<Option<Head>>::new());
    assert_eq!(committed.appended, []);
}
