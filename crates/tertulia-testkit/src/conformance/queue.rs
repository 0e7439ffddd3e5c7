//! Rule 5: queues, their ids, revisions and holes.

use bytes::Bytes;
use tertulia::Name;
use tertulia::error::Kind;
use tertulia::storage::{
    Appended, Batch, Etag, Head, ItemId, LogWrite, Mismatch, Offset, QueueEntry, QueueHead, QueueWrite,
    Revision,
};

use super::batch::{conflict, refused};
use crate::Subject;
use crate::subject::{log, queue};

const SPACE: Name = Name::from_static("telegram");

fn number(id: i64) -> Option<ItemId> {
    Some(ItemId::Number(SPACE, id))
}

fn inbox() -> QueueWrite {
    QueueWrite::new(queue("inbox"))
}

async fn append(subject: &Subject, id: Option<ItemId>, bytes: &'static str) -> Appended {
    let (_, committed) = subject.apply([inbox().append(id, bytes).into()]).await;
    assert_eq!(committed.appended.len(), 1, "one append has one answer");
    committed.appended[0]
}

/// The revision of an entry.
async fn entry(subject: &Subject, offset: u64) -> Revision {
    subject.revision(&queue("inbox"), offset).await
}

/// Appends two entries, replaces the first and removes the second; gives the revisions of the first.
async fn moved_and_gone(subject: &Subject) -> [Revision; 2] {
    subject.put(inbox().append(None, "a").append(None, "b")).await;
    let old = entry(subject, 0).await;
    subject.put(inbox().replace(Offset(0), old, "A").remove(Offset(1), old)).await;
    [old, entry(subject, 0).await]
}

async fn offsets(subject: &Subject) -> Vec<u64> {
    subject.queue(&queue("inbox")).await.entries.iter().map(|entry| entry.offset.0).collect()
}

/// Entries get the next offsets, and come back in order with their ids; the head counts them.
pub async fn appends_take_the_next_offsets(subject: &Subject) {
    let bytes_id = Some(ItemId::Bytes(SPACE, [7; 16]));
    let (first, committed) = subject.apply([inbox().append(number(1), "one").append(None, "2").into()]).await;
    assert_eq!(committed.appended, [Appended::At(Offset(0)), Appended::At(Offset(1))]);
    let (second, committed) = subject.apply([inbox().append(bytes_id.clone(), "three").into()]).await;
    assert_eq!(committed.appended, [Appended::At(Offset(2))]);
    let page = subject.queue(&queue("inbox")).await;
    let etag = Etag { version: 2, commit: second };
    let head = QueueHead { etag, incarnation: first, end: Offset(3), count: 3, bytes: 9 };
    assert_eq!(page.head, head);
    assert_eq!(committed.heads[0].and_then(|head| head.queue()), Some(head));
    let entry = |offset, commit, id, bytes: &'static str| QueueEntry {
        offset: Offset(offset),
        born: commit,
        revision: Revision(commit),
        id,
        bytes: bytes.into(),
    };
    let entries =
        [entry(0, first, number(1), "one"), entry(1, first, None, "2"), entry(2, second, bytes_id, "three")];
    assert_eq!(page.entries, entries);
}

/// An update delivered twice is in the inbox once, and the second delivery is no error.
pub async fn an_id_appended_again_is_seen(subject: &Subject) {
    assert_eq!(append(subject, number(1), "first").await, Appended::At(Offset(0)));
    let before = subject.queue(&queue("inbox")).await;
    let told = subject.put_queue(inbox().append(number(1), "second")).await;
    assert_eq!(told, before.head, "neither etag nor end moved");
    assert_eq!(append(subject, number(1), "third").await, Appended::Seen);
    assert_eq!(subject.queue(&queue("inbox")).await, before);
}

/// `Seen` fails nothing: what else is in the batch is applied.
pub async fn a_seen_id_does_not_hinder_its_batch(subject: &Subject) {
    append(subject, number(2), "x").await;
    let write = inbox().append(number(1), "a").append(number(2), "b").append(None, "c");
    let (_, committed) = subject.apply([write.into(), LogWrite::new(log("a")).append("entry").into()]).await;
    assert_eq!(
        committed.appended,
        [Appended::At(Offset(1)), Appended::Seen, Appended::At(Offset(2))],
        "an answer for each, in the batch's order"
    );
    assert_eq!(committed.heads.len(), 2);
    assert_eq!(subject.log(&log("a")).await.entries, ["entry"]);
    assert_eq!(offsets(subject).await, [0, 1, 2]);
}

