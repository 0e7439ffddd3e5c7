//! Steps that somebody gives up: nothing of them is stored, and the run goes on with the same action.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::graph::{self, Inputs, Run, State, Status};

use super::{Counter, Setting, once, turns};

/// Polls a step as long as something of it can go on at once, and drops it.
async fn give_up(run: &Run<Counter>, polls: usize) {
    let mut step = pin!(run.step(Inputs::new()));
    for _ in 0..polls {
        let ready = poll_fn(|context| Poll::Ready(step.as_mut().poll(context).is_ready())).await;
        assert!(!ready, "the step waits for what never comes");
        tokio::task::yield_now().await;
    }
}

async fn never(mut state: State<Counter>) -> graph::Result {
    state.count += 100;
    std::future::pending().await
}

/// No checkpoint says that it was completed, the state is as before, and what comes next is the same action.
pub async fn a_step_that_is_given_up_has_not_happened(setting: &Setting<'_>) {
    let graph = once(never).await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 1).await;
    setting.flush(&run).await;
    give_up(&run, 3).await;
    assert_eq!(run.state().await.expect("it is there").count, 1);
    let standing = run.standing().await.expect("it stands somewhere");
    assert_eq!((standing.status, standing.next.as_deref()), (Some(Status::Cancelled), Some("second")));
    // Another process finds the run as it was before: that it was given up is not stored yet.
    let standing = setting.standing(&graph, &id).await;
    assert_eq!((standing.seq, standing.next.as_deref()), (Some(0), Some("second")));
    setting.flush(&run).await;
    let again = setting.opened(&graph, &id).await;
    assert_eq!(again.state().await.expect("it is there").count, 1);
    let standing = again.standing().await.expect("it stands somewhere");
    assert_eq!((standing.seq, standing.status), (Some(1), Some(Status::Cancelled)));
    assert_eq!(standing.next.as_deref(), Some("second"));
}

/// That a step was given up is stored with the next checkpoint, before it.
pub async fn that_a_step_was_given_up_is_stored_with_the_next(setting: &Setting<'_>) {
    let graph = turns().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 1).await;
    give_up(&run, 1).await;
    let stepped = setting.one(&run).await;
    assert_eq!((stepped.seq, &*stepped.action, stepped.result), (2, "b", 2.into()));
    setting.flush(&run).await;
    let history = setting.history(&graph, &id).await;
    let statuses: Vec<_> = history.iter().map(|checkpoint| (checkpoint.seq, checkpoint.status)).collect();
    assert_eq!(statuses, [(2, Status::Completed), (1, Status::Cancelled), (0, Status::Completed)]);
    assert_eq!(setting.opened(&graph, &id).await.state().await.expect("it is there").count, 2);
}

/// An action that takes too long fails, and is dropped.
pub async fn an_action_over_its_time_limit_has_failed(setting: &Setting<'_>) {
    let graph = once(graph::action(never).time_limit(Duration::from_millis(20))).await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 1).await;
    let error = run.step(Inputs::new()).await.expect_err("it takes too long");
    assert_eq!(error.kind(), Kind::Timeout);
    setting.flush(&run).await;
    let again = setting.opened(&graph, &id).await;
    assert_eq!(again.state().await.expect("it is there").count, 1);
    let standing = again.standing().await.expect("it stands somewhere");
    assert_eq!((standing.status, standing.next.as_deref()), (Some(Status::Failed), Some("second")));
}

/// Other calls wait for one that is under way, and go on when it is given up.
pub async fn calls_go_on_when_the_one_before_them_is_given_up(setting: &Setting<'_>) {
    let graph = turns().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 0).await;
    let mut seqs = Vec::new();
    for _ in 0..10 {
        let mut first = Box::pin(run.step(Inputs::new()));
        assert!(poll_fn(|context| Poll::Ready(first.as_mut().poll(context).is_pending())).await);
        let mut second = Box::pin(run.step(Inputs::new()));
        assert!(poll_fn(|context| Poll::Ready(second.as_mut().poll(context).is_pending())).await);
        drop(first);
        seqs.push(second.await.expect("the step goes well").expect("it has no end").seq);
    }
    assert_eq!(seqs, (0..10).map(|n| 2 * n + 1).collect::<Vec<_>>(), "each is noted before the next");
    setting.flush(&run).await;
    assert_eq!(setting.opened(&graph, &id).await.state().await.expect("it is there").count, 10);
}
