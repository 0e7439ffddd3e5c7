//! Rule 5: the ids that queues remember are given page by page, and can be handed over.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use tertulia::error::Kind;
use tertulia::storage::{
    Appended, Cursor, ItemId, ListQuery, Offset, QueueWrite, SEEN_FOR, SeenId, SeenQuery,
};
use tertulia::{Key, Name};

use super::batch::{conflict, refused};
use super::expiry::{SOON, pass};
use super::list::list;
use crate::Subject;
use crate::subject::{elsewhere, queue};

const HOUR: Duration = Duration::from_hours(1);

/// More than a page that was not asked for by size may hold.
const MANY: usize = 10_000;

/// Every id that is remembered, by pages of so many; panics if one comes twice.
pub(crate) async fn seen(subject: &Subject, limit: usize) -> Vec<SeenId> {
    let mut query = SeenQuery { limit, ..SeenQuery::default() };
    let (mut found, mut known) = (Vec::new(), BTreeSet::new());
    loop {
        let page = subject.storage().seen(&query).await.expect("the ids can be asked for");
        assert!(page.ids.len() <= limit.max(1), "a page has at most its limit");
        for seen in page.ids {
            assert!(known.insert((seen.queue.clone(), seen.id.clone())), "{seen:?} is given once");
            assert!(!seen.left.is_zero() && seen.left <= SEEN_FOR, "{seen:?}");
            found.push(seen);
        }
        match page.next {
            None => return found,
            next => query.after = next,
        }
    }
}

async fn ids(subject: &Subject, limit: usize) -> BTreeSet<(Key, ItemId)> {
    seen(subject, limit).await.into_iter().map(|seen| (seen.queue, seen.id)).collect()
}

fn number(id: i64) -> ItemId {
    ItemId::Number(Name::from_static("space"), id)
}

fn hash(byte: u8) -> ItemId {
    ItemId::Bytes(Name::from_static("space"), [byte; 16])
}

/// A queue of another shard.
fn far(name: &'static str) -> Key {
    Key::Queue(elsewhere(0).shard(), Name::from_static(name))
}

fn write(key: &Key) -> QueueWrite {
    QueueWrite::new(key.clone())
}

async fn append(subject: &Subject, key: &Key, id: ItemId) -> Appended {
    let (_, committed) = subject.apply([write(key).append(Some(id), "x").into()]).await;
    committed.appended[0]
}

/// Each with its queue and nearly all of its time; entries without ids leave none.
pub async fn ids_are_given_whether_their_entries_are_there_or_gone(subject: &Subject) {
    assert_eq!(seen(subject, MANY).await, [], "a new store remembers nothing");
    let other = ItemId::Number(Name::from_static("other"), 7);
    let mut expected = BTreeSet::new();
    for (key, id) in [
        (queue("inbox"), number(i64::MIN)),
        (queue("inbox"), number(7)),
        (queue("inbox"), hash(7)),
        (queue("inbox"), other.clone()),
        (queue("outbox"), number(7)),
        (far("inbox"), number(i64::MAX)),
        (far("inbox"), hash(255)),
    ] {
        assert!(matches!(append(subject, &key, id.clone()).await, Appended::At(_)));
        expected.insert((key, id));
    }
    subject.put(write(&queue("inbox")).append(None, "x")).await;
    for key in [queue("inbox"), far("inbox")] {
        let entries = subject.queue(&key).await.entries;
        let removal = entries.iter().skip(1).fold(write(&key), |w, e| w.remove(e.offset, e.revision));
        subject.put(removal).await;
    }
    let found = seen(subject, MANY).await;
    assert!(found.iter().all(|seen| seen.left > SEEN_FOR - HOUR), "{found:?}");
    let found: BTreeSet<_> = found.into_iter().map(|seen| (seen.queue, seen.id)).collect();
    assert_eq!(found, expected);
}

/// However small the pages, each id comes once and none is left out; many of one batch too.
pub async fn a_page_of_ids_has_a_bound_and_none_is_given_twice(subject: &Subject) {
    let mut expected = BTreeSet::new();
    for key in [queue("inbox"), queue("outbox"), far("inbox")] {
        let of_far = i64::from(key == far("inbox")) * 100;
        let ids = (0..9).map(|n| number(of_far + n)).chain([hash(of_far.to_le_bytes()[0])]);
        let all: Vec<ItemId> = ids.collect();
        let appends = all.iter().fold(write(&key), |write, id| write.append(Some(id.clone()), ""));
        subject.put(appends).await;
        expected.extend(all.into_iter().map(|id| (key.clone(), id)));
    }
    for limit in [0, 1, 2, 3, 7, 29, 30, 31, MANY] {
        assert_eq!(ids(subject, limit).await, expected, "{limit}");
    }
}

