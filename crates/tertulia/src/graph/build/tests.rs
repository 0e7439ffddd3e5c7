use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;
use crate::error::Kind;
use crate::graph::{self, ActionKind, Data, Dynamic, Input, Reads, State, Step, field, when};

#[derive(Default, Serialize, Deserialize)]
struct Agent {
    count: u32,
    calls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only its fields' names matter")]
struct Question {
    calls: Vec<String>,
    count: u32,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only its fields' names matter")]
struct Said {
    text: String,
    #[serde(default)]
    lang: Option<String>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only its fields' names matter")]
struct Stranger {
    nothing: u32,
}

async fn nothing() -> graph::Result {
    Ok(())
}

async fn change(_: State<Agent>) -> graph::Result {
    Ok(())
}

fn plain(_: State<Agent>) -> graph::Result {
    Ok(())
}

async fn fault<S: session::State>(builder: Builder<S>) -> String {
    let error = builder.build().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    let text = error.to_string();
    text.strip_prefix("graph `g` cannot be built: ").unwrap_or(&text).to_owned()
}

fn one<M>(action: impl IntoAction<Agent, M>) -> Builder<Agent> {
    Graph::<Agent>::new("g").action("a", action).entrypoint("a")
}

#[tokio::test]
async fn a_graph_is_what_it_was_told() {
    let always = |_: &Agent| true;
    let read = |_: Reads<Question>, _: Input<Said>| async { graph::Result::Ok(()) };
    let graph = Graph::<Agent>::new("g")
        .action("a", change)
        .action("b", graph::action(plain_async).writes(["count", "count"]).tag("x"))
        .action("c", graph::plain(plain))
        .action("d", read)
        .transition_when("a", "b", field("count").gt(3))
        .transition_when("a", "b", when("always", always))
        .transition(["a", "b"], "c")
        .transition("c", "d")
        .transition("d", "d")
        .entrypoint("a")
        .build()
        .await
        .unwrap();
    let shape = serde_json::to_value(graph.shape()).unwrap();
    assert_eq!(
        shape,
        json!({
            "name": "g",
            "entrypoint": "a",
            "actions": [
                { "name": "a", "kind": "async", "reads": null, "writes": null, "inputs": [], "tags": [] },
                { "name": "b", "kind": "async", "reads": null, "writes": ["count"], "inputs": [], "tags": ["x"] },
                { "name": "c", "kind": "plain", "reads": null, "writes": null, "inputs": [], "tags": [] },
                { "name": "d", "kind": "async", "reads": ["calls", "count"], "writes": [], "inputs": ["text", "lang"], "tags": [] },
            ],
            "transitions": [
                { "from": "a", "to": "b", "condition": "count > 3" },
                { "from": "a", "to": "b", "condition": "always" },
                { "from": "a", "to": "c", "condition": null },
                { "from": "b", "to": "c", "condition": null },
                { "from": "c", "to": "d", "condition": null },
                { "from": "d", "to": "d", "condition": null },
            ],
        })
    );
    assert_eq!((graph.entry(), graph.node("c"), graph.node("e")), (0, Some(2), None));
    assert_eq!(graph.nodes()[2].kind, ActionKind::Plain);
}

async fn plain_async(_: State<Agent>, _: Step) -> graph::Result<u32> {
    Ok(1)
}

#[tokio::test]
async fn the_first_transition_that_holds_is_taken() {
    let graph = Graph::<Agent>::new("g")
        .action("a", change)
        .action("b", change)
        .action("c", change)
        .transition_when("a", "b", field("count").gt(3))
        .transition_when("a", "c", when("some", |agent: &Agent| agent.count > 1))
        .transition_when("c", "a", field("answer").eq("x"))
        .entrypoint("a")
        .build()
        .await
        .unwrap();
    let next = |from, count| {
        let state = Agent { count, ..Agent::default() };
        let bytes = rmp_serde::to_vec_named(&state).unwrap();
        graph.next(from, &state, &crate::graph::parts::View::new(&bytes))
    };
    assert_eq!(next(0, 4).unwrap(), Some(1));
    assert_eq!(next(0, 2).unwrap(), Some(2));
    assert_eq!(next(0, 1).unwrap(), None);
    assert_eq!(next(1, 4).unwrap(), None);
    assert_eq!(next(2, 4).unwrap_err().to_string(), "transition `c` -> `a`: the state has no `answer`");
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once() {
    let builder = Graph::<Agent>::new("")
        .action("a", change)
        .action("a", change)
        .action("@b", change)
        .action("", graph::action(change).tag("x\n"))
        .action("x".repeat(129), change)
        .transition(["a", "y"], "z")
        .entrypoint("q");
    let name =
        "is no name of an action: it has to have 1 to 128 bytes without control characters, and no `@` first";
    let expected = [
        "graph `` cannot be built: `` is no name of a graph: it has to have 1 to 128 bytes without control characters, and no `@` first".to_owned(),
        "there are two actions `a`".to_owned(),
        format!("`@b` {name}"),
        format!("`` {name}"),
        format!("`x\\n` {}", name.replace("an action", "a tag")),
        format!("`{}` {name}", "x".repeat(129)),
        "its entrypoint `q` is no action of it".to_owned(),
        "transition `a` -> `z` names `z`, which is no action of it".to_owned(),
        "transition `y` -> `z` names `y`, which is no action of it".to_owned(),
        "transition `y` -> `z` names `z`, which is no action of it".to_owned(),
    ];
    assert_eq!(fault(builder).await, expected.join("; "));
    assert_eq!(fault(Graph::<Agent>::new("g")).await, "it has no actions; it has no entrypoint");
}

#[tokio::test]
async fn what_is_never_taken_or_run_is_refused() {
    let abc = || one(change).action("b", change).action("c", change);
    assert_eq!(fault(abc().transition("a", "b")).await, "no way leads from the entrypoint to `c`");
    assert_eq!(
        fault(abc().transition(["a", "b"], "b").transition("a", "c")).await,
        "transition `a` -> `c` is never taken: `a` -> `b` before it always is; no way leads from the entrypoint to `c`"
    );
    let many = || field("count").gt(3);
    assert_eq!(
        fault(abc().transition("a", "b").transition_when("a", "c", many()).transition("b", "c")).await,
        "transition `a` -> `c` is never taken: `a` -> `b` before it always is"
    );
    let twice = abc().transition_when("a", "b", many()).transition("a", "c");
    assert!(twice.build().await.is_ok());
    let twice =
        abc().transition_when("a", "b", many()).transition_when("a", "c", many()).transition("b", "c");
    assert_eq!(
        fault(twice).await,
        "transition `a` -> `c` is never taken: `a` -> `b` before it has the same condition, `count > 3`"
    );
    // The same condition after another action is another one.
    let chain = abc().transition_when("a", "b", many()).transition_when("b", "c", many());
    assert!(chain.build().await.is_ok());
}

#[tokio::test]
async fn fields_that_the_state_has_not_are_refused() {
    assert_eq!(
        fault(one(graph::action(change).writes(["count", "total", "calls", "answers"]))).await,
        "action `a` writes `total`, `answers`, which the state has not"
    );
    let stranger = |_: Reads<Stranger>| async { graph::Result::Ok(()) };
    assert_eq!(fault(one(stranger)).await, "action `a` reads `nothing`, which the state has not");
    let tested = one(change)
        .transition_when("a", "a", field("total").gt(3).and(!field("x.y").exists()))
        .transition_when("a", "a", field("count").eq(f64::NAN));
    assert_eq!(
        fault(tested).await,
        "transition `a` -> `a` tests `total`, which the state has not; \
         transition `a` -> `a` tests `x.y`, which the state has not; \
         transition `a` -> `a` tests `count`: it is no JSON: infinities and NaN are no numbers"
    );
    // One that is left out while it is empty is there all the same.
    let left_out = one(graph::action(change).writes("answer"));
    assert!(left_out.transition_when("a", "a", field("answer").exists()).build().await.is_ok());
    // Where any field may be, none is missing.
    let open = Graph::<HashMap<String, u32>>::new("g").action("a", nothing).entrypoint("a");
    assert!(open.transition_when("a", "a", field("x").gt(3)).build().await.is_ok());
}

#[tokio::test]
async fn what_nothing_could_hold_an_action_to_is_refused() {
    assert_eq!(
        fault(one(graph::action(change).reads("count"))).await,
        "action `a` declares that it reads `count` and takes the whole `State`, which nothing can hold to it: \
         take `Reads` of a struct with these fields, or do not declare it"
    );
    let dynamic = |_: State<Dynamic>| async { graph::Result::Ok(()) };
    let graph = Graph::<Dynamic>::new("g").action("a", graph::action(dynamic).reads("count").writes(["x"]));
    let graph = graph.entrypoint("a").build().await.unwrap();
    let rules = &graph.nodes()[0].rules;
    assert_eq!((&*rules.action, &rules.reads), ("a", &Some(vec!["count".to_owned()])));
    assert_eq!(rules.writes, Some(vec!["x".to_owned()]));
    assert_eq!(
        fault(one(graph::action(nothing).writes(["count"]))).await,
        "action `a` declares that it writes `count` and does not take the `State`"
    );
}

#[tokio::test]
async fn what_an_action_lacks_is_told() {
    let takes = |_: Data<u64>, _: Input<HashMap<String, u32>>| async { graph::Result::Ok(()) };
    let text = fault(one(graph::action(takes).retry(0, Duration::ZERO).time_limit(Duration::ZERO))).await;
    let expected = [
        "action `a` takes a `u64`, of which none was given",
        "action `a` takes the fields of `std::collections::hash::map::HashMap<alloc::string::String, u32>`, which has none that can be told: it has to be a struct without `#[serde(flatten)]`",
        "action `a` is tried 0 times, it has to be 1 or more",
        "action `a` has a time limit of 0 s, it has to be more",
    ];
    assert_eq!(text, expected.join("; "));
    let given = |_: Data<u64>, _: Data<String>| async { graph::Result::Ok(()) };
    let built = one(given).data(7_u64).data_from(async { Ok("x".to_owned()) }).build().await.unwrap();
    assert_eq!(built.data().get::<String>().as_deref().map(String::as_str), Some("x"));
}

#[tokio::test]
async fn a_value_that_cannot_be_had_is_no_graph() {
    let late = one(nothing)
        .data_from(async { graph::Result::<u64>::Err(anyhow::anyhow!("no pool").context("late")) });
    let error = late.build().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(error.to_string(), "graph `g` cannot be built: late: no pool");
}
