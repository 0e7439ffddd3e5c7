//! Rules 3 and 8: where a read begins, what a page holds, and that each read has its own result.

use bytes::Bytes;
use tertulia::error::Kind;
use tertulia::storage::{Base, From, Gone, LogHead, LogWrite, Offset, Page, QueuePage, QueueWrite, Read};
use tertulia::{Key, Result};

use super::batch::refused;
use crate::Subject;
use crate::subject::{far_log, log, queue};

fn gone(result: Result<Option<Page>>) -> Gone {
    let error = result.expect_err("what was asked for is gone");
    assert_eq!(error.kind(), Kind::Gone, "{error}");
    *error.detail::<Gone>().expect("gone says where the log begins")
}

async fn four_entries(subject: &Subject, key: &Key) -> LogHead {
    let write = LogWrite::new(key.clone()).append("0").append("1").append("2").append("3");
    subject.put_log(write.base("base")).await
}

async fn page(subject: &Subject, read: Read) -> (u64, Vec<Bytes>) {
    let page = subject.read(read).await.expect("it can be read").expect("it is there");
    let page = page.into_log().expect("a log gives a log's page");
    assert_eq!(page.next().0, page.first.0 + page.entries.len() as u64);
    (page.first.0, page.entries)
}

/// One that is gone, one that is absent and one that is wrong spoil nothing for the rest.
pub async fn each_read_has_its_own_result_in_the_order_asked(subject: &Subject) {
    let (a, q) = (log("a"), queue("inbox"));
    let head = four_entries(subject, &a).await;
    subject.put(LogWrite::new(far_log(0, "a")).append("far")).await;
    subject.put(QueueWrite::new(q.clone()).append(None, "queued")).await;
    subject.put(LogWrite::new(a.clone()).trim(Offset(2))).await;
    let reads = [
        Read::new(a.clone()),
        Read::new(a.clone()).from(From::At(head.incarnation, Offset(1))),
        Read::new(far_log(0, "a")),
        Read::new(log("absent")),
        Read::new(q.clone()),
        Read::new(a.clone()).from(From::At(head.incarnation, Offset(5))),
        Read::new(queue("absent")),
        Read::new(a.clone()).from(From::At(head.incarnation, Offset(3))),
    ];
    let results = subject.storage().read(&reads).await.expect("the storage can be read");
    let [all, below, far, absent, queued, past, no_queue, last]: [Result<Option<Page>>; 8] =
        results.try_into().expect("as many results as reads");
    let entries = |result: Result<Option<Page>>| {
        result.expect("this read is in order").and_then(Page::into_log).expect("the log is there").entries
    };
    assert_eq!(entries(all), ["2", "3"]);
    assert_eq!(gone(below), Gone { incarnation: head.incarnation, start: Offset(2) });
    assert_eq!(entries(far), ["far"]);
    assert_eq!(absent.expect("absence is no error"), None);
    let queued = queued.expect("this read is in order").and_then(Page::into_queue);
    assert_eq!(queued.expect("the queue is there").entries[0].bytes, "queued");
    refused(past, Kind::Invalid);
    assert_eq!(no_queue.expect("absence is no error"), None);
    assert_eq!(entries(last), ["3"]);
}

/// Asking for nothing gives nothing.
pub async fn no_reads_give_no_results(subject: &Subject) {
    let results = subject.storage().read(&[]).await.expect("the storage can be read");
    assert!(results.is_empty());
}

/// A reader at the end waits for more; one past it has made a mistake.
pub async fn a_cursor_at_the_end_is_an_empty_page_and_past_it_is_invalid(subject: &Subject) {
    let key = log("a");
    let head = four_entries(subject, &key).await;
    let at = |offset| Read::new(key.clone()).from(From::At(head.incarnation, Offset(offset)));
    assert_eq!(page(subject, at(4)).await, (4, vec![]));
    assert_eq!(page(subject, at(3)).await, (3, vec![Bytes::from("3")]));
    for offset in [5, u64::MAX] {
        let text = refused(subject.read(at(offset)).await, Kind::Invalid);
        assert!(text.contains(&key.to_string()), "the message names the key: {text}");
    }
    subject.put(LogWrite::new(key.clone()).append("4")).await;
    assert_eq!(page(subject, at(4)).await, (4, vec![Bytes::from("4")]));
}

