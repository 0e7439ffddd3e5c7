//! [`Counting`] is the storage under it, and counts what was written and nothing else.

use std::sync::Arc;

use tertulia::error::Kind;
use tertulia::storage::{
    Batch, CommitId, Expect, Expire, ItemId, Limits, ListQuery, LogWrite, Memory, Offset, QueueWrite, Read,
    Revision, Storage, Write,
};
use tertulia::{Clock, Conversation, Key, Name, Shard};
use tertulia_testkit::conformance::Time;
use tertulia_testkit::{Counting, Counts, Subject, Written};

async fn open(limits: Limits) -> Subject {
    let memory = Memory::with(Clock::system(), limits, Memory::DEFAULT_MAX_BYTES);
    Subject::new(Arc::new(Counting::new(Arc::new(memory))))
}

tertulia_testkit::conformance!(Time::Paused, open);

fn counting() -> Counting {
    Counting::new(Arc::new(Memory::new()))
}

fn session(name: &str) -> Key {
    let conversation = Conversation::new("test", "1").expect("a valid conversation");
    Key::Log(conversation, Name::new(format!("session/{name}")).expect("a valid name"))
}

fn inbox() -> QueueWrite {
    QueueWrite::new(Key::Queue(Shard(0), Name::from_static("inbox")))
}

async fn commit(storage: &Counting, id: u64, writes: Vec<Write>) -> Result<(), Kind> {
    storage.commit(Batch::new(CommitId(id), writes)).await.map(drop).map_err(|error| error.kind())
}

#[tokio::test]
async fn what_is_written_is_counted_by_name() {
    let storage = counting();
    let id = |id| Some(ItemId::Number(Name::from_static("space"), id));
    let writes = vec![
        LogWrite::new(session("a")).base("12345").append("1").append("22").trim(Offset(1)).into(),
        LogWrite::new(session("b")).append("4444").into(),
        inbox().append(id(1), "333").append(id(1), "never stored").append(None, "4444").into(),
    ];
    commit(&storage, 1, writes).await.unwrap();
    let first = Revision(CommitId(1));
    let writes = vec![
        LogWrite::new(session("a")).delete().into(),
        inbox().replace(Offset(0), first, "55555").discard(Offset(1), first.0).into(),
    ];
    commit(&storage, 2, writes).await.unwrap();
    let sessions = Written {
        writes: 3,
        bases: 1,
        base_bytes: 5,
        entries: 3,
        entry_bytes: 7,
        trims: 1,
        deletes: 1,
        ..Written::default()
    };
    let queue = Written {
        writes: 2,
        entries: 2,
        entry_bytes: 12,
        seen: 1,
        replaced: 1,
        removed: 1,
        ..Written::default()
    };
    assert_eq!(storage.written("session/"), sessions);
    assert_eq!(storage.written("session/b").entry_bytes, 4);
    assert_eq!(storage.written("inbox"), queue);
    assert_eq!(storage.written("").writes, 5);
    assert_eq!(storage.written("").bytes(), 24);
    assert_eq!(storage.written("outbox"), Written::default());
}

#[tokio::test]
async fn checks_and_what_was_seen_are_no_writes() {
    let storage = counting();
    let id = || Some(ItemId::Number(Name::from_static("space"), 1));
    commit(&storage, 1, vec![inbox().append(id(), "x").into()]).await.unwrap();
    storage.take();
    let check = LogWrite::new(session("a")).expect(Expect::Absent);
    commit(&storage, 2, vec![check.into(), inbox().append(id(), "x").into()]).await.unwrap();
    assert_eq!(storage.written("session/"), Written { checks: 1, ..Written::default() });
    assert_eq!(storage.written("inbox"), Written { seen: 1, ..Written::default() });
    let deadline = LogWrite::new(session("a")).expire(Expire::Never);
    commit(&storage, 3, vec![deadline.into()]).await.unwrap();
    assert_eq!(storage.written("session/").writes, 1, "a deadline is one");
}

#[tokio::test]
async fn what_was_refused_is_counted_as_refused_alone() {
    let storage = counting();
    let write = LogWrite::new(session("a")).expect(Expect::Incarnation(CommitId(9))).base("x");
    assert_eq!(commit(&storage, 1, vec![write.into()]).await, Err(Kind::Conflict));
    let expected = Counts { batches: 1, refused: 1, ..Counts::default() };
    assert_eq!(storage.counts(), expected);
}

#[tokio::test]
async fn reads_listings_and_waits_are_counted() {
    let storage = counting();
    commit(&storage, 1, vec![LogWrite::new(session("a")).base("12345").append("67").into()]).await.unwrap();
    commit(&storage, 2, vec![inbox().append(None, "890").into()]).await.unwrap();
    storage.take();
    let inbox = inbox().key;
    let reads =
        [Read::new(session("a")), Read::head(session("a")), Read::new(session("b")), Read::new(inbox)];
    storage.read(&reads).await.unwrap();
    storage.list(&ListQuery::default()).await.unwrap();
    storage.changed(&session("a"), None).await.unwrap();
    let counts = storage.take();
    assert_eq!((counts.batches, counts.reads, counts.lists, counts.changed), (0, 1, 1, 1));
    assert_eq!(counts.written("session/"), Written { reads: 3, bytes_read: 7, ..Written::default() });
    assert_eq!(counts.written("inbox"), Written { reads: 1, bytes_read: 3, ..Written::default() });
    assert_eq!(storage.counts(), Counts::default(), "taken");
}
