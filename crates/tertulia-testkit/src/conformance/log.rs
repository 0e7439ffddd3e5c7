//! Rules 3 and 4: heads, etags, incarnations, and the order base, append, trim.

use bytes::Bytes;
use tertulia::error::Kind;
use tertulia::storage::{Etag, Expect, Expire, From, LogHead, LogWrite, Offset, Page, Read};

use super::batch::refused;
use crate::Subject;
use crate::subject::log;

/// The head of a log with a base only.
pub async fn a_base_makes_a_log(subject: &Subject) {
    let (id, committed) = subject.apply([LogWrite::new(log("a")).base("12345").into()]).await;
    let head = LogHead {
        etag: Etag { version: 1, commit: id },
        incarnation: id,
        base_version: 1,
        base_len: 5,
        start: Offset(0),
        end: Offset(0),
        entry_bytes: 0,
        expires_in: None,
    };
    assert_eq!(committed.heads[0].and_then(|head| head.log()), Some(head));
    let page = subject.log(&log("a")).await;
    assert_eq!((page.head, page.base.as_deref()), (head, Some(&b"12345"[..])));
    assert_eq!((page.first, page.entries.len()), (Offset(0), 0));
}

/// The head of a log with entries only, from offset 0.
pub async fn an_entry_makes_a_log(subject: &Subject) {
    let (id, committed) = subject.apply([LogWrite::new(log("a")).append("123").append("45").into()]).await;
    let head = LogHead {
        etag: Etag { version: 1, commit: id },
        incarnation: id,
        base_version: 0,
        base_len: 0,
        start: Offset(0),
        end: Offset(2),
        entry_bytes: 5,
        expires_in: None,
    };
    assert_eq!(committed.heads[0].and_then(|head| head.log()), Some(head));
    let page = subject.log(&log("a")).await;
    assert_eq!((page.head, page.base), (head, None));
    assert_eq!((page.first, page.entries), (Offset(0), vec!["123".into(), Bytes::from("45")]));
}

/// Offsets go on from commit to commit, and the etag moves once for each, whatever it appends.
pub async fn entries_are_dense_and_the_etag_moves_with_each_commit(subject: &Subject) {
    let key = log("a");
    for round in 0..10_u64 {
        let write = LogWrite::new(key.clone()).append(format!("{}", 2 * round));
        let write = write.append(format!("{}", 2 * round + 1));
        let (id, committed) = subject.apply([write.into()]).await;
        let head = committed.heads[0].and_then(|head| head.log()).expect("it is there");
        assert_eq!(head.etag, Etag { version: round + 1, commit: id });
        assert_eq!((head.start, head.end), (Offset(0), Offset(2 * round + 2)));
    }
    let entries: Vec<Bytes> = (0..20).map(|i| Bytes::from(format!("{i}"))).collect();
    assert_eq!(subject.log(&key).await.entries, entries);
}

/// In one write: a base, then entries since it, then a trim that may reach into those entries.
pub async fn a_write_sets_the_base_then_appends_then_trims(subject: &Subject) {
    let key = log("a");
    subject.put(LogWrite::new(key.clone()).base("old").append("0").append("1")).await;
    let write = LogWrite::new(key.clone()).trim(Offset(3)).append("22").append("33").base("newer");
    let head = subject.put_log(write).await;
    assert_eq!((head.etag.version, head.base_version, head.base_len), (2, 2, 5));
    assert_eq!(head.entry_bytes, 4, "appended since the base of the same write");
    assert_eq!((head.start, head.end), (Offset(3), Offset(4)));
    let page = subject.log(&key).await;
    assert_eq!((page.head, page.base.as_deref()), (head, Some(&b"newer"[..])));
    assert_eq!((page.first, page.entries), (Offset(3), vec![Bytes::from("33")]));
    let all = subject.put_log(LogWrite::new(log("b")).append("0").append("1").trim(Offset(2))).await;
    assert_eq!((all.start, all.end, all.entry_bytes), (Offset(2), Offset(2), 2));
    assert_eq!(subject.log(&log("b")).await.entries, Vec::<Bytes>::new());
}

