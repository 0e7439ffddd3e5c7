//! Rule 6: expired is absent, at once, for every method, and expiry is news.
//!
//! Nothing here sleeps: who waits for an expiry waits for [`changed`](tertulia::storage::Storage::changed).

use std::time::Duration;

use bytes::Bytes;
use tertulia::storage::{
    Appended, Etag, Expect, Expire, From, Head, ItemId, ListQuery, LogHead, LogWrite, Mismatch, Offset,
    QueueWrite, Read,
};
use tertulia::{Key, Name};

use super::batch::conflict;
use super::list::list;
use crate::Subject;
use crate::subject::{far_log, log, queue};

/// Short for who waits in real time, long enough to do something before.
pub(crate) const SOON: Duration = Duration::from_millis(60);

const LATER: Duration = Duration::from_hours(1);

fn until(key: &Key, deadline: Duration) -> LogWrite {
    LogWrite::new(key.clone()).expire(Expire::After(deadline))
}

/// A log that expires soon, and its head.
async fn expiring(subject: &Subject, key: &Key) -> LogHead {
    expiring_in(subject, key, SOON).await
}

async fn expiring_in(subject: &Subject, key: &Key, deadline: Duration) -> LogHead {
    subject.put_log(until(key, deadline).base("old").append("0").append("1")).await
}

/// Waits until so much time has passed since now.
pub(crate) async fn pass(subject: &Subject, time: Duration) {
    let timer = far_log(9, "timer");
    let head = subject.put_log(until(&timer, time).append("x")).await;
    assert_eq!(subject.changed(&timer, Some(head.etag)).await, None);
}

/// Deadlines for what is to be done before them, ever later: on a busy machine what is done in time with a second may
/// come too late with less.
fn deadlines() -> impl Iterator<Item = Duration> {
    std::iter::successors(Some(SOON), |deadline| Some(2 * *deadline))
}

/// A log whose deadline was changed before it came, and when it would have come.
async fn changed_in_time(subject: &Subject, key: &Key, expire: Expire) -> Duration {
    for deadline in deadlines() {
        expiring_in(subject, key, deadline).await;
        if subject.put(LogWrite::new(key.clone()).expire(expire)).await.is_some() {
            return deadline;
        }
    }
    unreachable!("there is always a later one")
}

/// Whoever waits for a log to change learns that it expired.
pub async fn expiry_wakes_who_waits(subject: &Subject) {
    let key = log("a");
    let head = expiring(subject, &key).await;
    assert_eq!(subject.changed(&key, Some(head.etag)).await, None);
    assert_eq!(subject.head(&key).await, None);
    assert_eq!(subject.changed(&key, Some(head.etag)).await, None, "and who comes later, too");
}

/// Reads, cursors, listings, expectations and heads all take it for absent.
pub async fn an_expired_log_is_absent_for_every_method(subject: &Subject) {
    let key = log("a");
    let head = expiring(subject, &key).await;
    subject.changed(&key, Some(head.etag)).await;
    assert_eq!(subject.try_log(&key).await, None);
    let at = Read::new(key.clone()).from(From::At(head.incarnation, Offset(1)));
    assert_eq!(subject.read(at).await.expect("absence is no error"), None);
    assert_eq!(list(subject, &ListQuery::default()).await.get(&key), None);
    for expect in [
        Expect::Incarnation(head.incarnation),
        Expect::Etag(head.etag),
        Expect::End(head.incarnation, head.end),
    ] {
        let write = LogWrite::new(key.clone()).expect(expect).append("x");
        let failed = conflict(subject.commit([write.into()]).await).failed;
        assert_eq!(failed, [Mismatch { key: key.clone(), head: None, offset: None }], "{expect:?}");
    }
    let (_, committed) = subject.apply([LogWrite::new(key.clone()).expect(Expect::Absent).into()]).await;
    assert_eq!(committed.heads, [None]);
}

/// Trimming, a new deadline or a delete does not bring it back.
pub async fn an_expired_log_is_not_revived(subject: &Subject) {
    let key = log("a");
    let head = expiring(subject, &key).await;
    subject.changed(&key, Some(head.etag)).await;
    for write in [
        LogWrite::new(key.clone()).expire(Expire::Never),
        until(&key, LATER),
        LogWrite::new(key.clone()).trim(Offset(1)),
        LogWrite::new(key.clone()).delete(),
    ] {
        assert_eq!(subject.put(write).await, None);
        assert_eq!(subject.head(&key).await, None);
    }
}