/// A reader that fell behind is told where the log begins now.
pub async fn a_cursor_below_the_start_is_gone_and_told_where_it_begins(subject: &Subject) {
    let key = log("a");
    let head = four_entries(subject, &key).await;
    let at = |offset| Read::new(key.clone()).from(From::At(head.incarnation, Offset(offset)));
    subject.put(LogWrite::new(key.clone()).trim(Offset(3))).await;
    for offset in 0..3 {
        let expected = Gone { incarnation: head.incarnation, start: Offset(3) };
        assert_eq!(gone(subject.read(at(offset)).await), expected);
    }
    assert_eq!(page(subject, at(3)).await, (3, vec![Bytes::from("3")]));
    subject.put(LogWrite::new(key.clone()).trim(Offset(4))).await;
    assert_eq!(gone(subject.read(at(3)).await).start, Offset(4));
    assert_eq!(page(subject, at(4)).await, (4, vec![]));
}

/// A cursor into a log that was deleted and made again would read other entries as its own.
pub async fn a_cursor_of_another_incarnation_is_refused(subject: &Subject) {
    let key = log("a");
    let old = four_entries(subject, &key).await;
    subject.put(LogWrite::new(key.clone()).delete()).await;
    let at = |offset| Read::new(key.clone()).from(From::At(old.incarnation, Offset(offset)));
    let absent = subject.read(at(2)).await.expect("absence is no error");
    assert_eq!(absent, None);
    let new = four_entries(subject, &key).await;
    for offset in [0, 2, 4, 9] {
        let expected = Gone { incarnation: new.incarnation, start: Offset(0) };
        assert_eq!(gone(subject.read(at(offset)).await), expected);
    }
}

/// In a queue a cursor may stand on a hole: it goes on at the next entry.
pub async fn a_queues_cursor_skips_holes(subject: &Subject) {
    let key = queue("inbox");
    let mut write = QueueWrite::new(key.clone());
    for i in 0..6 {
        write = write.append(None, format!("{i}"));
    }
    let head = subject.put_queue(write).await;
    let it = subject.revision(&key, 0).await;
    let holes = [0, 2, 5].into_iter().map(Offset);
    subject.put(holes.fold(QueueWrite::new(key.clone()), |write, hole| write.remove(hole, it))).await;
    let at = |offset| Read::new(key.clone()).from(From::At(head.incarnation, Offset(offset)));
    let offsets = async |read: Read| {
        let page = subject.read(read).await.expect("it can be read").and_then(Page::into_queue);
        let page: QueuePage = page.expect("the queue is there");
        page.entries.iter().map(|entry| entry.offset.0).collect::<Vec<_>>()
    };
    assert_eq!(offsets(Read::new(key.clone())).await, [1, 3, 4]);
    assert_eq!(offsets(at(0)).await, [1, 3, 4]);
    assert_eq!(offsets(at(2)).await, [3, 4]);
    assert_eq!(offsets(at(2).limit(1, 100)).await, [3]);
    assert_eq!(offsets(at(4)).await, [4]);
    assert_eq!(offsets(at(5)).await, [0; 0]);
    assert_eq!(offsets(at(6)).await, [0; 0]);
    refused(subject.read(at(7)).await, Kind::Invalid);
    let other = subject.id();
    let foreign = Read::new(key.clone()).from(From::At(other, Offset(1)));
    assert_eq!(gone(subject.read(foreign).await).incarnation, head.incarnation);
    assert_eq!(offsets(Read::new(key.clone()).from(From::Last(2))).await, [3, 4]);
    assert_eq!(offsets(Read::new(key.clone()).from(From::Last(9))).await, [1, 3, 4]);
    assert_eq!(offsets(Read::new(key.clone()).from(From::Last(0))).await, [0; 0]);
    assert_eq!(offsets(Read::new(key.clone()).from(From::Last(3)).limit(2, 100)).await, [1, 3]);
}

