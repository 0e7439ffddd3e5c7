//! States with logs inside.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Agent, begin, home, key, step, storage, store};
use crate::error::Kind;
use crate::session::track::{Track, TrackHome};
use crate::session::{Codec, Options};
use crate::storage::{Batch, Behind, CommitId, Expect, Offset, Queued, Read, Storage, Write};
use crate::{Clock, Key, Log};

#[derive(Debug, Serialize, Deserialize)]
struct JustMessages {
    messages: Log<String>,
}

/// How many records a log inside run `1` has.
async fn records(storage: &Arc<dyn Storage>, number: u64) -> u64 {
    let Key::Log(conversation, _) = key("1") else { unreachable!() };
    let Key::Log(_, name) = key(&format!("1/log/{number}")) else { unreachable!() };
    let read = Read::head(Key::Log(conversation, name));
    let page = storage.read(&[read]).await.unwrap().remove(0).unwrap();
    page.map_or(0, |page| page.head().log().unwrap().end.0)
}

#[tokio::test]
async fn a_push_costs_what_was_pushed() {
    let storage = storage();
    let mut agent =
        Agent { messages: (0..10_000).map(|i| format!("message {i}")).collect(), ..Agent::default() };
    let (mut track, _) = begin(&storage, home(&storage, 4), &agent).await;
    agent.messages.push("hello".to_owned());
    let change = track.compare(&agent).unwrap().unwrap();
    assert_eq!(change.changed_keys(&track), ["messages"]);
    let writes = change.writes();
    assert_eq!((writes.len(), writes[0].append.len()), (1, 1));
    assert!(writes[0].append[0].len() < 30);
    assert!(change.record().len() < 16, "{} bytes", change.record().len());
    store(&storage, &mut track, change).await;
    assert!(track.compare(&agent).unwrap().is_none());
    assert_eq!(records(&storage, 1).await, 10_001);
    assert!(track.whole().len() < 100, "{} bytes", track.whole().len());
}

#[tokio::test]
async fn a_failed_step_is_rolled_back_from_memory() {
    let storage = storage();
    let mut agent = Agent { messages: Log::from(vec!["a".to_owned(), "b".to_owned()]), ..Agent::default() };
    let (mut track, _) = begin(&storage, home(&storage, 4), &agent).await;
    agent.messages.pop();
    agent.messages.push("x".to_owned());
    agent.calls.push(1);
    // Compared and not accepted, as when a commit fails.
    drop(track.compare(&agent).unwrap().unwrap());
    let mut agent: Agent = track.value().unwrap();
    assert_eq!(agent.messages.tail(), ["a", "b"]);
    assert!(agent.calls.is_empty());
    assert!(track.compare(&agent).unwrap().is_none());
    agent.messages.push("c".to_owned());
    step(&storage, &mut track, &agent).await;
    assert_eq!(records(&storage, 1).await, 3);
}

