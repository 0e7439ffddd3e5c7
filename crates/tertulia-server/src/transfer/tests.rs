//! From one store in memory into another.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tertulia::storage::{
    Appended, Batch, CommitId, Expire, ItemId, Limits, ListQuery, LogWrite, Memory, Offset, QueueWrite, Read,
    Revision, SEEN_FOR, SeenId, SeenQuery, Storage, Write,
};
use tertulia::{Clock, Conversation, Key, Name, Shard, Timestamp};
use tertulia_testkit::{Call, Fault, Faulty};

use super::export::export;
use super::import::{Import, Lines};
use super::line::process;
use super::progress::Progress;
use crate::failure::Failure;

const HOUR: Duration = Duration::from_hours(1);
const SECOND: Duration = Duration::from_secs(1);

fn number(space: &'static str, id: i64) -> ItemId {
    ItemId::Number(Name::from_static(space), id)
}

fn log(id: &str) -> Key {
    Key::Log(Conversation::new("test", id).unwrap(), Name::from_static("log"))
}

fn queue() -> Key {
    Key::Queue(Shard(3), Name::from_static("inbox"))
}

fn store() -> Memory {
    Memory::with(Clock::starting_at(Timestamp(1_000_000), 1), Limits::default(), 1 << 30)
}

async fn commit(storage: &Memory, id: u64, writes: impl IntoIterator<Item = impl Into<Write>>) {
    let writes = writes.into_iter().map(Into::into).collect();
    storage.commit(Batch::new(CommitId(id), writes)).await.unwrap();
}

/// A store with one of each.
async fn filled() -> Memory {
    let storage = store();
    let number = |id| Some(ItemId::Number(Name::from_static("space"), id));
    commit(
        &storage,
        1,
        [
            LogWrite::new(log("plain")).base("grüße").append("one").append(vec![0, 255]),
            LogWrite::new(log("trimmed")).append("gone").append("kept"),
            LogWrite::new(log("empty")).append("gone").append("gone too"),
            LogWrite::new(log("emptied")).base("left").append("gone"),
            LogWrite { first: Some(Offset(40)), ..LogWrite::new(log("fork")).append("forty") },
            LogWrite::new(log("brief")).base("brief").expire(Expire::After(HOUR)),
            LogWrite::new(Key::ShardLog(Shard(7), Name::from_static("epoch"))).base(""),
        ],
    )
    .await;
    let append = QueueWrite::new(queue()).append(number(-1), "first").append(None, "second");
    commit(&storage, 2, [append.append(Some(ItemId::Bytes(Name::from_static("h"), [9; 16])), "third")]).await;
    commit(&storage, u64::MAX, [LogWrite::new(log("plain")).append("last")]).await;
    commit(&storage, 4, [LogWrite::new(log("trimmed")).trim(Offset(1))]).await;
    commit(&storage, 5, [LogWrite::new(log("empty")).trim(Offset(2))]).await;
    commit(&storage, 6, [LogWrite::new(log("emptied")).trim(Offset(1))]).await;
    commit(&storage, 7, [QueueWrite::new(queue()).remove(Offset(1), Revision(CommitId(2)))]).await;
    let far = Key::Queue(Shard(200), Name::from_static("inbox"));
    let done =
        [QueueWrite::new(queue()).append(number(5), "done"), QueueWrite::new(far).append(number(6), "done")];
    commit(&storage, 8, done.clone()).await;
    let offsets = [Offset(3), Offset(0)];
    let removals = done.into_iter().zip(offsets).map(|(done, offset)| {
        let brief = ItemId::Number(Name::from_static("brief"), i64::from(done.key.shard().0));
        QueueWrite::new(done.key).discard(offset, CommitId(8)).see(brief, HOUR)
    });
    commit(&storage, 9, removals).await;
    storage
}

/// What queues remember.
async fn ids(storage: &Memory) -> Vec<SeenId> {
    storage.seen(&SeenQuery::default()).await.unwrap().ids
}

async fn exported(storage: &dyn Storage) -> String {
    let clock = Clock::starting_at(Timestamp(1_000_000), 2);
    let mut out = Vec::new();
    export(storage, &clock, &mut out, &mut Progress::new("exported")).await.unwrap();
    String::from_utf8(out).unwrap()
}

async fn imported(storage: &Memory, text: &str) -> Result<(), Failure> {
    let clock = Clock::starting_at(Timestamp(1_000_000), 3);
    let mut progress = Progress::new("imported");
    let mut lines = Lines::new(text.as_bytes());
    let header = lines.header()?;
    Import::new(storage, &clock, &mut progress).run(&header, &mut lines).await
}

