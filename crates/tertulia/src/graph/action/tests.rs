use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;
use crate::error::Kind;
use crate::graph::Step;
use crate::graph::parts::{Around, Cell, View};
use crate::graph::step::Says;
use crate::graph::{self, Builder, Data, Graph, Input, Inputs, Item, Point, Reads, RunId, Runs, State};

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Agent {
    count: u32,
    calls: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    text: String,
    #[serde(default)]
    lang: Option<String>,
}

#[derive(Deserialize)]
struct Calls {
    calls: Vec<String>,
}

/// What steps said.
#[derive(Default)]
struct Heard(Mutex<Vec<Item>>);

impl Says for Heard {
    fn item<'a>(&'a self, _: &'a Step, item: Item) -> BoxFuture<'a, crate::Result<()>> {
        Box::pin(async move {
            self.0.lock().push(item);
            Ok(())
        })
    }

    fn take_back<'a>(&'a self, _: &'a Step) -> BoxFuture<'a, crate::Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn settled(&self) -> BoxFuture<'_, crate::Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn point(&self, _: &Point<'_>) {}
}

/// An action in a graph, with a state.
struct Tried {
    graph: Graph<Agent>,
    cell: Arc<Cell<Agent>>,
    heard: Arc<Heard>,
}

impl Tried {
    async fn new<M>(action: impl IntoAction<Agent, M>) -> Self {
        Self::with(|graph| graph.action("look", action)).await
    }

    async fn with(build: impl FnOnce(Builder<Agent>) -> Builder<Agent>) -> Self {
        let graph = build(Graph::new("g")).entrypoint("look").build().await.unwrap();
        let state = Agent { count: 3, calls: vec!["a".to_owned()] };
        let cell = Cell::empty();
        cell.put_in(Box::new(state));
        Self { graph, cell, heard: Arc::default() }
    }

    async fn call(&self, inputs: Inputs) -> Result<Value> {
        let state = self.cell.take().unwrap();
        let bytes = rmp_serde::to_vec_named(&*state).unwrap();
        let value = std::cell::Cell::new(Some(state));
        let says: Arc<dyn Says> = self.heard.clone();
        let run = Arc::new(RunId::alone("r").unwrap());
        let step = Step::new(run, Arc::clone(&self.graph.nodes()[0].name), 7, 1, says);
        let (view, data) = (View::new(&bytes), self.graph.data());
        let given = &super::super::parts::Values::default();
        let runs = &Runs::ephemeral(&self.graph);
        let around = Around { runs, invocation: 0, birth: 0, cause: "" };
        let cell = &self.cell;
        let parts = Parts { cell, value: &value, view, inputs: &inputs, step: &step, data, given, around };
        let running = self.graph.nodes()[0].action.call(&parts);
        if let Some(untaken) = value.take() {
            self.cell.put_back(untaken, false);
        }
        let running = running?;
        running.await
    }

    /// The state, which has to be back, and whether it was touched.
    fn state(&self) -> (Agent, bool) {
        let (state, touched) = self.cell.end().unwrap();
        (*state, touched)
    }
}

async fn count(mut state: State<Agent>, step: Step) -> graph::Result<String> {
    state.count += 1;
    step.emit("counted").await?;
    Ok(format!("{} of step {}", state.count, step.seq()))
}

#[tokio::test]
async fn an_async_function_changes_the_state_and_has_a_result() {
    let tried = Tried::new(count).await;
    assert_eq!(tried.call(Inputs::new()).await.unwrap(), json!("4 of step 7"));
    assert_eq!(*tried.heard.0.lock(), [Item::from("counted")]);
    let (state, touched) = tried.state();
    assert_eq!((state.count, touched), (4, true));
}

#[tokio::test]
async fn a_state_that_is_only_read_is_not_touched() {
    let tried = Tried::new(async |state: State<Agent>| graph::Result::Ok(state.calls.clone())).await;
    assert_eq!(tried.call(Inputs::new()).await.unwrap(), json!(["a"]));
    assert!(!tried.state().1);
}