/// What was applied and removed is not applied again because it is delivered again.
pub async fn an_id_stays_seen_when_its_entry_is_removed(subject: &Subject) {
    append(subject, number(1), "x").await;
    append(subject, Some(ItemId::Bytes(SPACE, [9; 16])), "y").await;
    let [first, second] = [entry(subject, 0).await, entry(subject, 1).await];
    subject.put(inbox().remove(Offset(0), first).discard(Offset(1), second.0)).await;
    assert_eq!(append(subject, number(1), "x").await, Appended::Seen);
    assert_eq!(append(subject, Some(ItemId::Bytes(SPACE, [9; 16])), "y").await, Appended::Seen);
    assert_eq!(offsets(subject).await, [0; 0]);
    subject.put(inbox().append(number(2), "z").discard(Offset(0), first.0)).await;
    assert_eq!(append(subject, number(1), "x").await, Appended::Seen);
}

/// The first of the two counts.
pub async fn an_id_twice_in_one_batch_is_appended_once(subject: &Subject) {
    let write = inbox().append(number(1), "first").append(number(2), "x").append(number(1), "second");
    let (_, committed) = subject.apply([write.into()]).await;
    assert_eq!(committed.appended, [Appended::At(Offset(0)), Appended::At(Offset(1)), Appended::Seen]);
    let page = subject.queue(&queue("inbox")).await;
    assert_eq!((page.head.count, page.head.end, page.head.bytes), (2, Offset(2), 6));
    assert_eq!(page.entries[0].bytes, "first");
}

/// An id is the same only within its queue name, its space and its kind.
pub async fn ids_are_told_apart_by_queue_space_and_kind(subject: &Subject) {
    let zero = [0; 16];
    let mut one = [0; 16];
    one[15] = 1;
    let spaces =
        [SPACE, Name::from_static("Telegram"), Name::from_static("telegram "), Name::from_static("t%")];
    let mut ids = Vec::new();
    for space in &spaces {
        ids.extend([0, 1, -1, i64::MIN, i64::MAX].map(|id| ItemId::Number(space.clone(), id)));
        ids.extend([zero, one, [255; 16]].map(|id| ItemId::Bytes(space.clone(), id)));
    }
    for name in ["inbox", "outbox"] {
        // One at a time, so that each meets all those before it as they are stored.
        for (offset, id) in (0..).zip(&ids) {
            let write = QueueWrite::new(queue(name)).append(Some(id.clone()), "x");
            let (_, committed) = subject.apply([write.into()]).await;
            assert_eq!(committed.appended, [Appended::At(Offset(offset))], "{name} {id:?}");
        }
        let again = ids.iter().fold(QueueWrite::new(queue(name)), |w, id| w.append(Some(id.clone()), "x"));
        let (_, again) = subject.apply([again.into()]).await;
        assert_eq!(again.appended, vec![Appended::Seen; ids.len()], "{name}");
        let found: Vec<_> = subject.queue(&queue(name)).await.entries.into_iter().map(|e| e.id).collect();
        assert_eq!(found, ids.iter().cloned().map(Some).collect::<Vec<_>>(), "{name}");
    }
    // And all in one batch, where each meets only its like.
    let all = ids.iter().fold(QueueWrite::new(queue("dead")), |w, id| w.append(Some(id.clone()), "x"));
    let (_, committed) = subject.apply([all.into()]).await;
    assert!(!committed.appended.contains(&Appended::Seen), "{:?}", committed.appended);
}

/// Equal entries without an id are all different.
pub async fn entries_without_an_id_are_never_seen(subject: &Subject) {
    assert_eq!(append(subject, None, "same").await, Appended::At(Offset(0)));
    assert_eq!(append(subject, None, "same").await, Appended::At(Offset(1)));
}

/// Removing from the middle leaves a hole, and no offset is given twice.
pub async fn removing_leaves_holes_and_offsets_go_on(subject: &Subject) {
    subject.put(inbox().append(None, "0").append(None, "1").append(None, "22").append(None, "3")).await;
    let it = entry(subject, 0).await;
    let head = subject.put_queue(inbox().remove(Offset(2), it).discard(Offset(3), it.0)).await;
    assert_eq!((head.count, head.bytes, head.end), (2, 2, Offset(4)));
    assert_eq!(offsets(subject).await, [0, 1]);
    assert_eq!(append(subject, None, "4").await, Appended::At(Offset(4)));
    assert_eq!(offsets(subject).await, [0, 1, 4]);
    let last = entry(subject, 4).await;
    let write = inbox().remove(Offset(0), it).remove(Offset(1), it).remove(Offset(4), last);
    let empty = subject.put_queue(write).await;
    assert_eq!((empty.count, empty.bytes, empty.end), (0, 0, Offset(5)));
    assert_eq!(empty.incarnation, head.incarnation);
    assert_eq!(append(subject, None, "5").await, Appended::At(Offset(5)));
}