#[tokio::test]
async fn in_a_value_that_goes_on_though_its_change_was_dropped_logs_are_written_anew() {
    let storage = storage();
    let mut agent = Agent { messages: Log::from(vec!["a".to_owned()]), ..Agent::default() };
    let (mut track, whole) = begin(&storage, home(&storage, 4), &agent).await;
    agent.messages.push("b".to_owned());
    drop(track.compare(&agent).unwrap().unwrap());
    let change = track.compare(&agent).unwrap().unwrap();
    assert_eq!(change.writes()[0].append.len(), 2);
    let changes = [change.record().to_vec().into()];
    store(&storage, &mut track, change).await;
    let agent: Agent = Track::load(home(&storage, 4), &whole, &changes).await.unwrap().value().unwrap();
    assert_eq!(agent.messages.tail(), ["a", "b"]);
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Two {
    one: Log<u32>,
    other: Log<u32>,
}

#[tokio::test]
async fn a_log_that_a_value_has_twice_is_a_log_and_a_copy() {
    let storage = storage();
    let two = Two { one: Log::from(vec![1, 2]), other: Log::new() };
    let (mut track, whole) = begin(&storage, home(&storage, 4), &two).await;
    let mut two: Two = track.value().unwrap();
    two.other = track.value::<Two>().unwrap().one;
    two.other.push(3);
    let changes = [step(&storage, &mut track, &two).await];
    let two: Two = Track::load(home(&storage, 4), &whole, &changes).await.unwrap().value().unwrap();
    assert_eq!((two.one.tail(), two.other.tail()), (&[1, 2][..], &[1, 2, 3][..]));
}

#[tokio::test]
async fn any_earlier_version_is_there_after_another_branch_was_taken() {
    let storage = storage();
    let mut agent = Agent { messages: Log::from(vec!["a".to_owned()]), ..Agent::default() };
    let (mut track, whole) = begin(&storage, home(&storage, 2), &agent).await;
    let mut changes = Vec::new();
    for text in ["b", "c", "d", "e", "f"] {
        agent.messages.push(text.to_owned());
        changes.push(step(&storage, &mut track, &agent).await);
    }
    // Back to a, b, c; then another branch.
    let mut track = Track::load(home(&storage, 2), &whole, &changes[..2]).await.unwrap();
    let mut agent: Agent = track.value().unwrap();
    assert_eq!((agent.messages.len(), agent.messages.tail()), (3, &["b".to_owned(), "c".to_owned()][..]));
    agent.messages.push("x".to_owned());
    let branch = track.whole();
    let later = [step(&storage, &mut track, &agent).await];
    let mut agent: Agent = Track::load(home(&storage, 2), &branch, &later).await.unwrap().value().unwrap();
    assert_eq!(agent.messages.tail(), ["c", "x"]);
    assert_eq!(agent.messages.load_before(1).await.unwrap(), 1);
    assert_eq!(agent.messages.load_all().await.unwrap(), 1);
    assert_eq!(agent.messages.tail(), ["a", "b", "c", "x"]);
    // And the first branch.
    let mut agent: Agent = Track::load(home(&storage, 2), &whole, &changes).await.unwrap().value().unwrap();
    agent.messages.load_all().await.unwrap();
    assert_eq!(agent.messages.tail(), ["a", "b", "c", "d", "e", "f"]);
}

#[tokio::test]
async fn a_log_of_another_version_counts_as_a_copy() {
    let storage = storage();
    let agent = Agent { messages: (0..9).map(|i| i.to_string()).collect(), ..Agent::default() };
    let (mut track, _) = begin(&storage, home(&storage, 2), &agent).await;
    let mut reader: JustMessages = track.decode().unwrap();
    let mut agent: Agent = track.value().unwrap();
    // Of the same version it is the log.
    std::mem::swap(&mut agent.messages, &mut reader.messages);
    assert!(track.compare(&agent).unwrap().is_none());
    agent.messages.push("x".to_owned());
    step(&storage, &mut track, &agent).await;
    // The other one is older now.
    std::mem::swap(&mut agent.messages, &mut reader.messages);
    let error = track.compare(&agent).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.to_string().contains("a copy of a Log with 7 items that are not loaded"), "{error}");
    let mut agent: Agent = track.value().unwrap();
    agent.messages.load_all().await.unwrap();
    assert_eq!((agent.messages.len(), agent.messages.back().unwrap().as_str()), (10, "x"));
}

#[tokio::test]
async fn the_first_of_two_to_store_a_change_of_a_log_is_the_only_one() {
    let storage = storage();
    let agent = Agent { messages: Log::from(vec!["a".to_owned()]), ..Agent::default() };
    let (mut one, whole) = begin(&storage, home(&storage, 4), &agent).await;
    let mut other = Track::load(home(&storage, 4), &whole, &[]).await.unwrap();
    let push = |track: &mut Track| {
        let mut agent: Agent = track.value().unwrap();
        agent.messages.push("b".to_owned());
        agent.calls.push(1);
        track.compare(&agent).unwrap().unwrap()
    };
    let change = push(&mut one);
    let writes = push(&mut other).writes();
    assert_eq!(writes.len(), 2);
    store(&storage, &mut one, change).await;
    for write in writes {
        let batch = Batch::new(CommitId(7), vec![Write::Log(write)]);
        assert_eq!(storage.commit(batch).await.unwrap_err().kind(), Kind::Conflict);
    }
}