#[tokio::test]
async fn the_state_comes_back_from_an_action_that_fails_or_is_dropped() {
    async fn fail(mut state: State<Agent>) -> graph::Result {
        state.count = 9;
        anyhow::bail!("no")
    }
    let tried = Tried::new(fail).await;
    assert_eq!(tried.call(Inputs::new()).await.unwrap_err().to_string(), "no");
    assert_eq!(tried.state().0.count, 9);

    async fn wait(mut state: State<Agent>) -> graph::Result {
        state.count = 8;
        std::future::pending().await
    }
    let tried = Tried::new(wait).await;
    assert!(futures_util::FutureExt::now_or_never(tried.call(Inputs::new())).is_none());
    assert_eq!(tried.state().0.count, 8);
}

#[tokio::test]
async fn a_state_is_taken_once() {
    let tried = Tried::new(async |_: State<Agent>, _: State<Agent>| graph::Result::Ok(())).await;
    let error = tried.call(Inputs::new()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "action `look` takes the state twice, or the try before has not given it back"
    );
    tried.state();
}

#[tokio::test]
async fn inputs_are_those_of_the_type() {
    let tried =
        Tried::new(async |said: Input<Said>| graph::Result::Ok((said.text.clone(), said.0.lang))).await;
    // Those of other actions are not seen, though the type would refuse them.
    let inputs = Inputs::new().with("text", "hi").with("other", 1);
    assert_eq!(tried.call(inputs.clone()).await.unwrap(), json!(["hi", null]));
    assert_eq!(tried.call(inputs.with("lang", "de")).await.unwrap(), json!(["hi", "de"]));
    for (inputs, text) in [
        (Inputs::new().with("lang", "de"), "the inputs of action `look` do not fit: missing field `text`"),
        (
            Inputs::new().with("text", 3),
            "the inputs of action `look` do not fit: text: invalid type: integer `3`, expected a string",
        ),
    ] {
        let error = tried.call(inputs).await.unwrap_err();
        assert_eq!(error.to_string(), text);
        assert_eq!(error.downcast_ref::<crate::Error>().unwrap().kind(), Kind::Invalid);
    }
}

#[tokio::test]
async fn reads_are_a_copy_of_some_fields() {
    let read = async |mut calls: Reads<Calls>, state: State<Agent>| {
        calls.calls.push("b".to_owned());
        graph::Result::Ok((calls.0.calls, state.calls.len()))
    };
    let tried = Tried::new(read).await;
    assert_eq!(tried.call(Inputs::new()).await.unwrap(), json!([["a", "b"], 1]));
    assert!(!tried.state().1);
}

#[tokio::test]
async fn reads_of_another_type_than_the_state_has_fail_the_step() {
    #[derive(Deserialize)]
    struct Wrong {
        count: String,
    }
    let tried = Tried::new(async |wrong: Reads<Wrong>| graph::Result::Ok(wrong.0.count)).await;
    let text = tried.call(Inputs::new()).await.unwrap_err().to_string();
    assert!(text.starts_with("action `look`: ") && text.contains("Wrong"), "{text}");
}

#[tokio::test]
async fn data_is_shared() {
    let take = async |a: Data<Mutex<u32>>, b: Data<Mutex<u32>>| {
        *a.lock() += 1;
        graph::Result::Ok(*b.lock())
    };
    let tried = Tried::with(|graph| graph.action("look", take).data(Mutex::new(6_u32))).await;
    assert_eq!(tried.call(Inputs::new()).await.unwrap(), json!(7));
    assert_eq!(tried.call(Inputs::new()).await.unwrap(), json!(8));
}

fn thread(mut state: State<Agent>) -> graph::Result<String> {
    state.count += 1;
    Ok(format!("{:?}", std::thread::current().id()))
}

#[tokio::test]
async fn a_plain_function_runs_here_or_where_it_may_block() {
    let here = json!(format!("{:?}", std::thread::current().id()));
    let tried = Tried::new(graph::plain(thread)).await;
    assert_eq!(tried.call(Inputs::new()).await.unwrap(), here);
    assert_eq!(tried.state().0.count, 4);
    let tried = Tried::new(graph::plain(thread).tag("x").spawn_blocking()).await;
    assert_ne!(tried.call(Inputs::new()).await.unwrap(), here);
    assert_eq!(tried.state().0.count, 4);
    assert!(tried.graph.nodes()[0].options.spawn_blocking);
}

