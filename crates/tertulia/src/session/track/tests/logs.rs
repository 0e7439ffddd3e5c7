//! States with logs inside.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Agent, begin, home, key, step, storage, store};
use crate::error::Kind;
use crate::session::track::Track;
use crate::storage::{Read, Storage};
use crate::{Key, Log};

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