/// Written again, it is another log: nothing of the old one shows, and it does not inherit the deadline.
pub async fn an_expired_log_is_replaced_as_if_absent(subject: &Subject) {
    let key = log("a");
    let old = expiring(subject, &key).await;
    subject.changed(&key, Some(old.etag)).await;
    let (id, _) = subject.apply([LogWrite::new(key.clone()).append("new").into()]).await;
    let page = subject.log(&key).await;
    assert_eq!((page.head.etag, page.head.incarnation), (Etag { version: 1, commit: id }, id));
    assert_eq!((page.head.start, page.head.end, page.head.base_version), (Offset(0), Offset(1), 0));
    assert_eq!((page.head.entry_bytes, page.head.expires_in), (3, None));
    assert_eq!((page.base, page.entries), (None, vec![Bytes::from("new")]));
    let other = log("b");
    let old = expiring(subject, &other).await;
    subject.changed(&other, Some(old.etag)).await;
    let mut fork = LogWrite::new(other.clone()).append("7");
    fork.first = Some(Offset(7));
    assert_eq!(subject.put_log(fork).await.start, Offset(7), "a first offset is in order, it is not there");
}

/// The head says how much time is left.
pub async fn the_head_tells_the_time_left(subject: &Subject) {
    let key = log("a");
    let set = subject.put_log(until(&key, LATER).base("x")).await;
    assert_eq!(set.expires_in, Some(LATER));
    let left = subject.log(&key).await.head.expires_in.expect("it has a deadline");
    assert!(left <= LATER && left > LATER - Duration::from_mins(1), "{left:?}");
    if subject.leap(Duration::from_mins(20)).await {
        assert_eq!(subject.log(&key).await.head.expires_in, Some(Duration::from_mins(40)));
        let kept = subject.put_log(LogWrite::new(key.clone()).append("x")).await;
        assert_eq!(kept.expires_in, Some(Duration::from_mins(40)));
    }
    let never = subject.put_log(LogWrite::new(key.clone()).expire(Expire::Never)).await;
    assert_eq!(never.expires_in, None);
    assert_eq!(subject.log(&key).await.head.expires_in, None);
}

/// A write that says nothing of the deadline leaves it; the log expires although it was written to.
pub async fn a_deadline_is_kept_by_other_writes(subject: &Subject) {
    let key = log("a");
    for deadline in deadlines() {
        let set = expiring_in(subject, &key, deadline).await;
        let head = subject.put_log(LogWrite::new(key.clone()).base("new").append("2").trim(Offset(1))).await;
        if head.incarnation == set.incarnation {
            assert!(head.expires_in.is_some_and(|left| left <= deadline), "{:?}", head.expires_in);
            assert_eq!(subject.changed(&key, Some(head.etag)).await, None);
            return;
        }
        subject.put(LogWrite::new(key.clone()).delete()).await;
    }
}

/// A deadline that was removed or put off does not strike.
pub async fn a_deadline_can_be_removed_and_put_off(subject: &Subject) {
    let (never, later) = (log("never"), log("later"));
    let one = changed_in_time(subject, &never, Expire::Never).await;
    let other = changed_in_time(subject, &later, Expire::After(LATER)).await;
    pass(subject, one.max(other)).await;
    assert_eq!(subject.log(&never).await.entries, ["0", "1"]);
    assert_eq!(subject.log(&later).await.entries, ["0", "1"]);
    assert_eq!(list(subject, &ListQuery::default()).await.len(), 2);
}

/// Who waits for a far deadline is woken by a nearer one set meanwhile.
pub async fn a_deadline_moved_nearer_wakes_who_waits(subject: &Subject) {
    let key = log("a");
    let head = subject.put_log(until(&key, LATER).base("x")).await;
    let waiting = subject.changed(&key, Some(head.etag));
    let moving = async {
        let moved = subject.put_log(until(&key, SOON)).await;
        assert_eq!(moved.etag, head.etag);
    };
    let (found, ()) = futures_util::future::join(waiting, moving).await;
    assert_eq!(found, None);
}