/// A base replaces the base and nothing else; the entries stay until they are trimmed.
pub async fn a_new_base_keeps_the_entries(subject: &Subject) {
    let key = log("a");
    let first = subject.put_log(LogWrite::new(key.clone()).base("1").append("x").append("y")).await;
    let second = subject.put_log(LogWrite::new(key.clone()).base("two")).await;
    assert_eq!((second.incarnation, second.start, second.end), (first.incarnation, first.start, first.end));
    assert_eq!((second.base_version, second.base_len, second.entry_bytes), (2, 3, 0));
    let page = subject.log(&key).await;
    assert_eq!(page.base.as_deref(), Some(&b"two"[..]));
    assert_eq!(page.entries, ["x", "y"]);
}

/// What decides when to compact counts what was appended since the base, trimmed or not.
pub async fn entry_bytes_counts_what_was_appended_since_the_base(subject: &Subject) {
    let key = log("a");
    let put = async |write: LogWrite| subject.put_log(write).await.entry_bytes;
    assert_eq!(put(LogWrite::new(key.clone()).append("123")).await, 3, "without a base, all");
    assert_eq!(put(LogWrite::new(key.clone()).base("base")).await, 0);
    assert_eq!(put(LogWrite::new(key.clone()).append("12").append("345")).await, 5);
    assert_eq!(put(LogWrite::new(key.clone()).trim(Offset(2))).await, 5);
    assert_eq!(put(LogWrite::new(key.clone()).append("6").trim(Offset(4))).await, 6);
    assert_eq!(put(LogWrite::new(key.clone()).base("again").append("7")).await, 1);
}

/// The base's version is the etag's at the commit that set it, and stays while entries are appended.
pub async fn the_base_version_is_the_etags_when_it_was_set(subject: &Subject) {
    let key = log("a");
    subject.put(LogWrite::new(key.clone()).append("1")).await;
    subject.put(LogWrite::new(key.clone()).append("2")).await;
    let set = subject.put_log(LogWrite::new(key.clone()).base("b")).await;
    assert_eq!((set.etag.version, set.base_version), (3, 3));
    let after = subject.put_log(LogWrite::new(key.clone()).append("3")).await;
    assert_eq!((after.etag.version, after.base_version, after.base_len), (4, 3, 1));
}

/// A trim below the start does nothing, one beyond the end drops everything, and appending goes on at the end.
pub async fn a_trim_is_clamped(subject: &Subject) {
    let key = log("a");
    subject.put(LogWrite::new(key.clone()).append("0").append("1").append("2").append("3")).await;
    let trim = async |offset| {
        let head = subject.put_log(LogWrite::new(key.clone()).trim(Offset(offset))).await;
        (head.start.0, head.end.0)
    };
    assert_eq!(trim(0).await, (0, 4));
    assert_eq!(trim(2).await, (2, 4));
    assert_eq!(trim(1).await, (2, 4));
    assert_eq!(subject.log(&key).await.entries, ["2", "3"]);
    assert_eq!(trim(u64::MAX).await, (4, 4));
    assert_eq!(subject.log(&key).await.entries, Vec::<Bytes>::new());
    let head = subject.put_log(LogWrite::new(key.clone()).append("4")).await;
    assert_eq!((head.start, head.end), (Offset(4), Offset(5)));
    assert_eq!(subject.log(&key).await.entries, ["4"]);
}

/// Trims and deadlines are house-keeping: who waits for news or expects an etag is not disturbed.
pub async fn a_trim_or_a_deadline_does_not_move_the_etag(subject: &Subject) {
    let key = log("a");
    let etag = subject.put_log(LogWrite::new(key.clone()).base("b").append("0").append("1")).await.etag;
    for write in [
        LogWrite::new(key.clone()).trim(Offset(1)),
        LogWrite::new(key.clone()).expire(Expire::After(std::time::Duration::from_hours(1))),
        LogWrite::new(key.clone()).expire(Expire::Never),
        LogWrite::new(key.clone()),
    ] {
        let head = subject.put_log(write.expect(Expect::Etag(etag))).await;
        assert_eq!(head.etag, etag);
        assert_eq!(subject.head(&key).await.map(|head| head.etag()), Some(etag));
    }
}

