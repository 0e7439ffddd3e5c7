//! Which children a step can have.

use std::sync::Arc;

use serde::Deserialize;
use tertulia::graph::{self, Child, Graph, Input, Inputs, Item, Run, State, Step, Until};

use super::Flow;
use super::story::{MODES, Pass, Story, Work, each, looped, note, on, passes, runs, work, worker};

/// A graph that makes twice what it works on.
async fn doubler() -> Graph<Work> {
    async fn double(mut state: State<Work>) -> graph::Result {
        state.made = state.on * 2;
        Ok(())
    }
    Graph::<Work>::new("doubler").action("double", double).entrypoint("double").build().await.unwrap()
}

async fn made(run: &Run<Pass>) -> Vec<Vec<u64>> {
    run.run(Until::end(), Inputs::new()).await.unwrap();
    run.state().await.unwrap().made.clone()
}

/// Or each child through its own.
pub async fn all_states_go_through_all_graphs(flow: Flow) {
    let (story, doubler) = (Story::new(), doubler().await);
    let worker = worker(&story, 1).await;
    let graph = passes(graph::parallel([&worker, &doubler]), 1).await;
    let run = runs(&graph, &flow, &MODES[0]).create("both", on([1, 2])).await.unwrap();
    assert_eq!(made(&run).await, [[10, 20, 2, 4]]);
    let parallel = graph::parallel(&worker).map(move |pass: &Pass| {
        let mut children = each(pass);
        let last = children.pop().map(|child| child.through(&doubler).named("last"));
        children.into_iter().chain(last).collect()
    });
    let graph = looped(Graph::<Pass>::new("mixed").action("fan", parallel.reduce(note)), 2).await;
    let mixed = runs(&graph, &flow, &MODES[0]);
    let run = mixed.create("mixed", on([1, 2])).await.unwrap();
    assert_eq!(made(&run).await, [[10, 4], [1010, 204]]);
    let named = mixed.children(run.id()).await.unwrap();
    assert!(named.iter().any(|child| child.id.name() == "mixed/child/1=last"), "{named:?}");
}

/// And are found again, however deep.
pub async fn children_have_children(flow: Flow) {
    for mode in MODES {
        let story = Story::new();
        let inner = passes(graph::parallel(worker(&story, 1).await).limit(1), 2).await;
        let parallel = graph::parallel(inner).limit(1).map(|pass: &Pass| {
            pass.on.iter().map(|on| Child::new(Pass { on: vec![*on, on + 1], ..Pass::default() })).collect()
        });
        let reduced = parallel.reduce(|pass: &mut Pass, results| {
            for result in results {
                pass.made.push(result.state?.made.concat());
            }
            Ok(())
        });
        let graph =
            Graph::<Pass>::new("outer").action("fan", reduced).entrypoint("fan").build().await.unwrap();
        let before = runs(&graph, &flow, &mode);
        let run = before.create(format!("{mode:?}"), on([1, 5])).await.unwrap();
        story.hold(106, 0);
        tokio::select! {
            halted = run.run(Until::end(), Inputs::new()) => panic!("nobody was held: {halted:?}"),
            () = story.reached(1) => {}
        }
        before.flush_all().await.unwrap();
        assert_eq!(story.worked(), [1, 2, 101, 102, 5, 6, 105, 106]);
        story.mend();
        let after = runs(&graph, &flow, &mode);
        let again = after.open(run.id()).await.unwrap().unwrap();
        assert_eq!(made(&again).await, [[10, 20, 1010, 1020], [50, 60, 1050, 1060]]);
        assert_eq!(story.worked(), [106]);
        assert_eq!(after.children(run.id()).await.unwrap().len(), 2 + 8);
        after.delete(run.id()).await.unwrap();
        assert_eq!(after.children(run.id()).await.unwrap(), []);
    }
}

#[derive(Deserialize)]
struct More {
    more: u64,
}

/// What makes children can wait, and can take what actions take.
pub async fn children_are_awaited_and_take_inputs(flow: Flow) {
    let story = Story::new();
    let worker = worker(&story, 1).await;
    let awaited = graph::parallel(&worker).map_async(|pass: &Pass| {
        Box::pin(async move {
            tokio::task::yield_now().await;
            Ok(each(pass))
        })
    });
    let graph = looped(Graph::<Pass>::new("awaited").action("fan", awaited.reduce(note)), 1).await;
    let run = runs(&graph, &flow, &MODES[0]).create("awaited", on([1])).await.unwrap();
    assert_eq!(made(&run).await, [[10]]);
    let with = graph::parallel(&worker).map_with(|pass: &Pass, asked: Input<More>| {
        pass.on.iter().map(|on| Child::new(Work { on: on + asked.more, ..Work::default() })).collect()
    });
    let graph = looped(Graph::<Pass>::new("with").action("fan", with.reduce(note)), 1).await;
    assert_eq!(graph.shape().actions[0].inputs, ["more"]);
    let run = runs(&graph, &flow, &MODES[0]).create("with", on([1])).await.unwrap();
    run.run(Until::end(), Inputs::new().with("more", 4)).await.unwrap();
    assert_eq!(run.state().await.unwrap().made, [[50]]);
}

async fn speak(state: State<Work>, step: Step) -> graph::Result {
    step.emit(format!("{} of {}", state.on, step.run().name())).await?;
    Ok(())
}

/// All that a call says, in the order of the texts.
async fn said(run: &Run<Pass>) -> Vec<Item> {
    let mut items = run.stream_result(Until::end(), Inputs::new());
    let mut said = Vec::new();
    while let Some(item) = items.next().await.unwrap() {
        said.push(item);
    }
    said.sort_by_key(|item| format!("{item:?}"));
    said
}

/// To whoever follows the call.
pub async fn what_children_say_their_parents_step_says(flow: Flow) {
    let speaker =
        Graph::<Work>::new("speaker").action("speak", speak).entrypoint("speak").build().await.unwrap();
    let graph = passes(graph::parallel(speaker), 1).await;
    let run = runs(&graph, &flow, &MODES[0]).create("mine", on([1, 2])).await.unwrap();
    assert_eq!(said(&run).await, [Item::from("1 of mine/child/0.0"), Item::from("2 of mine/child/0.1")]);
}

/// Since the step says all of it anew. A persister is not told what was said.
pub async fn what_children_have_said_is_said_again_when_the_step_is_tried_again(flow: Flow) {
    let Flow::Storage(_) = flow else { return };
    for mode in MODES {
        let story = Story::new();
        let speaker = Graph::<Work>::new("speaker").data(Arc::clone(&story)).action("speak", speak);
        let speaker = speaker.action("work", work).transition("speak", "work").entrypoint("speak");
        let graph = passes(graph::parallel(speaker.build().await.unwrap()).limit(1), 1).await;
        let before = runs(&graph, &flow, &mode);
        let run = before.create(format!("{mode:?}"), on([1, 2])).await.unwrap();
        story.hold(2, 0);
        tokio::select! {
            halted = run.run(Until::end(), Inputs::new()) => panic!("nobody was held: {halted:?}"),
            () = story.reached(1) => {}
        }
        before.flush_all().await.unwrap();
        story.mend();
        let again = runs(&graph, &flow, &mode).open(run.id()).await.unwrap().unwrap();
        let texts = [format!("1 of {mode:?}/child/0.0"), format!("2 of {mode:?}/child/0.1")];
        assert_eq!(said(&again).await, texts.map(Item::from));
        assert_eq!(story.worked(), [1, 2, 2]);
    }
}