#[tokio::test]
async fn changes_that_are_only_queued_can_be_built_upon() {
    let storage = storage();
    let mut agent = Agent { messages: Log::from(vec!["a".to_owned()]), ..Agent::default() };
    let (mut track, change) = Track::begin(home(&storage, 1), &agent).unwrap();
    let (whole, mut queue) = (change.whole(&track), vec![change.writes()]);
    track.accept(change);
    let mut changes = Vec::new();
    for text in ["b", "c"] {
        agent.messages.push(text.to_owned());
        let change = track.compare(&agent).unwrap().unwrap();
        queue.push(change.writes());
        changes.push(change.record().to_vec().into());
        track.accept(change);
    }
    let mut agent: Agent = track.value().unwrap();
    for (id, writes) in (1..).zip(queue) {
        let writes = writes.into_iter().map(Write::Log).collect();
        storage.commit(Batch::new(CommitId(id), writes)).await.unwrap();
    }
    // What commit made the log was not said.
    assert_eq!(agent.messages.load_all().await.unwrap(), 2);
    assert_eq!(agent.messages.tail(), ["a", "b", "c"]);
    let mut track = Track::load(home(&storage, 4), &whole, &changes).await.unwrap();
    let mut agent: Agent = track.value().unwrap();
    assert_eq!(agent.messages.tail(), ["a", "b", "c"]);
    // From here on it is known.
    for end in [3, 4] {
        agent.messages.push("d".to_owned());
        let change = track.compare(&agent).unwrap().unwrap();
        assert_eq!(change.writes()[0].expect, Expect::End(CommitId(1), Offset(end)));
        track.accept(change);
    }
}