/// A mark on an entry moves its revision, and the queue's etag stays: nobody waits for marks. A number that is counted
/// up would not do: a storage that lost the end of a queue gives its offsets again.
pub async fn a_revision_is_the_commit_that_wrote_the_entry(subject: &Subject) {
    let (first, _) = subject.apply([inbox().append(number(1), "a").append(None, "b").into()]).await;
    let before = subject.queue(&queue("inbox")).await.head;
    let (second, committed) =
        subject.apply([inbox().replace(Offset(0), Revision(first), "longer").into()]).await;
    assert_eq!(committed.heads, [Some(Head::Queue(QueueHead { bytes: 7, ..before }))]);
    let (third, _) = subject.apply([inbox().replace(Offset(0), Revision(second), "x").into()]).await;
    let page = subject.queue(&queue("inbox")).await;
    assert_eq!(page.head, QueueHead { bytes: 2, ..before });
    let (born, revision, bytes) = (first, Revision(third), "x".into());
    assert_eq!(page.entries[0], QueueEntry { offset: Offset(0), born, revision, id: number(1), bytes });
    assert_eq!(page.entries[1].revision, Revision(first));
    assert_eq!(append(subject, number(1), "y").await, Appended::Seen, "its id is still its id");
}

/// Removing is not news either.
pub async fn removing_does_not_move_the_etag(subject: &Subject) {
    let before = subject.put_queue(inbox().append(None, "a").append(None, "b")).await;
    let it = entry(subject, 0).await;
    let head = subject.put_queue(inbox().remove(Offset(0), it)).await;
    assert_eq!(head, QueueHead { count: 1, bytes: 1, ..before });
    assert_eq!(subject.queue(&queue("inbox")).await.head, head);
}

/// Who replaces what somebody else moved or removed is told so, entry by entry.
pub async fn replacing_what_moved_or_is_gone_conflicts(subject: &Subject) {
    let [old, new] = moved_and_gone(subject).await;
    let before = subject.queue(&queue("inbox")).await;
    for (offset, revision) in
        [(0, old), (0, subject.no_revision()), (1, old), (1, new), (2, new), (u64::MAX, new)]
    {
        let write = inbox().replace(Offset(offset), revision, "x");
        let failed = conflict(subject.commit([write.into()]).await).failed;
        let head = Some(Head::Queue(before.head));
        assert_eq!(failed, [Mismatch { key: queue("inbox"), head, offset: Some(Offset(offset)) }]);
    }
    assert_eq!(subject.queue(&queue("inbox")).await, before);
}

/// Removing is a claim that the entry is still that one.
pub async fn removing_what_moved_or_is_gone_conflicts(subject: &Subject) {
    let [old, new] = moved_and_gone(subject).await;
    let before = subject.queue(&queue("inbox")).await;
    for (offset, revision) in [(0, old), (1, old), (1, new), (2, new)] {
        let write = inbox().remove(Offset(offset), revision);
        let failed = conflict(subject.commit([write.into()]).await).failed;
        assert_eq!(failed[0].offset, Some(Offset(offset)));
    }
    assert_eq!(subject.queue(&queue("inbox")).await, before);
    subject.put(inbox().remove(Offset(0), new)).await;
    assert_eq!(offsets(subject).await, [0; 0]);
}

/// Discarding claims nothing: it takes the entry, also one that somebody else has marked since.
pub async fn discarding_takes_an_entry_whatever_became_of_it_and_never_conflicts(subject: &Subject) {
    let none = subject.id();
    assert_eq!(subject.put(inbox().discard(Offset(0), none)).await, None, "it does not make the queue");
    assert_eq!(subject.head(&queue("inbox")).await, None);
    subject.put(inbox().append(None, "a").append(None, "b").append(None, "c")).await;
    let old = entry(subject, 0).await;
    let born = old.0;
    subject.put(inbox().replace(Offset(2), old, "C")).await;
    let new = entry(subject, 2).await;
    subject.put(inbox().replace(Offset(2), new, "CCC")).await;
    for _ in 0..2 {
        let known = inbox().discard(Offset(0), born).discard(Offset(2), born);
        let write = known.discard(Offset(7), born).discard(Offset(u64::MAX), born);
        let head = subject.put_queue(write).await;
        assert_eq!((head.count, head.bytes, head.end), (1, 1, Offset(3)));
    }
    assert_eq!(offsets(subject).await, [1]);
}