/// What is not there is not made by tidying it.
pub async fn only_a_base_or_an_entry_makes_a_log(subject: &Subject) {
    let key = log("a");
    for write in [
        LogWrite::new(key.clone()),
        LogWrite::new(key.clone()).trim(Offset(3)),
        LogWrite::new(key.clone()).expire(Expire::After(std::time::Duration::from_hours(1))),
        LogWrite::new(key.clone()).expire(Expire::Never),
        LogWrite::new(key.clone()).delete(),
    ] {
        assert_eq!(subject.put(write).await, None);
        assert_eq!(subject.head(&key).await, None);
    }
    let head = subject.put_log(LogWrite::new(key.clone()).append("0")).await;
    assert_eq!((head.start, head.end, head.expires_in), (Offset(0), Offset(1), None));
}

/// A fork begins where its source stood.
pub async fn first_says_where_a_new_log_begins(subject: &Subject) {
    let fork = |name: &str, first: u64| {
        let mut write = LogWrite::new(log(name));
        write.first = Some(Offset(first));
        write
    };
    let head = subject.put_log(fork("entries", 7).append("7").append("8").append("9").trim(Offset(8))).await;
    assert_eq!((head.start, head.end, head.etag.version), (Offset(8), Offset(10), 1));
    let page = subject.log(&log("entries")).await;
    assert_eq!((page.first, page.entries), (Offset(8), vec!["8".into(), Bytes::from("9")]));
    let head = subject.put_log(fork("base", 40).base("building")).await;
    assert_eq!((head.start, head.end), (Offset(40), Offset(40)));
    let head = subject.put_log(LogWrite::new(log("base")).append("40")).await;
    assert_eq!((head.start, head.end), (Offset(40), Offset(41)));
    let head = subject.put_log(fork("trimmed", 5).append("5").trim(Offset(2))).await;
    assert_eq!((head.start, head.end), (Offset(5), Offset(6)), "a trim below the first drops nothing");
}

/// A log that is there has its offsets already; a log that gets neither base nor entry is not made.
pub async fn first_is_invalid_for_a_log_that_is_there_or_is_not_made(subject: &Subject) {
    let key = log("a");
    let mut write = LogWrite::new(key.clone());
    write.first = Some(Offset(2));
    refused(subject.commit([write.clone().into()]).await, Kind::Invalid);
    assert_eq!(subject.head(&key).await, None);
    let head = subject.put(LogWrite::new(key.clone()).append("0").append("1")).await;
    let text = refused(subject.commit([write.append("2").into()]).await, Kind::Invalid);
    assert!(text.contains(&key.to_string()), "the message names the key: {text}");
    assert_eq!(subject.head(&key).await, head);
}

/// A fork cannot begin where no engine could count on.
pub async fn first_has_a_limit(subject: &Subject) {
    let fork = |name: &str, first: Offset| {
        let mut write = LogWrite::new(log(name)).append("0").append("1");
        write.first = Some(first);
        write
    };
    let max = LogWrite::MAX_FIRST;
    let head = subject.put_log(fork("a", max)).await;
    assert_eq!((head.start, head.end), (max, Offset(max.0 + 2)));
    let at = Read::new(log("a")).from(From::At(head.incarnation, Offset(max.0 + 1)));
    let page = subject.read(at).await.expect("it can be read").and_then(Page::into_log);
    assert_eq!(page.expect("it is there").entries, ["1"]);
    for first in [max.0 + 1, i64::MAX.cast_unsigned(), u64::MAX] {
        let text = refused(subject.commit([fork("b", Offset(first)).into()]).await, Kind::Invalid);
        assert!(text.contains(&max.to_string()), "the message names the limit: {text}");
        assert_eq!(subject.head(&log("b")).await, None);
    }
}

/// A deleted log is absent, and deleting it again is fine.
pub async fn a_deleted_log_is_absent(subject: &Subject) {
    let key = log("a");
    subject.put(LogWrite::new(key.clone()).base("b").append("0")).await;
    assert_eq!(subject.put(LogWrite::new(key.clone()).delete()).await, None);
    assert_eq!(subject.try_log(&key).await, None);
    assert_eq!(subject.put(LogWrite::new(key.clone()).delete()).await, None);
    assert_eq!(subject.try_log(&key).await, None);
}

