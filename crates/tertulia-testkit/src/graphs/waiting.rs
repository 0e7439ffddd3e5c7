//! Steps that wait for their checkpoints: what cannot be stored has not happened.

use std::pin::pin;

use tertulia::error::Kind;
use tertulia::graph::{self, Inputs, Moved, Run, State, Status};

use super::state::{not_today, nothing};
use super::{Counter, Setting, once, turns};
use crate::{Call, Fault, Gate};

async fn count(run: &Run<Counter>) -> u64 {
    run.state().await.expect("it is there").count
}

/// Of two processes that step from the same checkpoint, one has it; the other's step has not happened, and it has to load
/// the run again. Other runs go on.
pub async fn of_two_processes_one_has_each_step(setting: &Setting<'_>) {
    let graph = turns().await;
    let id = setting.id();
    let first = setting.stepped(&setting.runs(&graph), &id, 2).await;
    let second = setting.opened(&graph, &id).await;
    for round in 0..5 {
        let (one, two) = tokio::join!(first.step(Inputs::new()), second.step(Inputs::new()));
        let (won, lost, loser) = match (one, two) {
            (Ok(won), Err(lost)) => (won, lost, &second),
            (Err(lost), Ok(won)) => (won, lost, &first),
            (one, two) => panic!("one wins: {one:?}, {two:?}"),
        };
        assert_eq!(won.expect("it has no end").seq, 2 * round + 2);
        assert_eq!(lost.kind(), Kind::Conflict, "{lost}");
        let moved = *lost.detail::<Moved>().expect("a conflict says what moved");
        assert_eq!(moved, Moved { expected: Some(2 * round + 1), actual: Some(2 * round + 2) });
        assert_eq!(count(loser).await, 2 * round + 2, "it is as before the step");
        let still = loser.step(Inputs::new()).await.expect_err("it has to be loaded again");
        assert_eq!(still.kind(), Kind::Conflict);
        let other = setting.stepped(&setting.runs(&graph), &setting.id(), 3).await;
        assert_eq!(count(&other).await, 3, "other runs go on");
        loser.reload().await.expect("it can be loaded again");
        assert_eq!(count(loser).await, 2 * round + 3);
        assert_eq!(setting.one(loser).await.seq, 2 * round + 3);
        for run in [&first, &second] {
            run.reload().await.expect("it can be loaded again");
        }
    }
    let history = setting.history(&graph, &id).await;
    assert_eq!(history.len(), 12);
}

/// A checkpoint that cannot be stored fails the step: the run is as it was, and the next step runs the action again.
pub async fn a_step_that_cannot_be_stored_has_not_happened(setting: &Setting<'_>) {
    let graph = turns().await;
    let (faulty, flow) = setting.faulty();
    let (runs, id) = (flow.runs(&graph, setting.options()), setting.id());
    let run = setting.stepped(&runs, &id, 2).await;
    for kind in [Kind::Internal, Kind::Invalid, Kind::Closed] {
        faulty.next(Call::Commit, Fault::Refuse(kind));
        let error = run.step(Inputs::new()).await.expect_err("it cannot be stored");
        assert_eq!(error.kind(), kind);
        let standing = run.standing().await.expect("it stands somewhere");
        assert_eq!((standing.seq, standing.next.as_deref()), (Some(1), Some("a")));
        assert_eq!(run.state().await.expect("it is there").count, 2, "what is stored");
    }
    let stepped = setting.one(&run).await;
    assert_eq!((stepped.seq, stepped.result), (2, 3.into()));
    assert_eq!(setting.history(&graph, &id).await.len(), 3);
}

/// An action that fails, and that this cannot be stored: both are told.
pub async fn of_an_action_and_its_checkpoint_both_errors_are_told(setting: &Setting<'_>) {
    async fn fails(mut state: State<Counter>) -> graph::Result {
        state.count += 100;
        Err(not_today())
    }
    let graph = once(fails).await;
    let (faulty, flow) = setting.faulty();
    let (runs, id) = (flow.runs(&graph, setting.options()), setting.id());
    let run = setting.stepped(&runs, &id, 1).await;
    faulty.next(Call::Commit, Fault::Refuse(Kind::Internal));
    let error = run.step(Inputs::new()).await.expect_err("the action fails");
    assert_eq!(error.kind(), Kind::Failed);
    let text = error.to_string();
    assert!(text.contains("not today") && text.contains("planned fault"), "{text}");
    let standing = run.standing().await.expect("it stands somewhere");
    assert_eq!((standing.seq, standing.next.as_deref()), (Some(0), Some("second")));
    run.step(Inputs::new()).await.expect_err("the action fails again");
    let history = setting.history(&graph, &id).await;
    assert_eq!((history[0].seq, history[0].status), (1, Status::Failed));
    assert_eq!(history.len(), 2);
}

/// After an answer that was lost the run is what is stored, with the step or without it, and no step runs into the void.
pub async fn a_lost_answer_is_looked_after(setting: &Setting<'_>) {
    let graph = turns().await;
    let (faulty, flow) = setting.faulty();
    let (runs, id) = (flow.runs(&graph, setting.options()), setting.id());
    let run = setting.stepped(&runs, &id, 1).await;
    for fault in [Fault::LoseAnswer, Fault::LoseRequest] {
        for _ in 0..3 {
            faulty.next(Call::Commit, fault.clone());
            // A storage is asked what became of it; a persister's answer is the caller's to judge.
            if let Err(error) = run.step(Inputs::new()).await {
                assert_eq!(error.kind(), Kind::Unknown, "{error}");
            }
            let stored = setting.opened(&graph, &id).await;
            let count = stored.state().await.expect("it is there").count;
            assert_eq!(run.state().await.expect("it is there").count, count);
            let standing = run.standing().await.expect("it stands somewhere");
            assert_eq!(standing, stored.standing().await.expect("it stands somewhere"));
            let stepped = setting.one(&run).await;
            assert_eq!(stepped.result, count + 1);
        }
    }
    let history = setting.history(&graph, &id).await;
    let count = run.state().await.expect("it is there").count;
    assert_eq!(history.len() as u64, count, "a checkpoint for each");
}

/// A step whose checkpoint is on its way when it is given up: it was stored or not, and the run is what is stored.
pub async fn a_step_given_up_while_it_is_stored_is_stored_or_not(setting: &Setting<'_>) {
    for is_done in [true, false] {
        let graph = once(nothing).await;
        let (faulty, flow) = setting.faulty();
        let (runs, id) = (flow.runs(&graph, setting.options()), setting.id());
        let run = setting.stepped(&runs, &id, 0).await;
        let gate = Gate::new();
        let fault = if is_done { Fault::HoldAnswer(gate.clone()) } else { Fault::Hold(gate.clone()) };
        faulty.next(Call::Commit, fault);
        {
            let mut step = pin!(run.step(Inputs::new()));
            tokio::select! {
                biased;
                _ = &mut step => panic!("its checkpoint is not stored yet"),
                () = gate.reached() => {}
            }
        }
        let stored = u64::from(is_done);
        assert_eq!(run.state().await.expect("it is there").count, stored, "what is stored: {is_done}");
        let stepped = setting.one(&run).await;
        assert_eq!(stepped.seq, stored);
        let history = setting.history(&graph, &id).await;
        assert_eq!(history.len() as u64, stored + 1);
        setting.step(&run, 2 - stored).await;
        assert_eq!(setting.opened(&graph, &id).await.state().await.expect("it is there").count, 2);
    }
}