/// Who waits for a near deadline goes on waiting when it is put off.
pub async fn a_deadline_put_off_does_not_wake_as_expired(subject: &Subject) {
    let key = log("a");
    for deadline in deadlines() {
        let head = expiring_in(subject, &key, deadline).await;
        let waiting = subject.changed(&key, Some(head.etag));
        let moving = async {
            subject.put(until(&key, LATER)).await?;
            pass(subject, deadline).await;
            Some(subject.put_log(LogWrite::new(key.clone()).append("2")).await)
        };
        if let (found, Some(moved)) = futures_util::future::join(waiting, moving).await {
            assert_eq!(found.map(|head| head.etag()), Some(moved.etag));
            return;
        }
    }
}

/// To the millisecond, where time can be moved.
pub async fn a_log_is_there_until_its_deadline_and_not_at_it(subject: &Subject) {
    if !subject.can_leap() {
        return;
    }
    let key = log("a");
    let head = subject.put(until(&key, LATER).base("x")).await;
    let millisecond = Duration::from_millis(1);
    subject.leap(LATER - millisecond).await;
    let found = subject.head(&key).await.and_then(|head| head.log()).expect("a millisecond is left");
    assert_eq!(found.expires_in, Some(millisecond));
    assert_eq!(Some(found.etag), head.map(|head| head.etag()));
    subject.leap(millisecond).await;
    assert_eq!(subject.head(&key).await, None);
    assert_eq!(list(subject, &ListQuery::default()).await.len(), 0);
}

/// No time at all is over at once; more than any calendar holds never is.
pub async fn the_shortest_and_the_longest_deadline_are_in_order(subject: &Subject) {
    let (short, long) = (log("short"), log("long"));
    subject.commit([until(&short, Duration::ZERO).base("x").into()]).await.expect("no time is a deadline");
    assert_eq!(subject.head(&short).await, None);
    subject.put(until(&long, Duration::MAX).base("x")).await;
    let head = subject.head(&long).await;
    assert!(head.is_some(), "the end of time has not come");
    let waiting = subject.changed(&long, head.map(|head| head.etag()));
    let (found, moved) =
        futures_util::future::join(waiting, subject.put_log(LogWrite::new(long.clone()).append("x"))).await;
    assert_eq!(found.map(|head| head.etag()), Some(moved.etag));
}

/// One of many expires; its neighbours of the same commit do not.
pub async fn only_what_expires_expires(subject: &Subject) {
    let (_, committed) = subject
        .apply([
            until(&log("soon"), SOON).base("x").into(),
            until(&log("later"), LATER).base("x").into(),
            LogWrite::new(log("never")).base("x").into(),
        ])
        .await;
    subject.changed(&log("soon"), committed.heads[0].map(|head| head.etag())).await;
    let left: Vec<Key> = list(subject, &ListQuery::default()).await.into_keys().collect();
    assert_eq!(left, [log("later"), log("never")]);
}

/// Ids are remembered for 48 hours, each from when it was appended, and then may come again.
pub async fn an_id_is_seen_for_48_hours(subject: &Subject) {
    let hour = Duration::from_hours(1);
    let append = async |id| {
        let id = Some(ItemId::Number(Name::from_static("space"), id));
        let (_, committed) = subject.apply([QueueWrite::new(queue("inbox")).append(id, "x").into()]).await;
        committed.appended[0]
    };
    assert_eq!(append(1).await, Appended::At(Offset(0)));
    assert_eq!(append(1).await, Appended::Seen);
    if !subject.leap(hour).await {
        return;
    }
    assert_eq!(append(2).await, Appended::At(Offset(1)));
    subject.leap(47 * hour - Duration::from_millis(1)).await;
    assert_eq!(append(1).await, Appended::Seen, "being seen again does not count anew");
    subject.leap(Duration::from_millis(1)).await;
    assert_eq!(append(1).await, Appended::At(Offset(2)));
    assert_eq!(append(1).await, Appended::Seen, "it counts anew");
    assert_eq!(append(2).await, Appended::Seen);
    subject.leap(hour).await;
    assert_eq!(append(2).await, Appended::At(Offset(3)));
    assert_eq!(append(1).await, Appended::Seen);
    assert_eq!(append(2).await, Appended::Seen);
}

/// Making it again while somebody waits for the old one's end wakes them with the new one, or before.
pub async fn a_log_made_again_after_expiry_is_news(subject: &Subject) {
    let key = log("a");
    let old = expiring(subject, &key).await;
    pass(subject, SOON).await;
    let new = subject.put_log(LogWrite::new(key.clone()).base("new")).await;
    let found = subject.changed(&key, Some(old.etag)).await;
    assert_eq!(found, Some(Head::Log(new)));
}
