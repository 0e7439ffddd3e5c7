//! Runs in a database of one's own, where that is more than a storage is: what the suite does not ask of both.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tertulia::error::Kind;
use tertulia::graph::{
    self, Awaited, Beginning, Checkpoint, Graph, Inputs, Listed, Options, Persister, RunId, Runs, Save,
    Saved, State, StateLoader, StateSaver, Which,
};
use tertulia::session::WriteMode;
use tertulia::storage::BoxFuture;
use tertulia::{Clock, Conversation, Log, Result};
use tertulia_testkit::graphs::Shelf;
use tertulia_testkit::{Call, Fault, FaultySaver, Gate};

#[derive(Debug, Default, Serialize, Deserialize)]
struct Chat {
    said: Log<String>,
    count: u32,
}

async fn chat() -> Graph<Chat> {
    async fn say(mut chat: State<Chat>) -> graph::Result {
        chat.count += 1;
        let text = format!("line {}", chat.count);
        chat.said.push(text);
        Ok(())
    }
    let builder = Graph::<Chat>::new("chat").action("say", say).transition("say", "say");
    builder.entrypoint("say").build().await.unwrap()
}

async fn steps(run: &graph::Run<Chat>, count: usize) {
    for _ in 0..count {
        run.step(Inputs::new()).await.unwrap();
    }
}

/// A saver that hands on what is saved.
#[derive(Debug)]
struct Heard(Arc<Shelf>, tokio::sync::mpsc::UnboundedSender<Save>);

impl StateLoader for Heard {
    type Way = Awaited;

    fn load<'a>(&'a self, run: &'a RunId, which: Which) -> BoxFuture<'a, Result<Option<Saved>>> {
        self.0.load(run, which)
    }

    fn history<'a>(
        &'a self,
        run: &'a RunId,
        before: Option<u64>,
        count: usize,
    ) -> BoxFuture<'a, Result<Vec<Checkpoint>>> {
        self.0.history(run, before, count)
    }

    fn list<'a>(&'a self, conversation: &'a Conversation) -> BoxFuture<'a, Result<Vec<Listed>>> {
        self.0.list(conversation)
    }
}

impl StateSaver for Heard {
    fn create<'a>(&'a self, beginning: &'a Beginning) -> BoxFuture<'a, Result<()>> {
        self.0.create(beginning)
    }

    fn save<'a>(&'a self, save: &'a Save) -> BoxFuture<'a, Result<()>> {
        self.1.send(save.clone()).unwrap();
        self.0.save(save)
    }

    fn delete<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, Result<bool>> {
        self.0.delete(run)
    }

    fn prune<'a>(&'a self, run: &'a RunId, keep: u64) -> BoxFuture<'a, Result<u64>> {
        self.0.prune(run, keep)
    }
}

#[tokio::test]
async fn a_persister_gets_the_whole_state_and_what_changed() {
    let (sender, mut saves) = tokio::sync::mpsc::unbounded_channel();
    let runs = Runs::custom(&chat().await, Heard(Arc::default(), sender));
    let run = runs.create("mine", Chat::default()).await.unwrap();
    steps(&run, 50).await;
    run.rewind(10).await.unwrap();
    steps(&run, 1).await;
    let saves: Vec<Save> = std::iter::from_fn(|| saves.try_recv().ok()).collect();
    assert_eq!(saves.len(), 51);
    for (seq, save) in (0..).zip(&saves) {
        let lines = if seq < 50 { seq + 1 } else { 12 };
        let said: Vec<_> = (1..=lines).map(|line| format!("line {line}")).collect();
        assert_eq!(save.json().unwrap(), json!({ "said": said, "count": lines }));
        assert_eq!(save.expected, u64::checked_sub(seq, 1));
        if seq > 0 {
            let parent = &saves[usize::try_from(save.checkpoint.parent.unwrap()).unwrap()];
            let beginning = Beginning {
                run: parent.run.clone(),
                birth: parent.birth,
                graph: parent.graph.clone(),
                made: parent.checkpoint.at,
                parent: None,
                seq: None,
                position: parent.checkpoint.position.clone(),
                state: parent.state.clone(),
                expiry: None,
            };
            let mut made = Saved::begun(&beginning, None);
            made.apply(&save.patch).unwrap();
            assert_eq!(made.state, save.state, "checkpoint {seq}");
            assert!(save.patch.len() < 60, "{} bytes changed at {seq}", save.patch.len());
        }
    }
}

#[tokio::test]
async fn runs_are_loaded_from_one_place_and_saved_to_another() {
    let graph = chat().await;
    let (old, new) = (Arc::new(Shelf::new()), Arc::new(Shelf::new()));
    let there = Runs::custom(&graph, Arc::clone(&old));
    steps(&there.create("mine", Chat::default()).await.unwrap(), 5).await;
    steps(&there.create("other", Chat::default()).await.unwrap(), 2).await;
    let runs = Runs::custom(&graph, Persister::new(Arc::clone(&new)).loads_from(Arc::clone(&old)));
    assert_eq!(runs.state_at("mine", 2).await.unwrap().count, 3, "it is looked for there");
    assert!(
        Runs::custom(&graph, Arc::clone(&new)).open("mine").await.unwrap().is_none(),
        "looking saves nothing"
    );
    let run = runs.open("mine").await.unwrap().unwrap();
    assert_eq!(run.standing().await.unwrap().seq, Some(4));
    assert_eq!(run.step(Inputs::new()).await.unwrap().unwrap().seq, 5, "numbers go on");
    assert_eq!(
        there.open("mine").await.unwrap().unwrap().state().await.unwrap().count,
        5,
        "it stays as it was"
    );
    let alone = Runs::custom(&graph, new).open("mine").await.unwrap().unwrap();
    assert_eq!(alone.state().await.unwrap().said.len(), 6);
    alone.rewind(4).await.unwrap();
    assert_eq!(alone.state().await.unwrap().count, 5, "what it began with");
    let fork = runs.fork("other", None, "fork").await.unwrap();
    steps(&fork, 1).await;
    assert_eq!(fork.state().await.unwrap().count, 3);
    assert!(runs.delete("mine").await.unwrap());
    assert_eq!(run.reload().await.unwrap_err().kind(), Kind::Gone, "an open run is that of the saver");
    assert_eq!(runs.open("mine").await.unwrap().unwrap().state().await.unwrap().count, 5);
    assert!(runs.open("never").await.unwrap().is_none());
}