/// The last so many, oldest first; fewer where there are fewer.
pub async fn last_gives_the_last_entries_oldest_first(subject: &Subject) {
    let key = log("a");
    four_entries(subject, &key).await;
    let last = |n| Read::new(key.clone()).from(From::Last(n));
    assert_eq!(page(subject, last(2)).await, (2, vec!["2".into(), Bytes::from("3")]));
    assert_eq!(page(subject, last(0)).await, (4, vec![]));
    assert_eq!(page(subject, last(3).limit(1, 100)).await, (1, vec![Bytes::from("1")]));
    assert_eq!(page(subject, last(4)).await.0, 0);
    assert_eq!(page(subject, last(usize::MAX)).await.0, 0);
    subject.put(LogWrite::new(key.clone()).trim(Offset(3))).await;
    assert_eq!(page(subject, last(2)).await, (3, vec![Bytes::from("3")]));
}

/// A page ends at either bound, and the next one goes on where it ended.
pub async fn a_page_holds_no_more_than_was_asked(subject: &Subject) {
    let key = log("a");
    let mut write = LogWrite::new(key.clone());
    for entry in ["a", "bb", "ccc", "dddd", "e", "ff"] {
        write = write.append(entry);
    }
    let head = subject.put_log(write).await;
    let pages = async |max_entries, max_bytes| {
        let mut read = Read::new(key.clone()).limit(max_entries, max_bytes);
        let mut pages = Vec::new();
        loop {
            let (first, entries) = page(subject, read.clone()).await;
            if entries.is_empty() {
                return pages;
            }
            read = read.from(From::At(head.incarnation, Offset(first + entries.len() as u64)));
            pages.push(entries.iter().map(|e| String::from_utf8_lossy(e).into_owned()).collect::<Vec<_>>());
        }
    };
    assert_eq!(pages(100, 100).await, [["a", "bb", "ccc", "dddd", "e", "ff"].to_vec()]);
    assert_eq!(pages(4, 100).await, [vec!["a", "bb", "ccc", "dddd"], vec!["e", "ff"]]);
    assert_eq!(pages(100, 6).await, [vec!["a", "bb", "ccc"], vec!["dddd", "e"], vec!["ff"]]);
    assert_eq!(pages(100, 5).await, [vec!["a", "bb"], vec!["ccc"], vec!["dddd", "e"], vec!["ff"]]);
    assert_eq!(pages(2, 5).await, [vec!["a", "bb"], vec!["ccc"], vec!["dddd", "e"], vec!["ff"]]);
}

/// An entry larger than the bound would otherwise stop its reader for ever. It comes alone.
pub async fn a_page_has_at_least_one_entry_if_there_is_any(subject: &Subject) {
    let (a, q) = (log("a"), queue("inbox"));
    // The second is empty: it would fit any bound, if the first had not gone beyond it.
    subject.put(LogWrite::new(a.clone()).append("long").append("")).await;
    subject.put(QueueWrite::new(q.clone()).append(None, "long").append(None, "")).await;
    for max_bytes in [0, 1, 3] {
        let read = Read::new(a.clone()).limit(10, max_bytes);
        assert_eq!(page(subject, read).await, (0, vec![Bytes::from("long")]));
        let read = Read::new(q.clone()).limit(10, max_bytes);
        let found = subject.read(read).await.expect("it can be read").and_then(Page::into_queue);
        assert_eq!(found.expect("it is there").entries.len(), 1);
    }
}

/// Who asks for no entries wants the head, and the base if they say so.
pub async fn no_entries_are_given_to_who_wants_none(subject: &Subject) {
    let (a, q) = (log("a"), queue("inbox"));
    let head = four_entries(subject, &a).await;
    subject.put(QueueWrite::new(q.clone()).append(None, "x")).await;
    let found = subject.read(Read::new(a.clone()).limit(0, 100)).await.expect("it can be read");
    let found = found.and_then(Page::into_log).expect("it is there");
    assert_eq!((found.head, found.base.as_deref()), (head, Some(&b"base"[..])));
    assert_eq!((found.first, found.entries.len(), found.next()), (Offset(0), 0, Offset(0)));
    let found = subject.read(Read::head(a)).await.expect("it can be read").and_then(Page::into_log);
    let found = found.expect("it is there");
    assert_eq!((found.head, found.base, found.entries.len()), (head, None, 0));
    let found = subject.read(Read::head(q)).await.expect("it can be read").and_then(Page::into_queue);
    assert_eq!(found.expect("it is there").entries, []);
}