#[tokio::test]
#[should_panic(expected = "on its thread")]
async fn a_panic_on_another_thread_is_one_here() {
    let panics = |_: Step| -> graph::Result { panic!("on its thread") };
    let tried = Tried::new(graph::plain(panics).spawn_blocking()).await;
    let _ = tried.call(Inputs::new()).await;
}

#[tokio::test]
async fn a_stream_is_said_item_by_item_until_it_fails() {
    let speak = |state: State<Agent>| {
        let last = if state.count == 3 { Err(anyhow::anyhow!("cut")) } else { Ok("never".to_owned()) };
        stream::iter([Ok("a".to_owned()), Ok("b".to_owned()), last, Ok("c".to_owned())])
    };
    let tried = Tried::new(graph::streaming(speak)).await;
    assert_eq!(tried.call(Inputs::new()).await.unwrap_err().to_string(), "cut");
    assert_eq!(*tried.heard.0.lock(), [Item::from("a"), Item::from("b")]);
    tried.state();

    let values = || stream::iter([Ok(json!(1)), Ok(json!({ "x": 2 }))]);
    let tried = Tried::new(graph::streaming(values)).await;
    assert_eq!(tried.call(Inputs::new()).await.unwrap(), Value::Null);
    assert_eq!(*tried.heard.0.lock(), [Item::Value(json!(1)), Item::Value(json!({ "x": 2 }))]);
    assert_eq!(tried.graph.nodes()[0].kind, ActionKind::Streaming);
}

struct Look {
    shelf: &'static str,
}

impl graph::Action<Agent> for Look {
    type Takes = (State<Agent>, Input<Said>);
    type Gives = (String, u32);

    async fn run(&self, (mut state, said): Self::Takes) -> graph::Result<Self::Gives> {
        state.count += 1;
        Ok((format!("{} on {}", said.text, self.shelf), state.count))
    }

    fn define(definition: Definition<Agent>) -> Definition<Agent> {
        definition.writes("count").tag("look")
    }
}

#[tokio::test]
async fn a_struct_is_an_action_with_options_of_its_own() {
    let definition = graph::action(Look { shelf: "B" }).writes("calls").retry(2, Duration::from_secs(1));
    let tried = Tried::new(definition).await;
    let result = tried.call(Inputs::new().with("text", "tea")).await.unwrap();
    assert_eq!(result, json!(["tea on B", 4]));
    let node = &tried.graph.nodes()[0];
    assert_eq!(node.options.writes.as_deref().unwrap(), ["count", "calls"]);
    assert_eq!(node.options.tags, ["look"]);
    assert_eq!((node.options.retry.tries, node.options.retry.wait), (2, Duration::from_secs(1)));
    assert_eq!(node.inputs, ["text", "lang"]);
}

#[tokio::test]
async fn a_result_that_is_no_json_fails_the_step() {
    let tried = Tried::new(async || graph::Result::Ok(f64::NAN)).await;
    assert_eq!(
        tried.call(Inputs::new()).await.unwrap_err().to_string(),
        "its result: it is no JSON: infinities and NaN are no numbers"
    );
    let tried = Tried::new(async || graph::Result::Ok(None::<u32>)).await;
    assert_eq!(tried.call(Inputs::new()).await.unwrap(), Value::Null);
}

#[tokio::test]
async fn an_action_takes_eight_arguments() {
    #[allow(clippy::too_many_arguments, reason = "it is about that")]
    async fn many(
        state: State<Agent>,
        _: Reads<Calls>,
        _: Input<Said>,
        _: Step,
        _: Data<u8>,
        _: Step,
        (_, _): (Step, Step),
        _: (),
    ) -> graph::Result<u32> {
        Ok(state.count)
    }
    let tried = Tried::with(|graph| graph.action("look", many).data(1_u8)).await;
    assert_eq!(tried.call(Inputs::new().with("text", "x")).await.unwrap(), json!(3));
}