#[tokio::test]
async fn a_state_that_was_damaged_is_no_state() {
    #[derive(Debug)]
    struct Damaged(&'static [u8]);
    impl StateLoader for Damaged {
        type Way = Awaited;

        fn load<'a>(&'a self, _: &'a RunId, _: Which) -> BoxFuture<'a, Result<Option<Saved>>> {
            let saved = Saved {
                birth: 1,
                graph: "chat".into(),
                parent: None,
                seq: None,
                status: None,
                position: graph::Position::Entrypoint,
                cause: None,
                state: self.0.into(),
                last: None,
            };
            Box::pin(async { Ok(Some(saved)) })
        }

        fn history<'a>(
            &'a self,
            _: &'a RunId,
            _: Option<u64>,
            _: usize,
        ) -> BoxFuture<'a, Result<Vec<Checkpoint>>> {
            Box::pin(async { Ok(Vec::new()) })
        }

        fn list<'a>(&'a self, _: &'a Conversation) -> BoxFuture<'a, Result<Vec<Listed>>> {
            Box::pin(async { Ok(Vec::new()) })
        }
    }
    let log = &[0x81, 0xa4, b's', b'a', b'i', b'd', 0xd7, 0x4c, 0, 0, 0, 0, 0, 0, 0, 1];
    for bytes in [&[][..], &[0x81], &[0xc1], &[0x93, 1, 2], &[0x81, 0xa5, b'c'], log, &[0x01, 0x02]] {
        let saver = Arc::new(Shelf::new());
        let persister = Persister::new(Arc::clone(&saver)).loads_from(Damaged(bytes));
        let runs = Runs::custom(&chat().await, persister);
        let error = runs.state_at("mine", None).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt, "{bytes:x?}: {error}");
        let error = runs.open("mine").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt, "{bytes:x?}: {error}");
        let runs = Runs::custom(&chat().await, saver);
        assert!(runs.open("mine").await.unwrap().is_none(), "what cannot be read is not spread");
    }
}

fn queued() -> Options {
    Options { mode: WriteMode::FIRE_AND_FORGET, ..Options::default() }
}

#[tokio::test(start_paused = true)]
async fn a_saver_that_panics_fails_what_is_queued() {
    #[derive(Debug)]
    struct Panics(Arc<Shelf>);
    impl StateLoader for Panics {
        type Way = Awaited;

        fn load<'a>(&'a self, run: &'a RunId, which: Which) -> BoxFuture<'a, Result<Option<Saved>>> {
            self.0.load(run, which)
        }

        fn history<'a>(
            &'a self,
            run: &'a RunId,
            before: Option<u64>,
            count: usize,
        ) -> BoxFuture<'a, Result<Vec<Checkpoint>>> {
            self.0.history(run, before, count)
        }

        fn list<'a>(&'a self, conversation: &'a Conversation) -> BoxFuture<'a, Result<Vec<Listed>>> {
            self.0.list(conversation)
        }
    }
    impl StateSaver for Panics {
        fn create<'a>(&'a self, beginning: &'a Beginning) -> BoxFuture<'a, Result<()>> {
            self.0.create(beginning)
        }

        fn save<'a>(&'a self, save: &'a Save) -> BoxFuture<'a, Result<()>> {
            assert!(save.checkpoint.seq != 2, "two is too many");
            self.0.save(save)
        }

        fn delete<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, Result<bool>> {
            self.0.delete(run)
        }

        fn prune<'a>(&'a self, run: &'a RunId, keep: u64) -> BoxFuture<'a, Result<u64>> {
            self.0.prune(run, keep)
        }
    }
    let runs = Runs::custom_with(&chat().await, Panics(Arc::default()), Clock::system(), queued());
    let run = runs.create("mine", Chat::default()).await.unwrap();
    steps(&run, 5).await;
    assert_eq!(run.flush().await.unwrap_err().kind(), Kind::Internal);
    assert_eq!(run.state().await.unwrap().count, 2);
}

#[test]
fn what_is_queued_when_its_runtime_ends_is_told_in_the_next() {
    let saver = FaultySaver::new(Arc::new(Shelf::new()));
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let gate = Gate::new();
    let run = runtime().block_on(async {
        let runs = Runs::custom_with(&chat().await, saver.clone(), Clock::system(), queued());
        let run = runs.create("mine", Chat::default()).await.unwrap();
        steps(&run, 2).await;
        run.flush().await.unwrap();
        saver.plan().next(Call::Commit, Fault::Hold(gate.clone()));
        steps(&run, 1).await;
        gate.reached().await;
        steps(&run, 3).await;
        run
    });
    runtime().block_on(async {
        let lost = tokio::time::timeout(Duration::from_secs(10), run.step(Inputs::new())).await;
        assert_eq!(lost.unwrap().unwrap_err().kind(), Kind::Closed);
        assert_eq!(run.state().await.unwrap().count, 2, "what is stored");
        steps(&run, 1).await;
        run.flush().await.unwrap();
        assert_eq!(run.state().await.unwrap().count, 3);
    });
}