/// What there is, by key, but for revisions and the offsets of queues, which are made anew, and what they remember.
async fn everything(storage: &Memory) -> Vec<String> {
    let mut found = Vec::new();
    for listed in storage.list(&ListQuery::default()).await.unwrap().keys {
        let read = Read::new(listed.key.clone()).limit(usize::MAX, usize::MAX);
        let page = storage.read(&[read]).await.unwrap().remove(0).unwrap().unwrap();
        let head = page.head();
        if head.queue().is_some_and(|queue| queue.count == 0) {
            continue;
        }
        found.push(match (page.clone().into_log(), page.into_queue()) {
            (Some(page), _) => format!(
                "{} {} {:?} {:?} {} {} {:?}",
                listed.key,
                page.head.incarnation,
                page.base,
                page.first,
                page.head.end,
                page.entries.len(),
                (page.entries.iter().map(|entry| entry.to_vec()).collect::<Vec<_>>(), page.head.expires_in),
            ),
            (_, Some(page)) => format!(
                "{} {:?} {:?}",
                listed.key,
                head.queue().map(|head| (head.incarnation, head.count, head.bytes)),
                page.entries.into_iter().map(|entry| (entry.id, entry.bytes)).collect::<Vec<_>>(),
            ),
            _ => unreachable!("a page is of a log or of a queue"),
        });
    }
    found.extend(
        ids(storage).await.into_iter().map(|SeenId { queue, id, left }| format!("{queue} {id} {left:?}")),
    );
    found
}

#[tokio::test(start_paused = true)]
async fn all_that_a_store_keeps_goes_into_another() {
    let (from, to) = (filled().await, store());
    imported(&to, &exported(&from).await).await.unwrap();
    let there = everything(&to).await;
    assert_eq!(there.len(), 8 + 6, "{there:#?}");
    assert!(there == everything(&from).await, "{there:#?}");
    // Ids are known there, so that an update that is given again is seen, whether it waited or was done.
    let number = |id| Some(ItemId::Number(Name::from_static("space"), id));
    let again = QueueWrite::new(queue()).append(number(-1), "x").append(number(5), "x");
    let committed = to.commit(Batch::new(CommitId(9), vec![again.into()])).await.unwrap();
    assert_eq!(committed.appended, [Appended::Seen; 2]);
    // And once more.
    let third = store();
    imported(&third, &exported(&to).await).await.unwrap();
    assert!(everything(&third).await == everything(&from).await);
}

#[tokio::test(start_paused = true)]
async fn an_export_of_version_1_is_read() {
    let to = store();
    imported(&to, include_str!("fixtures/export-1.jsonl")).await.unwrap();
    let there = everything(&to).await;
    let remembered = [number("telegram", i64::MAX), ItemId::Bytes(Name::from_static("http"), [9; 16])];
    assert_eq!(there.len(), 6 + remembered.len(), "{there:#?}");
    for id in remembered {
        assert!(ids(&to).await.contains(&SeenId { queue: queue(), id, left: SEEN_FOR }), "of the entries");
    }
}

#[tokio::test(start_paused = true)]
async fn many_ids_go_in_several_lines_and_none_is_doubled() {
    let (from, to) = (store(), store());
    let see = (0..25_000).fold(QueueWrite::new(queue()), |write, id| write.see(number("space", id), HOUR));
    commit(&from, 1, [see]).await;
    let whole = exported(&from).await;
    assert_eq!(whole.lines().count(), 1 + 3 + 1, "at most 10,000 a line");
    imported(&to, &whole).await.unwrap();
    assert_eq!(
        to.seen(&SeenQuery { limit: 100_000, ..SeenQuery::default() }).await.unwrap().ids.len(),
        25_000
    );
    assert_eq!(exported(&to).await, whole);
}