/// The base comes with the page, or not, as asked; entries are given either way.
pub async fn the_base_is_given_when_wanted(subject: &Subject) {
    let key = log("a");
    four_entries(subject, &key).await;
    for (base, expected) in [(Base::Always, Some(Bytes::from("base"))), (Base::Never, None)] {
        let found = subject.read(Read::new(key.clone()).base(base)).await.expect("it can be read");
        let found = found.and_then(Page::into_log).expect("it is there");
        assert_eq!((found.base, found.entries.len()), (expected, 4), "{base:?}");
    }
    let found = subject.put_log(LogWrite::new(log("without")).append("x")).await;
    assert_eq!(found.base_version, 0);
    assert_eq!(subject.log(&log("without")).await.base, None);
}

/// A reader that has the base is spared it, until there is another, in the same log or in one made again.
pub async fn unless_spares_a_reader_the_base_it_has_and_no_other(subject: &Subject) {
    let key = log("a");
    let had = subject.put_log(LogWrite::new(key.clone()).base("one")).await;
    let unless = |head: LogHead| Base::Unless(head.incarnation, head.base_version);
    let base = async |base: Base| {
        let found = subject.read(Read::new(key.clone()).base(base)).await.expect("it can be read");
        found.and_then(Page::into_log).expect("it is there").base
    };
    assert_eq!(base(unless(had)).await, None);
    subject.put(LogWrite::new(key.clone()).append("entry")).await;
    assert_eq!(base(unless(had)).await, None, "an entry is no new base");
    let next = subject.put_log(LogWrite::new(key.clone()).base("two")).await;
    assert_eq!(base(unless(had)).await, Some("two".into()));
    assert_eq!(base(unless(next)).await, None);
    subject.put(LogWrite::new(key.clone()).delete()).await;
    let again = subject.put_log(LogWrite::new(key.clone()).base("three")).await;
    assert_eq!(again.base_version, had.base_version, "the same version, of another incarnation");
    assert_eq!(base(unless(had)).await, Some("three".into()));
    assert_eq!(base(unless(again)).await, None);
}

/// What a reader got is the reader's.
pub async fn what_was_read_stays_as_it_was(subject: &Subject) {
    let (a, q) = (log("a"), queue("inbox"));
    let every: Bytes = (0..=u8::MAX).collect();
    subject.put(LogWrite::new(a.clone()).base(every.clone()).append(every.clone())).await;
    subject.put(QueueWrite::new(q.clone()).append(None, every.clone())).await;
    let (log_page, queue_page) = (subject.log(&a).await, subject.queue(&q).await);
    let revision = queue_page.entries[0].revision;
    let zeros = Bytes::from(vec![0; 256]);
    subject.put(LogWrite::new(a.clone()).base(zeros.clone()).append(zeros.clone()).trim(Offset(1))).await;
    subject.put(QueueWrite::new(q.clone()).replace(Offset(0), revision, zeros)).await;
    subject.put(LogWrite::new(a.clone()).delete()).await;
    assert_eq!(log_page.base.as_ref(), Some(&every));
    assert_eq!(log_page.entries, std::slice::from_ref(&every));
    assert_eq!(queue_page.entries[0].bytes, every);
}

/// Two reads of one key in one call see the same.
pub async fn a_key_can_be_read_twice_in_one_call(subject: &Subject) {
    let key = log("a");
    four_entries(subject, &key).await;
    let reads = [Read::head(key.clone()), Read::new(key.clone()), Read::new(key).from(From::Last(1))];
    let results = subject.storage().read(&reads).await.expect("the storage can be read");
    let entries: Vec<usize> = results
        .into_iter()
        .map(|result| result.expect("it can be read").and_then(Page::into_log).expect("it is there"))
        .map(|page| page.entries.len())
        .collect();
    assert_eq!(entries, [0, 4, 1]);
}
