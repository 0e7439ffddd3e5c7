//! Several who write one run without a word to each other: one is first, and the others learn it.

use futures_util::future::join_all;
use tertulia::error::Kind;
use tertulia::graph::{Inputs, Run};

use super::{Counter, Setting, turns};

async fn count(run: &Run<Counter>) -> u64 {
    run.state().await.expect("it is there").count
}

/// Processes that go round and round, loading again when they were late: each step that was stored counts once.
pub async fn processes_that_load_again_lose_no_step(setting: &Setting<'_>) {
    const STEPS: u64 = 20;
    let graph = turns().await;
    let id = setting.id();
    let run = setting.stepped(&setting.runs(&graph), &id, 0).await;
    setting.flush(&run).await;
    let process = async || {
        let run = setting.opened(&graph, &id).await;
        let mut stepped = 0;
        while stepped < STEPS {
            let step = match run.step(Inputs::new()).await {
                Ok(_) => run.flush().await,
                Err(error) => Err(error),
            };
            match step {
                Ok(()) => stepped += 1,
                Err(error) => {
                    assert_eq!(error.kind(), Kind::Conflict, "{error}");
                    run.reload().await.expect("it can be loaded again");
                }
            }
        }
    };
    join_all([process(), process(), process()]).await;
    assert_eq!(count(&setting.opened(&graph, &id).await).await, 3 * STEPS);
    let history = setting.history(&graph, &id).await;
    let seqs: Vec<_> = history.iter().rev().map(|checkpoint| checkpoint.seq).collect();
    assert_eq!(seqs, (0..3 * STEPS).collect::<Vec<_>>());
}

/// A name is taken once, however many want it, and all of them get the same run.
pub async fn a_run_is_made_once(setting: &Setting<'_>) {
    let graph = turns().await;
    let id = setting.id();
    let created =
        join_all((0..4).map(async |_| setting.runs(&graph).create(&id, Counter::default()).await)).await;
    let refused: Vec<_> = created.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 3, "{refused:?}");
    assert!(refused.iter().all(|error| error.kind() == Kind::Conflict), "{refused:?}");
    let id = setting.id();
    let made = join_all((0..4).map(async |n| {
        let runs = setting.runs(&graph);
        let state = || Counter { count: n, ..Counter::default() };
        let run = runs.open_or_create(&id, state).await.expect("it is there or can be made");
        count(&run).await
    }));
    let made = made.await;
    assert!(made.iter().all(|count| *count == made[0]), "{made:?}");
}

/// Calls of one process on one run take turns, over clones of it and from several tasks.
pub async fn tasks_of_one_process_lose_no_step(setting: &Setting<'_>) {
    let graph = turns().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 0).await;
    let tasks = (0..4).map(|_| {
        let run = run.clone();
        tokio::spawn(async move {
            for _ in 0..25 {
                run.step(Inputs::new()).await.expect("the step goes well");
            }
        })
    });
    for task in join_all(tasks).await {
        task.expect("the task ends well");
    }
    setting.flush(&run).await;
    assert_eq!(count(&setting.opened(&graph, &id).await).await, 100);
    assert_eq!(setting.history(&graph, &id).await.len(), 100);
}