/// Made again, it is another log: nothing of the old one shows, its offsets and version begin anew.
pub async fn a_log_made_again_is_another_incarnation(subject: &Subject) {
    let key = log("a");
    let old = LogWrite::new(key.clone()).base("old").append("0").append("1").append("2");
    let old = subject.put_log(old.expire(Expire::After(std::time::Duration::from_hours(1)))).await;
    subject.put(LogWrite::new(key.clone()).delete()).await;
    let (id, _) = subject.apply([LogWrite::new(key.clone()).append("new").into()]).await;
    let page = subject.log(&key).await;
    assert_ne!(page.head.incarnation, old.incarnation);
    assert_eq!(page.head.etag, Etag { version: 1, commit: id });
    assert_eq!((page.head.incarnation, page.head.base_version, page.head.base_len), (id, 0, 0));
    assert_eq!((page.head.start, page.head.end), (Offset(0), Offset(1)));
    assert_eq!((page.head.entry_bytes, page.head.expires_in), (3, None));
    assert_eq!((page.base, page.entries), (None, vec![Bytes::from("new")]));
}

/// Nothing, kept, is not the same as nothing there.
pub async fn an_empty_base_and_an_empty_entry_are_there(subject: &Subject) {
    let key = log("a");
    let head = subject.put_log(LogWrite::new(key.clone()).base("").append("").append("")).await;
    assert_eq!((head.base_version, head.base_len, head.entry_bytes), (1, 0, 0));
    let page = subject.log(&key).await;
    assert_eq!(page.base.as_deref(), Some(&b""[..]));
    assert_eq!(page.entries, ["", ""]);
}

/// Every commit's id stands in the head it made, so that a lost answer can be told from a lost batch (rule 10).
pub async fn the_head_names_the_commit_that_made_it(subject: &Subject) {
    let key = log("a");
    let (first, _) = subject.apply([LogWrite::new(key.clone()).base("x").into()]).await;
    assert_eq!(subject.log(&key).await.head.etag.commit, first);
    let (second, _) = subject.apply([LogWrite::new(key.clone()).append("x").into()]).await;
    let head = subject.log(&key).await.head;
    assert_eq!((head.etag.commit, head.incarnation), (second, first));
}

/// Bytes come back as they went in, whatever they are and however many.
pub async fn any_bytes_come_back_as_they_were(subject: &Subject) {
    let key = log("a");
    let every: Bytes = (0..=u8::MAX).chain([0, 0, 255, 254, b'\'', b'"', b'\\', 0]).collect();
    let nul = Bytes::from_static(&[0]);
    let long: Bytes = (0..1_000_003_u32).map(|i| i.to_le_bytes()[0] ^ i.to_le_bytes()[1]).collect();
    let write = LogWrite::new(key.clone()).base(long.clone()).append(every.clone());
    subject.put(write.append(nul.clone()).append(long.clone())).await;
    let page = subject.log(&key).await;
    assert!(page.base.as_ref() == Some(&long), "the base is a million bytes as they were");
    assert_eq!(page.entries[0], every);
    assert_eq!(page.entries[1], nul);
    assert!(page.entries[2] == long, "the entry is a million bytes as they were");
    subject.put(LogWrite::new(key.clone()).base(every.clone())).await;
    assert_eq!(subject.log(&key).await.base, Some(every));
}

/// With everything trimmed the log is still there, and remembers where it ends.
pub async fn a_log_with_nothing_left_is_still_there(subject: &Subject) {
    let key = log("a");
    subject.put(LogWrite::new(key.clone()).append("0").append("1")).await;
    let head = subject.put_log(LogWrite::new(key.clone()).trim(Offset(2))).await;
    let page = subject.log(&key).await;
    assert_eq!(page.head, head);
    assert!(subject.head(&key).await.is_some_and(|head| head.is_empty()));
    assert_eq!((page.base, page.first, page.entries.len()), (None, Offset(2), 0));
}
