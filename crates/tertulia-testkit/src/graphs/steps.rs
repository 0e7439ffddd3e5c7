//! Steps of every kind are stored as they left the state, one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::join_all;
use tertulia::error::Kind;
use tertulia::graph::{self, Graph, Inputs, Position, Reason, State, Status, Until};

use super::state::{not_today, nothing};
use super::{Counter, Setting, once, turns};

/// What an action that is not asynchronous leaves is what is stored (Burr stores the state from before it).
pub async fn a_plain_action_is_stored_as_it_left_the_state(setting: &Setting<'_>) {
    fn count(mut state: State<Counter>) -> graph::Result {
        state.count += 1;
        Ok(())
    }
    let builder = Graph::<Counter>::new("plain").action("count", graph::plain(count));
    let graph = builder.entrypoint("count").build().await.expect("the graph is in order");
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 1).await;
    setting.flush(&run).await;
    let again = setting.opened(&graph, &id).await;
    assert_eq!(again.state().await.expect("it is there").count, 1);
    let standing = again.standing().await.expect("it stands somewhere");
    assert_eq!((standing.seq, standing.status), (Some(0), Some(Status::Completed)));
    assert_eq!((standing.position, standing.next), (Position::After("count".into()), None));
}

/// Steps that are asked for at once lose no increment and get numbers of their own.
pub async fn steps_at_once_run_one_after_the_other(setting: &Setting<'_>) {
    let graph = turns().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 0).await;
    let mut stepped = join_all((0..10).map(|_| setting.one(&run))).await;
    stepped.sort_by_key(|stepped| stepped.seq);
    for (n, stepped) in (0..).zip(&stepped) {
        assert_eq!((stepped.seq, &stepped.result), (n, &(n + 1).into()));
    }
    setting.flush(&run).await;
    assert_eq!(setting.opened(&graph, &id).await.state().await.expect("it is there").count, 10);
    let history = setting.history(&graph, &id).await;
    assert_eq!(history.iter().map(|c| c.seq).collect::<Vec<_>>(), (0..10).rev().collect::<Vec<_>>());
}

/// A run goes on behind what was completed, in another process too.
pub async fn a_step_that_was_completed_is_followed_by_the_next(setting: &Setting<'_>) {
    let graph = turns().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 3).await;
    setting.flush(&run).await;
    let again = setting.opened(&graph, &id).await;
    assert_eq!(again.standing().await.expect("it stands somewhere").next.as_deref(), Some("b"));
    let stepped = setting.one(&again).await;
    assert_eq!((stepped.seq, &*stepped.action, stepped.result), (3, "b", 4.into()));
}

/// A step that failed is run again with the state from before it, and only it.
pub async fn a_step_that_failed_is_run_again_with_the_state_from_before(setting: &Setting<'_>) {
    let tries = Arc::new(AtomicU32::new(0));
    let second = {
        let tries = Arc::clone(&tries);
        move |mut state: State<Counter>| {
            let tries = Arc::clone(&tries);
            async move {
                state.count += 100;
                if tries.fetch_add(1, Ordering::Relaxed) == 0 {
                    return Err(not_today());
                }
                Ok(())
            }
        }
    };
    let graph = once(second).await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 1).await;
    let error = run.step(Inputs::new()).await.expect_err("the action fails");
    assert_eq!(error.kind(), Kind::Failed);
    assert!(error.to_string().contains("second") && error.to_string().contains("not today"), "{error}");
    assert_eq!(run.state().await.expect("it is there").count, 1, "the state is as before");
    setting.flush(&run).await;
    let again = setting.opened(&graph, &id).await;
    assert_eq!(again.state().await.expect("it is there").count, 1);
    let standing = again.standing().await.expect("it stands somewhere");
    assert_eq!((standing.seq, standing.status), (Some(1), Some(Status::Failed)));
    assert_eq!(standing.next.as_deref(), Some("second"));
    let failed = &setting.history(&graph, &id).await[0];
    assert!(failed.error.as_deref().is_some_and(|text| text.contains("not today")), "{failed:?}");
    let halted = again.run(Until::end(), Inputs::new()).await.expect("the rest goes well");
    assert_eq!((halted.reason, halted.steps), (Reason::End, 2));
    assert_eq!(again.state().await.expect("it is there").count, 102);
    again.reset().await.expect("it can begin again");
    let standing = again.standing().await.expect("it stands somewhere");
    assert_eq!(standing.next.as_deref(), Some("first"), "the entrypoint is what it was");
}

/// A run that is reset begins at the entrypoint, with the state it has.
pub async fn a_run_that_is_reset_begins_again_with_its_state(setting: &Setting<'_>) {
    let graph = turns().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 1).await;
    assert_eq!(run.reset().await.expect("it can be reset"), 1);
    setting.flush(&run).await;
    let again = setting.opened(&graph, &id).await;
    let standing = again.standing().await.expect("it stands somewhere");
    assert_eq!((standing.status, standing.position), (Some(Status::Reset), Position::Entrypoint));
    let stepped = setting.one(&again).await;
    assert_eq!((stepped.seq, &*stepped.action, stepped.result), (2, "a", 2.into()));
}

/// What is changed from outside is a checkpoint of its own, and where the run stands stays.
pub async fn a_state_that_is_updated_is_stored_at_once(setting: &Setting<'_>) {
    let graph = turns().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 1).await;
    let seq = run.update_state(|state| state.other = "said".into()).await.expect("it can be updated");
    assert_eq!(seq, 1);
    setting.flush(&run).await;
    let again = setting.opened(&graph, &id).await;
    assert_eq!(again.state().await.expect("it is there").other, "said");
    let standing = again.standing().await.expect("it stands somewhere");
    assert_eq!((standing.status, standing.next.as_deref()), (Some(Status::Updated), Some("b")));
}

/// Steps past the end, and calls that are wrong, write nothing and burn no numbers.
pub async fn what_does_not_run_writes_nothing(setting: &Setting<'_>) {
    let graph = once(nothing).await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 3).await;
    for _ in 0..3 {
        assert_eq!(run.step(Inputs::new()).await.expect("it is no error"), None);
    }
    let wrong = run.step(Inputs::new().with("unheard", 1)).await.expect_err("no action takes it");
    assert_eq!(wrong.kind(), Kind::Invalid);
    let halted = run.run(Until::after("nobody"), Inputs::new()).await.expect_err("it has no such action");
    assert_eq!(halted.kind(), Kind::Invalid);
    setting.flush(&run).await;
    assert_eq!(setting.history(&graph, &id).await.len(), 3);
    run.reset().await.expect("it can be reset");
    assert_eq!(setting.one(&run).await.seq, 4);
}