#[tokio::test]
async fn who_reads_older_items_waits_for_what_is_queued() {
    let storage = storage();
    let (track, _) = begin(&storage, home(&storage, 1), &Agent::default()).await;
    let (mut track, mut agent) = (track, Agent::default());
    agent.messages.extend(["a".to_owned(), "b".to_owned(), "c".to_owned()]);
    let mut change = track.compare(&agent).unwrap().unwrap();
    let behind = Behind::new(Arc::clone(&storage), Clock::system(), 1 << 20);
    let queued = change.writes().into_iter().map(|write| Queued { write, after: None }).collect();
    let Key::Log(conversation, _) = key("1") else { unreachable!() };
    let pending = behind.push(&conversation, queued).await.unwrap();
    change.queued(&pending);
    track.accept(change);
    let mut agent: Agent = track.value().unwrap();
    assert_eq!(agent.messages.tail(), ["c"]);
    assert_eq!(agent.messages.load_all().await.unwrap(), 2);
    assert_eq!(agent.messages.tail(), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_state_with_all_items_can_be_taken_elsewhere() {
    let storage = storage();
    let mut agent = Agent { count: 3, messages: (0..9).map(|i| i.to_string()).collect(), ..Agent::default() };
    let (mut track, _) = begin(&storage, home(&storage, 2), &agent).await;
    agent.messages.keep_last(7);
    step(&storage, &mut track, &agent).await;
    let all = home(&storage, 2).with_all_items();
    let original = Track::load(all, &track.whole(), &[]).await.unwrap();
    let mut agent: Agent = original.value().unwrap();
    let there = home(&storage, 2).at(key("2")).unwrap();
    let (mut track, whole) = begin(&storage, there.clone(), &agent).await;
    agent.messages.push("x".to_owned());
    let change = step(&storage, &mut track, &agent).await;
    let mut agent: Agent = Track::load(there, &whole, &[change]).await.unwrap().value().unwrap();
    agent.messages.load_all().await.unwrap();
    assert_eq!(agent.messages.tail(), ["2", "3", "4", "5", "6", "7", "8", "x"]);
    assert_eq!(records(&storage, 1).await, 9, "the log of the first run has as many as before");
}

#[tokio::test]
async fn items_that_lie_far_apart_are_found() {
    let storage = storage();
    let mut agent = Agent::default();
    let (mut track, _) = begin(&storage, home(&storage, 2), &agent).await;
    // More than are read on the way, and more pieces than are read at once.
    let (times, count) = (70, 140);
    for message in 0..count {
        agent.messages.push(String::new());
        for time in 0..times {
            *agent.messages.back_mut().unwrap() = format!("{message}, {time}");
            step(&storage, &mut track, &agent).await;
        }
    }
    let mut agent: Agent =
        Track::load(home(&storage, 2), &track.whole(), &[]).await.unwrap().value().unwrap();
    assert_eq!(agent.messages.load_before(1).await.unwrap(), 1);
    assert_eq!(agent.messages.load_all().await.unwrap(), count - 3);
    let whole: Vec<String> = (0..count).map(|message| format!("{message}, {}", times - 1)).collect();
    assert_eq!(agent.messages.tail(), whole);
    assert_eq!(records(&storage, 1).await, (count * times) as u64);
}

#[tokio::test]
async fn taking_items_away_writes_none() {
    let storage = storage();
    let mut agent = Agent { messages: (0..9).map(|i| i.to_string()).collect(), ..Agent::default() };
    agent.calls.push(1);
    let (mut track, whole) = begin(&storage, home(&storage, 4), &agent).await;
    agent.messages.pop();
    agent.messages.drop_first(2);
    agent.calls.clear();
    let change = track.compare(&agent).unwrap().unwrap();
    assert!(change.writes().is_empty());
    assert_eq!(change.changed_keys(&track), ["messages", "calls"]);
    let record = change.record().to_vec().into();
    track.accept(change);
    agent.calls.push(2);
    let changes = [record, step(&storage, &mut track, &agent).await];
    let agent: Agent = Track::load(home(&storage, 4), &whole, &changes).await.unwrap().value().unwrap();
    assert_eq!(
        (agent.messages.len(), agent.messages.tail()),
        (6, &["4", "5", "6", "7"].map(String::from)[..])
    );
    assert_eq!(agent.calls.tail(), [2]);
}

#[tokio::test]
async fn a_value_with_many_more_items_than_are_kept_is_overgrown() {
    let storage = storage();
    let mut agent = Agent::default();
    let (mut track, _) = begin(&storage, home(&storage, 4), &agent).await;
    agent.calls.extend(0..1_040);
    step(&storage, &mut track, &agent).await;
    assert!(!track.is_overgrown());
    agent.calls.push(1_040);
    step(&storage, &mut track, &agent).await;
    assert!(track.is_overgrown());
    let mut agent: Agent = track.value().unwrap();
    assert!(agent.calls.tail().len() <= 8, "{} items", agent.calls.tail().len());
    agent.calls.push(1_041);
    step(&storage, &mut track, &agent).await;
    assert!(!track.is_overgrown());
}

#[tokio::test]
async fn items_go_through_the_codecs() {
    let storage = storage();
    let options = Options { log_tail: 1, ..Options::default() }.codec(Reversed);
    let home = TrackHome::new(Arc::clone(&storage), &options, key("1")).unwrap();
    let mut agent = Agent::default();
    let (mut track, whole) = begin(&storage, home.clone(), &agent).await;
    let mut changes = Vec::new();
    for text in ["a", "b"] {
        agent.messages.push(text.to_owned());
        changes.push(step(&storage, &mut track, &agent).await);
    }
    let mut agent: Agent = Track::load(home, &whole, &changes).await.unwrap().value().unwrap();
    agent.messages.load_all().await.unwrap();
    assert_eq!(agent.messages.tail(), ["a", "b"]);
    let error = Track::load(super::home(&storage, 4), &whole, &changes).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
    assert!(error.to_string().contains("sealed with codec 200"), "{error}");
}

#[derive(Debug)]
struct Reversed;

impl Codec for Reversed {
    fn tag(&self) -> u8 {
        200
    }

    fn seal(&self, record: &[u8], place: &[u8]) -> crate::Result<Option<Vec<u8>>> {
        Ok(Some(record.iter().rev().chain(place).copied().collect()))
    }

    fn open(&self, sealed: &[u8], place: &[u8], _: usize) -> crate::Result<Vec<u8>> {
        let record = sealed.strip_suffix(place).ok_or_else(|| crate::Error::corrupt("another place"))?;
        Ok(record.iter().rev().copied().collect())
    }

    fn takes_plain(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn an_item_that_is_too_long_is_refused_and_nothing_is_lost() {
    let storage = storage();
    let mut agent = Agent { messages: Log::from(vec!["a".to_owned()]), ..Agent::default() };
    let (mut track, _) = begin(&storage, home(&storage, 4), &agent).await;
    agent.messages.push("a".repeat(8 << 20));
    let error = track.compare(&agent).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.to_string().contains("at most 8388608 are allowed"), "{error}");
    let mut agent: Agent = track.value().unwrap();
    agent.messages.push("b".to_owned());
    step(&storage, &mut track, &agent).await;
    assert_eq!(records(&storage, 1).await, 2);
}

#[test]
fn a_run_whose_logs_would_have_too_long_names_is_refused() {
    let home = |name: &str| TrackHome::new(storage(), &Options::default(), key(name));
    assert!(home(&"a".repeat(200)).is_ok());
    assert_eq!(home(&"a".repeat(250)).unwrap_err().kind(), Kind::Invalid);
}