/// What was there when the walk began is given once, whatever is appended between two pages.
pub async fn ids_that_stay_are_given_once_while_others_are_appended(subject: &Subject) {
    let stay: BTreeSet<ItemId> = (0..40).map(|n| number(4 * n)).collect();
    for id in &stay {
        append(subject, &queue("inbox"), id.clone()).await;
    }
    let mut query = SeenQuery { limit: 3, ..SeenQuery::default() };
    let mut found = Vec::new();
    for round in 0..40 {
        let page = subject.storage().seen(&query).await.expect("the ids can be asked for");
        found.extend(page.ids.into_iter().map(|seen| seen.id).filter(|id| stay.contains(id)));
        match page.next {
            None => break,
            next => query.after = next,
        }
        // Before, between and behind those that stay, and again one of them.
        for id in [number(-round - 1), number(4 * round + 1), number(1_000 + round), number(4 * round)] {
            append(subject, &queue("inbox"), id).await;
        }
    }
    found.sort_unstable();
    assert_eq!(found, stay.into_iter().collect::<Vec<_>>());
}

/// What another store has seen is not appended here.
pub async fn an_id_handed_over_is_seen_and_has_no_entry(subject: &Subject) {
    let inbox = queue("inbox");
    let handed = [number(5), number(-5), hash(5)];
    let see = handed.iter().fold(write(&inbox), |write, id| write.see(id.clone(), HOUR));
    subject.put(see.append(Some(number(6)), "x")).await;
    for id in &handed {
        assert_eq!(append(subject, &inbox, id.clone()).await, Appended::Seen, "{id}");
    }
    let page = subject.queue(&inbox).await;
    assert_eq!((page.head.end, page.head.count, page.entries.len()), (Offset(1), 1, 1));
    // Whatever is between them, and in another queue, is not.
    for id in [number(4), number(0), hash(4)] {
        assert!(matches!(append(subject, &inbox, id.clone()).await, Appended::At(_)), "{id}");
    }
    assert_eq!(append(subject, &queue("outbox"), number(5)).await, Appended::At(Offset(0)));
    for found in seen(subject, MANY).await.iter().filter(|seen| handed.contains(&seen.id)) {
        let is_new = found.queue == queue("outbox");
        assert_eq!(found.left > HOUR, is_new, "{found:?}");
    }
}

/// A queue without entries that goes on from its beginning; one that is there has the etag that it had.
pub async fn an_id_handed_over_makes_a_queue_and_moves_none(subject: &Subject) {
    let inbox = queue("inbox");
    let made = subject.put_queue(write(&inbox).see(number(1), HOUR)).await;
    assert_eq!((made.etag.version, made.end, made.count, made.bytes), (1, Offset(0), 0, 0));
    assert_eq!(made.etag.commit, made.incarnation);
    assert!(list(subject, &ListQuery::default()).await.into_keys().eq([inbox.clone()]));
    assert_eq!(subject.changed(&inbox, None).await.and_then(|head| head.queue()), Some(made));
    assert_eq!(subject.put_queue(write(&inbox).see(number(2), HOUR)).await, made);
    assert_eq!(subject.put_queue(write(&inbox).see(number(2), HOUR)).await, made, "nothing is new");
    assert_eq!(append(subject, &inbox, number(3)).await, Appended::At(Offset(0)));
    assert_eq!(subject.queue(&inbox).await.head.etag.version, 2);
    // Nothing to remember makes nothing.
    assert_eq!(subject.put(write(&queue("outbox")).see(number(1), Duration::ZERO)).await, None);
    assert_eq!(append(subject, &queue("outbox"), number(1)).await, Appended::At(Offset(0)));
}

/// Neither a queue's own ids nor those of its entries lose or win time; of two in a write the first counts.
pub async fn an_id_that_is_known_is_left_as_it_is(subject: &Subject) {
    let inbox = queue("inbox");
    append(subject, &inbox, number(1)).await;
    let again = write(&inbox).see(number(1), HOUR).see(number(2), HOUR).see(number(2), 3 * HOUR);
    subject.put(again.append(Some(number(3)), "x").see(number(3), HOUR)).await;
    subject.put(write(&inbox).see(number(2), 3 * HOUR)).await;
    let mut found = seen(subject, MANY).await;
    found.sort_unstable();
    let near = |left: Duration, wanted| left <= wanted && left > wanted - Duration::from_mins(1);
    let wanted = [(number(1), SEEN_FOR), (number(2), HOUR), (number(3), SEEN_FOR)];
    assert_eq!(found.len(), wanted.len(), "{found:?}");
    for (found, (id, left)) in found.into_iter().zip(wanted) {
        assert!(found.id == id && near(found.left, left), "{found:?}");
    }
    subject.put(write(&inbox).see(number(4), 1_000 * HOUR)).await;
    let longest = seen(subject, MANY).await.into_iter().find(|seen| seen.id == number(4));
    assert!(longest.is_some_and(|seen| near(seen.left, SEEN_FOR)), "48 hours is the most");
}

