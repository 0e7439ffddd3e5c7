//! Steps that do not wait for their checkpoints: those are stored in order, up to a bound, and failures are told.

use futures_util::FutureExt;
use tertulia::error::Kind;
use tertulia::graph::{Inputs, Options, Run};
use tertulia::session::WriteMode;

use super::{Counter, Setting, turns};
use crate::{Call, Fault, Gate};

async fn count(run: &Run<Counter>) -> u64 {
    run.state().await.expect("it is there").count
}

/// A thousand steps run while the storage stores the first; they are stored in their order.
pub async fn steps_do_not_wait_for_the_storage(setting: &Setting<'_>) {
    let graph = turns().await;
    let (faulty, flow) = setting.faulty();
    let (runs, id) = (flow.runs(&graph, setting.options()), setting.id());
    let run = setting.stepped(&runs, &id, 0).await;
    let (commits, gate) = (faulty.calls(Call::Commit), Gate::new());
    faulty.next(Call::Commit, Fault::Hold(gate.clone()));
    setting.step(&run, 1_000).await;
    gate.reached().await;
    assert_eq!(faulty.calls(Call::Commit), commits + 1, "nothing is stored but the first");
    assert_eq!(setting.history(&graph, &id).await.len(), 0);
    gate.open();
    setting.flush(&run).await;
    let history = setting.history(&graph, &id).await;
    assert_eq!(history.iter().map(|c| c.seq).collect::<Vec<_>>(), (0..1_000).rev().collect::<Vec<_>>());
    assert_eq!(count(&setting.opened(&graph, &id).await).await, 1_000);
}

/// When as many are queued as may be, a step waits until one is stored.
pub async fn a_full_queue_makes_steps_wait(setting: &Setting<'_>) {
    let graph = turns().await;
    let (faulty, flow) = setting.faulty();
    let options = Options { max_queued: Some(64), ..setting.options() };
    let (runs, id) = (flow.runs(&graph, options), setting.id());
    let run = setting.stepped(&runs, &id, 0).await;
    let gate = Gate::new();
    faulty.next(Call::Commit, Fault::Hold(gate.clone()));
    setting.step(&run, 1).await;
    gate.reached().await;
    setting.step(&run, 63).await;
    let mut next = Box::pin(run.step(Inputs::new()));
    for _ in 0..20 {
        assert!((&mut next).now_or_never().is_none(), "the queue is full");
        tokio::task::yield_now().await;
    }
    let other = setting.stepped(&runs, &setting.id(), 10).await;
    setting.flush(&other).await;
    assert_eq!(count(&other).await, 10, "other runs go on");
    gate.open();
    let stepped = next.await.expect("there is room").expect("it has no end");
    assert_eq!((stepped.seq, stepped.result), (64, 65.into()));
    setting.flush(&run).await;
    assert_eq!(count(&setting.opened(&graph, &id).await).await, 65);
}

/// The bytes of all that is queued are bounded.
pub async fn a_queue_full_of_bytes_makes_steps_wait(setting: &Setting<'_>) {
    let graph = turns().await;
    let (faulty, flow) = setting.faulty();
    let mode = WriteMode::FireAndForget { max_bytes: 20_000 };
    let (runs, id) = (flow.runs(&graph, Options { mode, ..setting.options() }), setting.id());
    let run = setting.stepped(&runs, &id, 0).await;
    let gate = Gate::new();
    faulty.next(Call::Commit, Fault::Hold(gate.clone()));
    let mut steps = 0;
    loop {
        let mut step = Box::pin(run.step(Inputs::new()));
        let mut waits = 0;
        while waits < 20 && (&mut step).now_or_never().is_none() {
            waits += 1;
            tokio::task::yield_now().await;
        }
        if waits == 20 {
            gate.open();
            step.await.expect("there is room");
            break;
        }
        steps += 1;
        assert!(steps < 1_000, "some 100 fit");
    }
    assert!(steps > 10, "{steps} fitted");
    setting.flush(&run).await;
    assert_eq!(count(&setting.opened(&graph, &id).await).await, steps + 1);
}

/// A step that waits for room can be given up: it has not happened, and those before it are stored.
pub async fn a_step_given_up_in_a_full_queue_has_not_happened(setting: &Setting<'_>) {
    let graph = turns().await;
    let (faulty, flow) = setting.faulty();
    let options = Options { max_queued: Some(4), ..setting.options() };
    let (runs, id) = (flow.runs(&graph, options), setting.id());
    let run = setting.stepped(&runs, &id, 0).await;
    let gate = Gate::new();
    faulty.next(Call::Commit, Fault::Hold(gate.clone()));
    setting.step(&run, 4).await;
    {
        let mut next = Box::pin(run.step(Inputs::new()));
        for _ in 0..20 {
            assert!((&mut next).now_or_never().is_none(), "the queue is full");
            tokio::task::yield_now().await;
        }
    }
    gate.open();
    assert_eq!(count(&run).await, 4);
    let stepped = setting.one(&run).await;
    assert_eq!(stepped.result, 5);
    setting.flush(&run).await;
    assert_eq!(count(&setting.opened(&graph, &id).await).await, 5);
}

