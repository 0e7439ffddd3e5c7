//! A storage that refuses, or does not say what became of a checkpoint.

use std::time::Duration;

use tertulia::error::Kind;
use tertulia::graph::{Inputs, Options};

use super::{Setting, turns};
use crate::{Call, Fault, Gate};

/// A storage that hangs fails the call after its time limit; the run goes on when the storage does.
pub async fn a_storage_that_hangs_fails_the_call(setting: &Setting<'_>) {
    let graph = turns().await;
    let (faulty, flow) = setting.faulty();
    let options = Options { time_limit: Some(Duration::from_secs(2)), ..setting.options() };
    let (runs, id) = (flow.runs(&graph, options), setting.id());
    let run = setting.stepped(&runs, &id, 1).await;
    setting.flush(&run).await;
    for is_done in [false, true] {
        let gate = Gate::new();
        let fault = if is_done { Fault::HoldAnswer(gate) } else { Fault::Hold(gate) };
        faulty.next(Call::Commit, fault);
        let ended = match run.step(Inputs::new()).await {
            Err(error) => Err(error),
            Ok(_) => run.flush().await,
        };
        match ended {
            Err(error) => assert_eq!(error.kind(), Kind::Timeout, "{error}"),
            Ok(()) => assert!(setting.is_queued() && !setting.is_custom(), "a queue tries again"),
        }
        let stored = setting.opened(&graph, &id).await.state().await.expect("it is there").count;
        assert_eq!(run.state().await.expect("it is there").count, stored);
        assert_eq!(setting.one(&run).await.result, stored + 1);
        setting.flush(&run).await;
    }
    let count = setting.opened(&graph, &id).await.state().await.expect("it is there").count;
    assert_eq!(setting.history(&graph, &id).await.len() as u64, count, "each step counts once");
}

/// What cannot be read is told, and can be read later.
pub async fn what_cannot_be_read_is_told(setting: &Setting<'_>) {
    let graph = turns().await;
    let (faulty, flow) = setting.faulty();
    let (runs, id) = (flow.runs(&graph, setting.options()), setting.id());
    let run = setting.stepped(&runs, &id, 3).await;
    setting.flush(&run).await;
    faulty.always(Call::Read, Fault::Refuse(Kind::Unavailable));
    assert_eq!(runs.open(&id).await.expect_err("it cannot be read").kind(), Kind::Unavailable);
    assert_eq!(run.reload().await.expect_err("it cannot be read").kind(), Kind::Unavailable);
    assert_eq!(run.rewind(0).await.expect_err("it cannot be read").kind(), Kind::Unavailable);
    assert_eq!(runs.state_at(&id, 0).await.expect_err("it cannot be read").kind(), Kind::Unavailable);
    faulty.heal();
    assert_eq!(setting.one(&run).await.seq, 3, "a run that is open goes on");
    run.rewind(0).await.expect("it can be read again");
    assert_eq!(setting.one(&run).await.result, 2);
}
