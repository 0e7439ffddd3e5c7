//! Actions, states and changes that panic, say something else than they are, or never come to an end.

use std::panic::AssertUnwindSafe;

use futures_util::stream;
use futures_util::{FutureExt, Stream};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use crate::error::Kind;
use crate::graph::{self, Definition, Graph, Inputs, Run, Runs, State, Status, Until};
use crate::storage::Memory;

#[derive(Debug, Default, PartialEq, Deserialize)]
struct Note {
    count: u32,
    mood: Mood,
}

/// How a note is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
enum Mood {
    #[default]
    Fine,
    Panics,
    TellsNoField,
}

impl Serialize for Note {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let told = match self.mood {
            Mood::Fine => 2,
            Mood::Panics => panic!("not today"),
            Mood::TellsNoField => 0,
        };
        let mut fields = serializer.serialize_struct("Note", told)?;
        fields.serialize_field("count", &self.count)?;
        fields.serialize_field("mood", &self.mood)?;
        fields.end()
    }
}

async fn run_of(action: Definition<Note>) -> Run<Note> {
    let graph = Graph::new("notes").action("write", action).entrypoint("write").build().await.unwrap();
    Runs::new(&graph, Memory::new()).create("mine", Note::default()).await.unwrap()
}

/// The step fails with this text, is recorded as failed, and the state is as before.
async fn fails(action: Definition<Note>, kind: Kind, text: &str) {
    let run = run_of(action).await;
    let error = run.step(Inputs::new()).await.unwrap_err();
    assert_eq!(error.kind(), kind);
    assert!(error.to_string().contains(text), "{error}");
    assert_eq!(*run.state().await.unwrap(), Note::default());
    assert_eq!(run.standing().await.unwrap().status, Some(Status::Failed));
}

#[tokio::test]
async fn an_action_fails_that_panics_before_its_future_or_stream_is_there() {
    fn future(mut note: State<Note>) -> std::future::Ready<graph::Result> {
        note.count = 7;
        panic!("at once")
    }
    fn items(mut note: State<Note>) -> impl Stream<Item = graph::Result<String>> {
        note.count = 7;
        let words: Vec<String> = Vec::new();
        stream::iter([Ok(words[note.count as usize].clone())])
    }
    fails(graph::action(future), Kind::Failed, "action `write` panicked: at once").await;
    fails(graph::streaming(items), Kind::Failed, "action `write` panicked: index out of bounds").await;
}

#[tokio::test]
async fn a_step_fails_whose_state_panics_when_it_is_encoded() {
    async fn write(mut note: State<Note>) -> graph::Result {
        *note = Note { count: 7, mood: Mood::Panics };
        Ok(())
    }
    fails(graph::action(write), Kind::Failed, "action `write` panicked: not today").await;
}

#[tokio::test]
async fn a_state_that_has_more_fields_than_it_tells_is_refused_before_it_is_stored() {
    async fn write(mut note: State<Note>) -> graph::Result {
        *note = Note { count: 7, mood: Mood::TellsNoField };
        Ok(())
    }
    fails(graph::action(write), Kind::Invalid, "cannot be stored: the state is not MessagePack").await;
}

#[tokio::test]
async fn an_update_that_panics_changes_nothing() {
    async fn write(mut note: State<Note>) -> graph::Result {
        note.count += 1;
        Ok(())
    }
    fn panics(note: &mut Note) {
        note.count = 7;
        panic!("in the middle")
    }
    for change in [panics, |note: &mut Note| *note = Note { count: 7, mood: Mood::Panics }] {
        let run = run_of(graph::action(write)).await;
        assert!(AssertUnwindSafe(run.update_state(change)).catch_unwind().await.is_err());
        assert_eq!(run.state().await.unwrap().count, 0);
        run.step(Inputs::new()).await.unwrap();
        assert_eq!(run.state().await.unwrap().count, 1);
    }
}

#[tokio::test]
async fn a_run_that_never_waits_lets_others_run_and_can_be_cancelled() {
    async fn write(mut note: State<Note>) -> graph::Result {
        note.count += 1;
        Ok(())
    }
    let graph = Graph::new("notes").action("write", write).transition("write", "write").entrypoint("write");
    let run = Runs::ephemeral(&graph.build().await.unwrap()).create("mine", Note::default()).await.unwrap();
    tokio::select! {
        biased;
        halted = run.run(Until::end().steps(10_000), Inputs::new()) => panic!("nobody else ran: {halted:?}"),
        () = tokio::task::yield_now() => {}
    }
    let count = run.state().await.unwrap().count;
    assert!((1..10_000).contains(&count), "{count}");
}