/// A checkpoint that fails takes those behind it with it. The next call tells it, once; the run is what is stored then.
pub async fn a_failure_drops_what_builds_on_it_and_is_told_once(setting: &Setting<'_>) {
    for how in 0..4 {
        let graph = turns().await;
        let (faulty, flow) = setting.faulty();
        let (runs, id) = (flow.runs(&graph, setting.options()), setting.id());
        let run = setting.stepped(&runs, &id, 5).await;
        setting.flush(&run).await;
        let gate = Gate::new();
        faulty.next(Call::Commit, Fault::Hold(gate.clone()));
        setting.step(&run, 1).await;
        gate.reached().await;
        setting.step(&run, 10).await;
        faulty.always(Call::Commit, Fault::Refuse(Kind::Internal));
        gate.open();
        let error = match how {
            0 => run.flush().await.expect_err("it failed"),
            1 => {
                while !runs_dry(&runs, &id).await {}
                run.step(Inputs::new()).await.expect_err("it failed")
            }
            2 => {
                while !runs_dry(&runs, &id).await {}
                run.state().await.map(drop).expect_err("it failed")
            }
            _ => run.rewind(0).await.expect_err("it failed"),
        };
        assert_eq!(error.kind(), Kind::Internal, "{error}");
        faulty.heal();
        let stored = setting.opened(&graph, &id).await;
        let there = count(&stored).await;
        assert!((5..16).contains(&there), "{there} are stored");
        assert_eq!(count(&run).await, there, "it is told once");
        let history = setting.history(&graph, &id).await;
        assert_eq!(history.len() as u64, there, "what is stored is a prefix");
        assert_eq!(setting.one(&run).await.result, there + 1);
        setting.flush(&run).await;
        assert_eq!(count(&setting.opened(&graph, &id).await).await, there + 1);
    }
}

/// Waits until nothing is queued; what it failed with stays untold by the run.
async fn runs_dry(runs: &tertulia::graph::Runs<Counter>, id: &tertulia::graph::RunId) -> bool {
    let _ = runs.flush(id).await;
    true
}

/// A failure that meets a step which waits for room is told by that step, once.
pub async fn a_failure_is_told_by_a_step_that_waits_for_room(setting: &Setting<'_>) {
    let graph = turns().await;
    let (faulty, flow) = setting.faulty();
    let options = Options { max_queued: Some(4), ..setting.options() };
    let (runs, id) = (flow.runs(&graph, options), setting.id());
    let run = setting.stepped(&runs, &id, 0).await;
    let gate = Gate::new();
    faulty.next(Call::Commit, Fault::Hold(gate.clone()));
    setting.step(&run, 4).await;
    gate.reached().await;
    let mut next = Box::pin(run.step(Inputs::new()));
    for _ in 0..20 {
        assert!((&mut next).now_or_never().is_none(), "the queue is full");
        tokio::task::yield_now().await;
    }
    faulty.always(Call::Commit, Fault::Refuse(Kind::Internal));
    gate.open();
    // The first one is stored: it was on its way. What is behind it is not.
    let error = match next.await {
        Err(error) => error,
        Ok(_) => run.flush().await.expect_err("it failed"),
    };
    assert_eq!(error.kind(), Kind::Internal, "{error}");
    faulty.heal();
    let there = count(&run).await;
    assert_eq!(count(&setting.opened(&graph, &id).await).await, there);
    assert_eq!(setting.one(&run).await.result, there + 1);
    setting.flush(&run).await;
}

/// What is read of a run has all that was queued of it before.
pub async fn what_is_read_has_what_is_queued(setting: &Setting<'_>) {
    let graph = turns().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 20).await;
    assert_eq!(runs.history(&id, None, 100).await.expect("it can be read").len(), 20);
    setting.step(&run, 20).await;
    let listed = runs.list(id.conversation().clone()).await.expect("it can be listed");
    assert_eq!(listed.iter().map(|listed| listed.seq).collect::<Vec<_>>(), [Some(39)]);
    setting.step(&run, 20).await;
    assert_eq!(runs.state_at(&id, 50).await.expect("it can be read").count, 51);
    setting.step(&run, 20).await;
    let again = runs.open(&id).await.expect("it can be opened").expect("it is there");
    assert_eq!(count(&again).await, 80);
    setting.step(&again, 20).await;
    runs.flush_all().await.expect("all can be stored");
    assert_eq!(count(&setting.opened(&graph, &id).await).await, 100);
}

/// A run that nobody has any more is stored to its end.
pub async fn what_is_queued_is_stored_when_the_run_is_dropped(setting: &Setting<'_>) {
    let graph = turns().await;
    let (faulty, flow) = setting.faulty();
    let (runs, id) = (flow.runs(&graph, setting.options()), setting.id());
    let run = setting.stepped(&runs, &id, 0).await;
    let gate = Gate::new();
    faulty.next(Call::Commit, Fault::Hold(gate.clone()));
    setting.step(&run, 100).await;
    drop(run);
    gate.open();
    runs.flush_all().await.expect("all can be stored");
    assert_eq!(count(&setting.opened(&graph, &id).await).await, 100);
}

/// The same where steps do not wait: who is second learns it later, and its run is the first one's then.
pub async fn who_is_second_learns_it_and_has_what_is_stored(setting: &Setting<'_>) {
    let graph = turns().await;
    let id = setting.id();
    let first = setting.stepped(&setting.runs(&graph), &id, 2).await;
    setting.flush(&first).await;
    let second = setting.opened(&graph, &id).await;
    setting.step(&first, 3).await;
    setting.flush(&first).await;
    setting.step(&second, 1).await;
    let error = second.flush().await.expect_err("the other was first");
    assert_eq!(error.kind(), Kind::Conflict, "{error}");
    assert_eq!(count(&second).await, 5);
    assert_eq!(setting.one(&second).await.seq, 5);
    setting.flush(&second).await;
    assert_eq!(count(&setting.opened(&graph, &id).await).await, 6);
}