/// What came since may not be in the file as an update, so it must not be there as one that was seen.
#[tokio::test(start_paused = true)]
async fn ids_that_came_after_the_export_began_are_left_out() {
    let from = filled().await;
    let slow = Faulty::new(Arc::new(from.clone()));
    slow.next(Call::Seen, Fault::Delay(2 * SECOND));
    let came = QueueWrite::new(queue()).append(Some(number("space", 77)), "came meanwhile");
    let meanwhile = async {
        tokio::time::sleep(SECOND).await;
        commit(&from, 77, [came]).await;
    };
    let (text, ()) = tokio::join!(exported(&slow), meanwhile);
    let to = store();
    imported(&to, &text).await.unwrap();
    let (there, since) = (ids(&to).await, ids(&from).await);
    assert_eq!((there.len(), since.len()), (6, 7));
    assert!(there.iter().all(|seen| seen.id != number("space", 77)), "{there:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_cut_short_goes_on_where_it_stopped() {
    let from = filled().await;
    let whole = exported(&from).await;
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    for cut in 1..lines.len() {
        let to = store();
        let half = &lines[cut][..lines[cut].len() / 2];
        let text = imported(&to, &(lines[..cut].concat() + half)).await.unwrap_err().to_string();
        assert!(text.starts_with(&format!("line {}: the export ends early", cut + 1)), "{text}");
        imported(&to, &whole).await.unwrap();
        assert!(everything(&to).await == everything(&from).await, "cut in line {cut}");
        // And a third time there is nothing left to do.
        imported(&to, &whole).await.unwrap();
        assert!(everything(&to).await == everything(&from).await, "cut in line {cut}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_longer_than_a_batch_goes_in_several_and_goes_on_within() {
    let (from, to) = (store(), store());
    let long = (0..12_u8).fold(LogWrite::new(log("long")), |write, n| write.append(vec![n; 900_000]));
    commit(&from, 8, [long.base("base")]).await;
    let whole = exported(&from).await;
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 15, "an entry a line");
    imported(&to, &lines[..8].concat()).await.unwrap_err();
    let there = everything(&to).await;
    assert_eq!(there.len(), 1, "a batch of it is there");
    imported(&to, &whole).await.unwrap();
    assert!(everything(&to).await == everything(&from).await);
}

#[tokio::test(start_paused = true)]
async fn what_is_there_already_is_not_written_over() {
    let text = exported(&filled().await).await;
    let other = store();
    commit(&other, 77, [LogWrite::new(log("plain")).base("mine")]).await;
    let refused = imported(&other, &text).await.unwrap_err().to_string();
    assert!(refused.contains("test:plain log is there already, and is another"), "{refused}");
    let other = store();
    commit(&other, 77, [QueueWrite::new(queue()).append(None, "mine")]).await;
    let refused = imported(&other, &text).await.unwrap_err().to_string();
    assert!(refused.contains("inbox is there already, and is another"), "{refused}");
    // Of the same beginning, and gone on since.
    let other = store();
    imported(&other, &text).await.unwrap();
    commit(&other, 78, [LogWrite::new(log("plain")).append("since")]).await;
    let refused = imported(&other, &text).await.unwrap_err().to_string();
    assert!(refused.contains("test:plain log is there already, and has been written to since"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_on_the_way_stays_away() {
    let from = filled().await;
    let text = exported(&from).await;
    tokio::time::advance(HOUR).await;
    let to = store();
    let clock = Clock::starting_at(Timestamp(1_000_000).after(HOUR), 3);
    let mut lines = Lines::new(text.as_bytes());
    let header = lines.header().unwrap();
    Import::new(&to, &clock, &mut Progress::new("imported")).run(&header, &mut lines).await.unwrap();
    let there = everything(&to).await;
    assert_eq!(there.len(), 7 + 4);
    assert!(!there.iter().any(|found| found.contains("brief")));
}

#[tokio::test(start_paused = true)]
async fn lines_that_are_wrong_are_named() {
    let whole = exported(&filled().await).await;
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let changed = |at: usize, change: &dyn Fn(&mut Value)| {
        let mut line: Value = serde_json::from_str(lines[at]).unwrap();
        change(&mut line);
        lines[..at].concat() + &line.to_string() + "\n" + &lines[at + 1..].concat()
    };
    let find = |what: &str| lines.iter().position(|line| line.starts_with(what)).unwrap();
    let (a_log, items, end) = (find("{\"log\""), find("{\"items\""), find("{\"end\""));
    let entries = find("{\"entries\"");
    let end_of_queue = lines.iter().rposition(|line| line.starts_with("{\"items\"")).unwrap() + 2;
    let seen = find("{\"seen\"");
    let hashes = lines.iter().position(|line| line.contains("hashes")).unwrap();
    let cases: [(usize, String, &str); 18] = [
        (1, "{\"tertulia\"".into(), "the export ends early"),
        (
            end_of_queue,
            changed(find("{\"queue\""), &|line| line["queue"]["count"] = 3.into()),
            "shard 3 queue inbox was to have 3 entries and has 2",
        ),
        (
            items + 1,
            changed(find("{\"queue\""), &|line| line["queue"]["count"] = 1.into()),
            "shard 3 queue inbox was to have 1 entries and has 2",
        ),
        (1, "\n".into(), "no line of an export"),
        (1, lines[1].into(), "begins with `tertulia`"),
        (
            1,
            changed(0, &|line| line["tertulia"]["version"] = 3.into()),
            "version 3, this program reads versions up to 2",
        ),
        (seen + 1, changed(seen, &|line| line["seen"]["queue"] = "".into()), "name"),
        (seen + 1, changed(seen, &|line| line["seen"]["more"] = 1.into()), "more"),
        (
            hashes + 1,
            changed(hashes, &|line| line["seen"]["hashes"][0][0] = format!("+{}", "0".repeat(31)).into()),
            "is not 32 hexadecimal digits",
        ),
        (
            a_log + 2,
            lines[..a_log].concat() + lines[seen] + &lines[a_log..].concat(),
            "ids come behind all logs and queues",
        ),
        (end + 1, changed(end, &|line| line["end"]["ids"] = 99.into()), "99 ids"),
        (a_log + 1, changed(a_log, &|line| line["log"]["conversation"] = "x".into()), "source:id"),
        (a_log + 1, changed(a_log, &|line| line["log"]["incarnation"] = "xyz".into()), "16 hexadecimal"),
        (a_log + 1, changed(a_log, &|line| line["log"]["more"] = 1.into()), "more"),
        (items + 1, changed(items, &|line| line["items"][0]["bytes"] = "!".into()), "base64"),
        (end + 1, changed(end, &|line| line["end"]["entries"] = 9_999.into()), "9999 entries"),
        (end + 1, format!("{whole}{whole}"), "the file goes on"),
        (
            entries + 1,
            changed(entries - 1, &|line| line["log"]["end"] = line["log"]["first"].clone()),
            "was to end at 0 and goes on",
        ),
    ];
    for (line, text, says) in cases {
        let failure = imported(&store(), &text).await.unwrap_err().to_string();
        assert!(failure.starts_with(&format!("line {line}: ")) && failure.contains(says), "{failure}");
    }
    // One too many is not written.
    let to = store();
    let text = changed(entries, &|line| {
        let more = line["entries"][0].clone();
        line["entries"].as_array_mut().unwrap().push(more);
    });
    let failure = imported(&to, &text).await.unwrap_err().to_string();
    assert!(failure.starts_with(&format!("line {}: ", entries + 1)), "{failure}");
    assert!(failure.contains("was to end at") && failure.contains("and goes on"), "{failure}");
    let named = failure.split(": ").nth(1).and_then(|text| text.split(" was").next()).unwrap();
    let there = everything(&to).await;
    assert!(!there.iter().any(|found| found.starts_with(named)), "{named}: {there:#?}");
    // An entry is missing, and nobody says so but the log.
    let entries = find("{\"entries\"");
    let text = changed(entries, &|line| drop(line["entries"].as_array_mut().unwrap().pop()));
    let failure = imported(&store(), &text).await.unwrap_err().to_string();
    assert!(failure.contains("was to end at"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_file_with_nothing_in_it_is_empty() {
    assert_eq!(imported(&store(), "").await.unwrap_err().to_string(), "it is empty");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_imported_where_a_server_was_started() {
    let started = |id| LogWrite::new(process()).base(format!("started by {id}"));
    let from = filled().await;
    commit(&from, 90, [started(90)]).await;
    let text = exported(&from).await;
    let to = store();
    commit(&to, 91, [started(91)]).await;
    let refused = imported(&to, &text).await.unwrap_err().to_string();
    assert!(
        refused.contains("a server was started on") && refused.contains("nothing is imported"),
        "{refused}"
    );
    assert_eq!(everything(&to).await.len(), 1, "nothing was written");
    // Nor on what came by an earlier import, once a server has run on it.
    let to = store();
    imported(&to, &text).await.unwrap();
    imported(&to, &text).await.unwrap();
    commit(&to, 92, [started(92)]).await;
    let refused = imported(&to, &text).await.unwrap_err().to_string();
    assert!(refused.contains("a server was started on"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_was_written_to_since_it_was_imported_is_not_passed_over() {
    let (text, to) = (exported(&filled().await).await, store());
    imported(&to, &text).await.unwrap();
    commit(&to, 79, [QueueWrite::new(queue()).append(None, "since")]).await;
    let refused = imported(&to, &text).await.unwrap_err().to_string();
    assert!(
        refused.contains("shard 3 queue inbox is there already, and has been written to since"),
        "{refused}"
    );
}