/// An offset may have been given again, by a storage that lost what was there: only the one that is meant goes. Not
/// even the commit that wrote an entry last speaks for it, since that is not how it was known.
pub async fn discarding_leaves_an_entry_of_another_birth(subject: &Subject) {
    let (born, _) = subject.apply([inbox().append(number(1), "a").append(None, "b").into()]).await;
    let write = inbox().append(None, "c").replace(Offset(0), Revision(born), "A");
    let (later, _) = subject.apply([write.into()]).await;
    let before = subject.queue(&queue("inbox")).await;
    let none = subject.id();
    for (offset, other) in [(0, later), (0, none), (1, later), (1, none), (2, born)] {
        let head = subject.put_queue(inbox().discard(Offset(offset), other)).await;
        assert_eq!(head, before.head, "{offset}");
    }
    // One that is left hinders nothing else of its batch.
    let write = inbox().append(None, "d").discard(Offset(0), later).discard(Offset(1), born);
    let head = subject.put_queue(write).await;
    assert_eq!((head.count, head.bytes, head.end), (3, 3, Offset(4)));
    assert_eq!(offsets(subject).await, [0, 2, 3]);
}

/// Whoever replaces an entry, and however often, it is known by the commit that appended it.
pub async fn a_birth_is_the_commit_that_appended_the_entry(subject: &Subject) {
    let (first, _) = subject.apply([inbox().append(number(1), "a").append(None, "b").into()]).await;
    let (second, _) = subject.apply([inbox().append(None, "c").into()]).await;
    let births = async || {
        let entries = subject.queue(&queue("inbox")).await.entries;
        entries.iter().map(|entry| entry.born).collect::<Vec<_>>()
    };
    assert_eq!(births().await, [first, first, second]);
    for bytes in ["longer", ""] {
        let (it, other) = (entry(subject, 0).await, entry(subject, 2).await);
        subject.put(inbox().replace(Offset(0), it, bytes).replace(Offset(2), other, bytes)).await;
        assert_eq!(births().await, [first, first, second]);
    }
}

/// An entry of the same write is not there yet when its removals and replacements are judged.
pub async fn a_write_changes_only_what_was_there_before_it(subject: &Subject) {
    let id = subject.id();
    let commit = async |write: QueueWrite| subject.storage().commit(Batch::new(id, vec![write.into()])).await;
    conflict(commit(inbox().append(None, "a").replace(Offset(0), Revision(id), "b")).await);
    assert_eq!(subject.head(&queue("inbox")).await, None);
    let committed = commit(inbox().append(None, "a").discard(Offset(0), id)).await;
    let committed = committed.expect("discarding never conflicts");
    let head = committed.heads[0].and_then(|head| head.queue()).expect("the queue is there");
    assert_eq!((head.count, head.end), (1, Offset(1)));
    assert_eq!(offsets(subject).await, [0]);
}

/// Two changes to one entry in one batch contradict each other.
pub async fn an_entry_changed_twice_in_a_batch_is_invalid(subject: &Subject) {
    subject.put(inbox().append(None, "a").append(None, "b")).await;
    let before = subject.queue(&queue("inbox")).await;
    let it = before.entries[0].revision;
    for write in [
        inbox().discard(Offset(0), it.0).remove(Offset(0), it),
        inbox().remove(Offset(1), it).replace(Offset(1), it, "x"),
        inbox().replace(Offset(1), it, "x").replace(Offset(1), it, "y"),
    ] {
        let text = refused(subject.commit([write.into()]).await, Kind::Invalid);
        assert!(text.contains(&queue("inbox").to_string()), "the message names the key: {text}");
        assert_eq!(subject.queue(&queue("inbox")).await, before);
    }
}

/// A queue write that asks for nothing gives the head, and makes nothing.
pub async fn a_queue_write_that_asks_for_nothing_does_nothing(subject: &Subject) {
    assert_eq!(subject.put(inbox()).await, None);
    assert_eq!(subject.head(&queue("inbox")).await, None);
    let head = subject.put(inbox().append(None, "a")).await;
    assert_eq!(subject.put(inbox()).await, head);
}

/// Any bytes, none and many, in the order they were given.
pub async fn a_queue_keeps_any_bytes(subject: &Subject) {
    let every: Bytes = (0..=u8::MAX).collect();
    let long = Bytes::from(vec![0; 300_000]);
    subject.put(inbox().append(None, every.clone()).append(None, "").append(None, long.clone())).await;
    let it = entry(subject, 1).await;
    let head = subject.put_queue(inbox().replace(Offset(1), it, every.clone())).await;
    assert_eq!(head.bytes, 512 + 300_000);
    let page = subject.queue(&queue("inbox")).await;
    assert_eq!((&page.entries[0].bytes, &page.entries[1].bytes), (&every, &every));
    assert!(page.entries[2].bytes == long, "a long entry comes back");
}
