//! What graphs are made of, as runs meet it: actions of every kind, what they take, conditions, states without a type.

use std::time::Duration;

use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tertulia::Log;
use tertulia::error::Kind;
use tertulia::graph::{
    self, Action, Data, Definition, Dynamic, Graph, Input, Inputs, Reads, Reason, Runs, State, Status, Step,
    Until, field,
};
use tertulia::storage::Memory;

#[derive(Default, Debug, Serialize, Deserialize)]
struct Agent {
    messages: Log<String>,
    calls: Vec<String>,
    answer: Option<String>,
    count: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    text: String,
    lang: Option<String>,
}

#[derive(Deserialize)]
struct Question {
    messages: Log<String>,
    calls: Vec<String>,
}

struct Shelf(&'static str);

async fn receive(mut state: State<Agent>, said: Input<Said>) -> graph::Result {
    state.messages.push(format!("{} ({})", said.text, said.lang.as_deref().unwrap_or("?")));
    Ok(())
}

async fn think(mut state: State<Agent>, step: Step) -> graph::Result<String> {
    state.count += 1;
    if state.count == 2 && step.attempt() == 1 {
        anyhow::bail!("the model has not answered");
    }
    if state.calls.is_empty() {
        state.calls.push("look".to_owned());
    } else {
        state.calls.clear();
        state.answer = Some("tea is on B".to_owned());
    }
    Ok(format!("thought {}", state.count))
}

fn tidy(mut state: State<Agent>) -> graph::Result<usize> {
    state.messages.push("tidied".to_owned());
    Ok(state.messages.len())
}

struct Look;

impl Action<Agent> for Look {
    type Takes = (Reads<Question>, Data<Shelf>);
    type Gives = String;

    async fn run(&self, (question, shelf): Self::Takes) -> graph::Result<String> {
        Ok(format!("{} of {:?} on {}", question.calls.join(","), question.messages.tail(), shelf.0))
    }

    fn define(definition: Definition<Agent>) -> Definition<Agent> {
        definition.tag("tools")
    }
}

fn speak(state: State<Agent>) -> impl Stream<Item = graph::Result<String>> {
    let answer = state.answer.clone().unwrap_or_default();
    let words: Vec<_> = answer.split_inclusive(' ').map(|word| Ok(word.to_owned())).collect();
    stream::iter(words)
}

async fn agent() -> Graph<Agent> {
    Graph::<Agent>::new("agent")
        .action("receive", receive)
        .action(
            "think",
            graph::action(think)
                .writes(["calls", "answer", "count"])
                .retry(2, Duration::from_millis(100))
                .time_limit(Duration::from_secs(5)),
        )
        .action("tidy", graph::plain(tidy).writes("messages").spawn_blocking())
        .action("look", Look)
        .action("speak", graph::streaming(speak))
        .transition("receive", "think")
        .transition_when("think", "look", field("calls").ne(json!([])))
        .transition_when("think", "speak", graph::when("answered", |agent: &Agent| agent.answer.is_some()))
        .transition("look", "tidy")
        .transition(["tidy"], "think")
        .entrypoint("receive")
        .data(Shelf("B"))
        .build()
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn actions_of_every_kind_run_in_one_graph() {
    let graph = agent().await;
    let runs = Runs::new(&graph, Memory::new());
    let run = runs.create("mine", Agent::default()).await.unwrap();
    let inputs = Inputs::new().with("text", "tea?");

    let halted = run.run(Until::after("@tag:tools"), inputs.clone()).await.unwrap();
    assert_eq!((halted.reason, halted.action.as_deref()), (Reason::After, Some("look")));
    assert_eq!(halted.result, json!(r#"look of ["tea? (?)"] on B"#));
    let stepped = run.step(Inputs::new()).await.unwrap().unwrap();
    assert_eq!((&*stepped.action, stepped.result), ("tidy", json!(2)));

    let halted = run.run(Until::end(), Inputs::new()).await.unwrap();
    assert_eq!((halted.reason, halted.action.as_deref()), (Reason::End, Some("speak")));
    let state = run.state().await.unwrap();
    assert_eq!(state.answer.as_deref(), Some("tea is on B"));
    assert_eq!(state.count, 2, "what a try that failed has done is forgotten");
    assert_eq!(state.messages.tail(), ["tea? (?)", "tidied"]);
}

#[tokio::test]
async fn what_an_action_cannot_take_fails_its_step_and_names_it() {
    let graph = agent().await;
    let runs = Runs::new(&graph, Memory::new());
    let run = runs.create("mine", Agent::default()).await.unwrap();
    for (inputs, text) in [
        (Inputs::new(), "the inputs of action `receive` do not fit: missing field `text`"),
        (Inputs::new().with("text", 1), "the inputs of action `receive` do not fit: text: invalid type"),
        (Inputs::new().with("text", "x").with("txt", 1), "`txt`"),
    ] {
        let error = run.step(inputs).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(error.to_string().contains(text), "{error}");
    }
    assert!(run.step(Inputs::new().with("text", "x")).await.is_ok());
}

#[tokio::test]
async fn a_condition_that_cannot_be_judged_is_an_error_that_names_its_transition() {
    let graph = Graph::<Agent>::new("g")
        .action("a", async |mut state: State<Agent>| {
            state.count += 1;
            graph::Result::Ok(())
        })
        .transition_when("a", "a", field("answer").gt(3))
        .entrypoint("a")
        .build()
        .await
        .unwrap();
    let run = Runs::new(&graph, Memory::new()).create("mine", Agent::default()).await.unwrap();
    let error = run.run(Until::end(), Inputs::new()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    let text = "transition `a` -> `a`: `answer` is null, of which `answer > 3` says nothing";
    assert!(error.to_string().contains(text), "{error}");
}

async fn dynamic(action: Definition<Dynamic>) -> Graph<Dynamic> {
    let check = async |state: State<Dynamic>| graph::Result::Ok(state.value("secret")?.cloned());
    Graph::<Dynamic>::new("dynamic")
        .action("a", action)
        .action("check", check)
        .transition_when("a", "check", field("count").gt(1).or(field("secret").exists()))
        .entrypoint("a")
        .build()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_state_without_a_type_is_held_to_what_an_action_declares() {
    async fn count(mut state: State<Dynamic>) -> graph::Result<Vec<String>> {
        state.increment("count", 1)?;
        state.append("seen", "a")?;
        Ok(state.keys().map(str::to_owned).collect())
    }
    let declared = || graph::action(count).reads("count").writes(["count", "seen"]);
    let runs = Runs::new(&dynamic(declared()).await, Memory::new());
    let begin = || Dynamic::of(&json!({ "count": 0, "secret": 1 })).unwrap();
    let run = runs.create("mine", begin()).await.unwrap();
    let stepped = run.step(Inputs::new()).await.unwrap().unwrap();
    assert_eq!(stepped.result, json!(["count"]));
    // The next action has declared nothing, and is held to nothing.
    let halted = run.run(Until::end(), Inputs::new()).await.unwrap();
    assert_eq!((halted.action.as_deref(), halted.result), (Some("check"), json!(1)));
    let again = runs.open("mine").await.unwrap().unwrap();
    let expected = Dynamic::of(&json!({ "count": 1, "secret": 1, "seen": ["a"] })).unwrap();
    assert_eq!(*again.state().await.unwrap(), expected);

    for (name, action, text) in [
        (
            "reads",
            graph::action(async |state: State<Dynamic>| graph::Result::Ok(state.get::<u32>("secret")?)),
            "action `a` may not read `secret`, but only `count`",
        ),
        (
            "writes",
            graph::action(async |mut state: State<Dynamic>| {
                state.set("seen", 1)?;
                state.set("secret", 2)?;
                graph::Result::Ok(())
            }),
            "action `a` may not write `secret`, but only `seen`",
        ),
    ] {
        let runs = Runs::new(&dynamic(action.reads("count").writes("seen")).await, Memory::new());
        let run = runs.create(name, begin()).await.unwrap();
        let error = run.step(Inputs::new()).await.unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(*run.state().await.unwrap(), begin());
        assert_eq!(run.standing().await.unwrap().status, Some(Status::Failed));
    }
}
