//! Hooks see what is done, and stop nothing.

use std::sync::Arc;

use parking_lot::Mutex;
use tertulia::error::Kind;
use tertulia::graph::{Builder, Graph, Inputs, Point};

use super::state::{count, not_today};
use super::{Counter, Setting};

fn builder() -> Builder<Counter> {
    let builder = Graph::<Counter>::new("hooked").action("a", count).transition("a", "a");
    builder.entrypoint("a")
}

/// A hook that fails is told of when all is stored, and neither it nor another hook is in the way.
pub async fn a_hook_that_fails_does_not_stop_the_checkpoint(setting: &Setting<'_>) {
    let heard = Arc::new(Mutex::new(0));
    let ended = {
        let heard = Arc::clone(&heard);
        move |point: &Point<'_>| {
            if let Point::StepEnded { result, .. } = point {
                assert!(result.is_some(), "it went well");
                *heard.lock() += 1;
            }
            Ok(())
        }
    };
    let fails = |point: &Point<'_>| match point {
        Point::StepStarted { .. } | Point::StepEnded { .. } => Err(not_today()),
        _ => Ok(()),
    };
    let graph = builder().hook(fails).hook(ended).build().await.expect("the graph is in order");
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = runs.create(&id, Counter::default()).await.expect("it can be made");
    for n in 1..4 {
        let error = run.step(Inputs::new()).await.expect_err("the hook fails");
        assert_eq!(error.kind(), Kind::Failed);
        assert!(error.to_string().contains("hook") && error.to_string().contains("not today"), "{error}");
        assert_eq!(run.state().await.expect("it is there").count, n, "the step is done");
        assert_eq!(*heard.lock(), n);
    }
    setting.flush(&run).await;
    assert_eq!(setting.opened(&graph, &id).await.state().await.expect("it is there").count, 3);
}

/// When a hook hears that a step has ended, its checkpoint is stored, or queued where steps do not wait.
pub async fn a_step_has_ended_when_it_is_stored(setting: &Setting<'_>) {
    let id = setting.id();
    let plain = builder().build().await.expect("the graph is in order");
    let (there, seen) = (setting.runs(&plain), Arc::new(Mutex::new(Vec::new())));
    let (run_id, told) = (id.clone(), Arc::clone(&seen));
    let hooked = builder().hook_async(move |point: &Point<'_>| {
        let is_end = matches!(point, Point::StepEnded { .. });
        let (id, told, there) = (run_id.clone(), Arc::clone(&told), there.clone());
        Box::pin(async move {
            if is_end {
                let history = there.history(&id, None, 10).await?;
                told.lock().push(history.len());
            }
            Ok(())
        })
    });
    let graph = hooked.build().await.expect("the graph is in order");
    let runs = setting.runs(&graph);
    let run = setting.stepped(&runs, &id, 3).await;
    setting.flush(&run).await;
    let seen = seen.lock().clone();
    if setting.is_queued() {
        assert_eq!(seen.len(), 3);
    } else {
        assert_eq!(seen, [1, 2, 3]);
    }
}

/// A graph that is built twice gives two that have nothing to do with each other, with one checkpoint for each step.
pub async fn each_step_is_stored_once(setting: &Setting<'_>) {
    let first = builder().build().await.expect("the graph is in order");
    let second = builder().build().await.expect("the graph is in order");
    for graph in [&first, &second, &first] {
        let id = setting.id();
        let run = setting.stepped(&setting.runs(graph), &id, 3).await;
        setting.flush(&run).await;
        assert_eq!(setting.history(graph, &id).await.len(), 3);
    }
}

/// The end of a call is told with what it failed with.
pub async fn the_end_of_a_call_is_told_with_its_error(setting: &Setting<'_>) {
    let ended = Arc::new(Mutex::new(Vec::new()));
    let hook = {
        let ended = Arc::clone(&ended);
        move |point: &Point<'_>| {
            if let Point::CallEnded { call, error, .. } = point {
                ended.lock().push((*call, error.map(|error| error.kind())));
            }
            Ok(())
        }
    };
    let graph = builder().hook(hook).build().await.expect("the graph is in order");
    let run = setting.stepped(&setting.runs(&graph), &setting.id(), 1).await;
    run.step(Inputs::new().with("unheard", 1)).await.expect_err("no action takes it");
    assert_eq!(*ended.lock(), [("step", None), ("step", Some(Kind::Invalid))]);
}
