//! What is kept in memory, and the heads that can be told before a commit.

use std::sync::Arc;
use std::time::Duration;

use super::super::{
    Batch, BoxFuture, Committed, Etag, Expect, Expire, Head, ListQuery, Listing, LogHead, LogWrite, Memory,
    Offset, Page, Properties, Read, SeenPage, SeenQuery, Storage,
};
use super::*;
use crate::error::Kind;
use crate::{Error, Key, Name};

fn conversation(id: usize) -> Conversation {
    Conversation::new("test", &id.to_string()).unwrap()
}

fn write(conversation: &Conversation) -> LogWrite {
    LogWrite::new(Key::Log(conversation.clone(), Name::from_static("a")))
}

fn queued(write: LogWrite) -> Vec<Queued> {
    vec![Queued { write, after: None }]
}

#[tokio::test(start_paused = true)]
async fn an_idle_conversation_takes_no_memory() {
    let behind = Behind::new(Arc::new(Memory::new()), Clock::system(), 1 << 20);
    for id in 0..100 {
        behind.push(&conversation(id), queued(write(&conversation(id)).append("entry"))).await.unwrap();
    }
    assert_eq!(behind.0.lanes.lock().conversations().len(), 100);
    behind.flush_all().await.unwrap();
    // The writers look once more for what was queued meanwhile.
    while Arc::strong_count(&behind.0) > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(behind.0.lanes.lock().conversations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_kept_until_it_is_told() {
    let behind = Behind::new(Arc::new(Memory::new()), Clock::system(), 1 << 20);
    let of = conversation(1);
    let wrong = || queued(write(&of).expect(Expect::Etag(Etag { version: 1, commit: CommitId(1) })));
    behind.push(&of, wrong()).await.unwrap().settled().await;
    assert_eq!(behind.0.lanes.lock().conversations(), std::slice::from_ref(&of));
    assert!(behind.is_idle(&of));
    assert_eq!(behind.flush(&of).await.unwrap_err().kind(), Kind::Conflict);
    assert_eq!(behind.0.lanes.lock().conversations(), []);
    behind.push(&of, wrong()).await.unwrap().settled().await;
    assert_eq!(behind.push(&of, queued(write(&of))).await.unwrap_err().kind(), Kind::Conflict);
    assert_eq!(behind.0.lanes.lock().conversations(), []);
}

/// Panics at a commit.
#[derive(Debug)]
struct Broken(Memory);

impl Storage for Broken {
    fn commit<'a>(&'a self, _: Batch) -> BoxFuture<'a, Result<Committed>> {
        panic!("this storage is broken on purpose")
    }

    fn read<'a>(&'a self, reads: &'a [Read]) -> BoxFuture<'a, Result<Vec<Result<Option<Page>>>>> {
        self.0.read(reads)
    }

    fn list<'a>(&'a self, query: &'a ListQuery) -> BoxFuture<'a, Result<Listing>> {
        self.0.list(query)
    }

    fn seen<'a>(&'a self, query: &'a SeenQuery) -> BoxFuture<'a, Result<SeenPage>> {
        self.0.seen(query)
    }

    fn changed<'a>(&'a self, key: &'a Key, seen: Option<Etag>) -> BoxFuture<'a, Result<Option<Head>>> {
        self.0.changed(key, seen)
    }

    fn properties(&self) -> Properties {
        self.0.properties()
    }
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_panics_fails_what_is_queued_and_nobody_waits_for_ever() {
    let behind = Behind::new(Arc::new(Broken(Memory::new())), Clock::system(), 1 << 20);
    let of = conversation(1);
    let first = behind.push(&of, queued(write(&of).append("entry"))).await.unwrap();
    behind.push(&of, queued(write(&of).append("entry"))).await.unwrap();
    let flush = tokio::time::timeout(Duration::from_secs(1), behind.flush(&of)).await;
    assert_eq!(flush.expect("it ends").unwrap_err().kind(), Kind::Unknown);
    assert!(matches!(first.outcome(), Outcome::Failed(_)));
    assert_eq!(behind.stats(), BehindStats { dropped: 2, ..BehindStats::default() });
}

/// Notes the fields and texts of warnings.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut |field: &tracing::field::Field, value: &dyn fmt::Debug| {
            self.0.lock().push(format!("{field}: {value:?}"));
        });
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn one_warning_tells_how_much_was_queued_when_the_runtime_ended() {
    let warnings = Warnings::default();
    tracing::subscriber::with_default(warnings.clone(), || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let behind = Behind::new(Arc::new(Memory::new()), Clock::system(), 1 << 20);
            for id in [1, 1, 2] {
                let of = conversation(id);
                behind.push(&of, queued(write(&of).append("entry"))).await.unwrap();
            }
        });
        assert_eq!(*warnings.0.lock(), <[String; 0]>::default());
        drop(runtime);
    });
    let text = "message: queued writes are lost, their runtime ended before they were committed";
    assert_eq!(*warnings.0.lock(), [text, "batches: 3"]);
}

#[tokio::test(start_paused = true)]
async fn the_head_after_a_write_is_told_before_the_commit() {
    let memory = Memory::new();
    let new = || write(&conversation(1));
    let mut with_first = new().append("three");
    with_first.first = Some(Offset(7));
    let writes = [
        new(),
        new().append("one").append("two").expire(Expire::After(Duration::from_mins(1))),
        new().base("base").trim(Offset(1)),
        new().append("three").trim(Offset(9)).expire(Expire::Never),
        new().delete(),
        with_first,
    ];
    let mut head: Option<LogHead> = None;
    for (i, write) in writes.into_iter().enumerate() {
        let id = CommitId(i as u64);
        head = write.head_after(id, head).unwrap();
        let committed = memory.commit(Batch::new(id, vec![write.into()])).await.unwrap();
        assert_eq!(committed.heads, [head.map(Head::Log)]);
    }
    assert_eq!(head.map(|head| (head.start, head.end)), Some((Offset(7), Offset(8))));
    let mut again = new().append("four");
    again.first = Some(Offset(7));
    let refused: Error = again.head_after(CommitId(9), head).unwrap_err();
    assert_eq!(refused.kind(), Kind::Invalid);
}