/// A batch that conflicts remembers nothing.
pub async fn an_id_is_handed_over_with_its_batch_or_not_at_all(subject: &Subject) {
    let inbox = queue("inbox");
    let fails = write(&inbox).see(number(1), HOUR).remove(Offset(0), subject.no_revision());
    conflict(subject.commit([fails.into()]).await);
    assert_eq!(seen(subject, MANY).await, []);
    assert_eq!(append(subject, &inbox, number(1)).await, Appended::At(Offset(0)));
}

/// They survive what appended ids survive.
pub async fn ids_handed_over_are_seen_when_opened_again(subject: &Subject) {
    let (inbox, far) = (queue("inbox"), far("inbox"));
    subject.put(write(&inbox).see(number(1), HOUR).see(hash(1), HOUR)).await;
    subject.put(write(&far).see(number(2), HOUR)).await;
    let before = ids(subject, MANY).await;
    assert_eq!(before.len(), 3);
    subject.close_and_open().await;
    assert_eq!(ids(subject, MANY).await, before);
    for (key, id) in [(&inbox, number(1)), (&inbox, hash(1)), (&far, number(2))] {
        assert_eq!(append(subject, key, id).await, Appended::Seen);
    }
}

/// Not for another 48 hours.
pub async fn an_id_handed_over_counts_for_the_time_it_has_left(subject: &Subject) {
    let inbox = queue("inbox");
    subject.put(write(&inbox).see(number(0), SOON).see(hash(0), SOON)).await;
    pass(subject, SOON).await;
    assert_eq!(seen(subject, MANY).await, []);
    assert_eq!(append(subject, &inbox, number(0)).await, Appended::At(Offset(0)));
    assert_eq!(append(subject, &inbox, hash(0)).await, Appended::At(Offset(1)));
    let inbox = queue("outbox");
    subject.put(write(&inbox).see(number(1), HOUR).see(number(2), 2 * HOUR)).await;
    if !subject.leap(HOUR - Duration::from_millis(1)).await {
        return;
    }
    assert_eq!(append(subject, &inbox, number(1)).await, Appended::Seen);
    subject.leap(Duration::from_millis(1)).await;
    let left = |id, left| SeenId { queue: inbox.clone(), id, left };
    let found = seen(subject, MANY).await.into_iter().filter(|seen| seen.queue == inbox);
    assert_eq!(found.collect::<Vec<_>>(), [left(number(2), HOUR)]);
    assert_eq!(append(subject, &inbox, number(2)).await, Appended::Seen);
    assert_eq!(append(subject, &inbox, number(1)).await, Appended::At(Offset(0)));
}

/// What was forgotten is not given, and given anew once it was appended anew.
pub async fn ids_are_forgotten_after_48_hours(subject: &Subject) {
    let inbox = queue("inbox");
    append(subject, &inbox, number(1)).await;
    if !subject.leap(HOUR).await {
        return;
    }
    append(subject, &inbox, number(2)).await;
    subject.leap(SEEN_FOR - HOUR).await;
    let left = |id, left| SeenId { queue: inbox.clone(), id, left };
    assert_eq!(seen(subject, 1).await, [left(number(2), HOUR)]);
    append(subject, &inbox, number(1)).await;
    let mut found = seen(subject, 1).await;
    found.sort_unstable();
    assert_eq!(found, [left(number(1), SEEN_FOR), left(number(2), HOUR)]);
}

/// A cursor is the storage's own word, and that of a listing is another.
pub async fn a_place_among_ids_that_was_not_given_is_invalid(subject: &Subject) {
    for n in 0..3 {
        append(subject, &queue("inbox"), number(n)).await;
        append(subject, &far("inbox"), number(10 + n)).await;
    }
    let listing = subject.storage().list(&ListQuery { limit: 1, ..ListQuery::default() }).await;
    let listed = listing.expect("the storage can be listed").next.expect("there is more");
    let foreign = [&b""[..], b"not a cursor", b"\xff\xff\xff", b"\x00", b"\x00\x01\x02\x03"];
    for after in foreign.map(|bytes| Cursor(Bytes::from_static(bytes))).into_iter().chain([listed]) {
        let query = SeenQuery { after: Some(after), ..SeenQuery::default() };
        refused(subject.storage().seen(&query).await, Kind::Invalid);
    }
}
