//! A process that dies, between any two calls of the storage or while one is under way.

use std::pin::pin;

use tertulia::Result;
use tertulia::graph::{Graph, Inputs, RunId, Runs};

use super::{Diary, Setting, diary};
use crate::{Call, Fault, Gate};

/// What a process does that may die on the way: a run is made, goes on, goes back, is pruned, forked, changed.
/// `done` is told of what has returned, and of all that is flushed.
async fn life(runs: &Runs<Diary>, [id, fork]: [&RunId; 2], done: &mut Vec<&'static str>) -> Result<()> {
    let run = runs.create(id, Diary::default()).await?;
    done.push("created");
    for _ in 0..8 {
        run.step(Inputs::new().with("text", "trunk")).await?;
    }
    run.flush().await?;
    done.push("stepped");
    run.rewind(4).await?;
    run.step(Inputs::new().with("text", "branch")).await?;
    run.flush().await?;
    done.push("branched");
    let forked = runs.fork(id, 6, fork).await?;
    forked.step(Inputs::new().with("text", "fork")).await?;
    forked.flush().await?;
    done.push("forked");
    run.update_state(|diary| diary.write("update")).await?;
    run.flush().await?;
    done.push("updated");
    runs.prune(id, 5).await?;
    done.push("pruned");
    run.reload().await?;
    run.step(Inputs::new().with("text", "last")).await?;
    run.flush().await?;
    done.push("last");
    runs.delete(fork).await?;
    done.push("deleted");
    Ok(())
}

/// What has to be there after a life up to here.
async fn check(setting: &Setting<'_>, graph: &Graph<Diary>, [id, fork]: [&RunId; 2], done: &[&str]) {
    let runs = setting.runs(graph);
    let has = |what: &str| done.contains(&what);
    let history = setting.history(graph, id).await;
    let seqs: Vec<u64> = history.iter().rev().map(|checkpoint| checkpoint.seq).collect();
    assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "a hole: {seqs:?}");
    let end = seqs.last().map_or(0, |last| last + 1);
    let least = [("last", 11), ("updated", 10), ("branched", 9), ("stepped", 8)];
    let least = least.into_iter().find(|(what, _)| has(what)).map_or(0, |(_, least)| least);
    assert!(end >= least, "{end} of {least} checkpoints are there after {done:?}");
    assert!(seqs.len() >= 5 || seqs.first().is_none_or(|first| *first == 0), "pruned too far: {seqs:?}");
    if has("created") {
        let run = setting.opened(graph, id).await;
        let standing = run.standing().await.expect("it stands somewhere");
        assert_eq!(standing.seq, seqs.last().copied());
    }
    for seq in &seqs {
        let (pages, text) = match seq {
            8 => (6, "branch"),
            9 => (7, "update"),
            10 => (8, "last"),
            seq => (seq + 1, "trunk"),
        };
        let state: Diary = runs.state_at(id, *seq).await.expect("every checkpoint loads");
        assert_eq!(state, Diary::of(pages, text), "checkpoint {seq} after {done:?}");
    }
    let forked = runs.open(fork).await.expect("it can be opened");
    if has("deleted") || !has("branched") {
        assert!(forked.is_none(), "it is there after {done:?}");
    } else if has("forked") && !has("last") {
        let forked = forked.expect("it is there");
        assert_eq!(*forked.state().await.expect("it is there"), Diary::of(8, "fork"));
    }
}

/// The next process goes on with the run as it is.
async fn goes_on(setting: &Setting<'_>, graph: &Graph<Diary>, id: &RunId) {
    let runs = setting.runs(graph);
    let run = runs.open_or_create(id, Diary::default).await.expect("it is there or can be made");
    let pages = run.state().await.expect("it is there").pages;
    run.step(Inputs::new().with("text", "on")).await.expect("it goes on");
    setting.flush(&run).await;
    let there = setting.opened(graph, id).await;
    assert_eq!(*there.state().await.expect("it is there"), Diary::of(pages + 1, "on"));
}

/// A process that dies while its `n`th commit is under way, before the storage has it or after: all that had returned is
/// there, nothing is there in half, and the next process goes on. For every `n`.
pub async fn a_process_may_die_at_every_commit(setting: &Setting<'_>) {
    for is_done in [false, true] {
        for n in 1.. {
            let graph = diary().await;
            let (faulty, flow) = setting.faulty();
            let (id, fork) = (setting.id(), setting.id());
            let runs = flow.runs(&graph, setting.options());
            let gate = Gate::new();
            let fault = if is_done { Fault::HoldAnswer(gate.clone()) } else { Fault::Hold(gate.clone()) };
            faulty.at(Call::Commit, n, fault);
            let mut done = Vec::new();
            let has_died = {
                let life = pin!(life(&runs, [&id, &fork], &mut done));
                tokio::select! {
                    ended = life => {
                        ended.expect("all goes well");
                        false
                    }
                    () = gate.reached() => true,
                }
            };
            if !has_died {
                assert!(n > 5, "it commits more than {n} times");
                break;
            }
            // The process is dead: nobody lets the call go.
            drop(runs);
            check(setting, &graph, [&id, &fork], &done).await;
            goes_on(setting, &graph, &id).await;
        }
    }
}

/// A process each of whose calls fails once, and which does not go on: as if it had died there.
pub async fn every_commit_and_every_read_may_fail(setting: &Setting<'_>) {
    for call in [Call::Commit, Call::Read] {
        for fault in [Fault::Refuse(tertulia::error::Kind::Internal), Fault::LoseAnswer, Fault::LoseRequest] {
            for n in 1.. {
                let graph = diary().await;
                let (faulty, flow) = setting.faulty();
                let (id, fork) = (setting.id(), setting.id());
                let runs = flow.runs(&graph, setting.options());
                faulty.at(call, n, fault.clone());
                let mut done = Vec::new();
                let ended = life(&runs, [&id, &fork], &mut done).await;
                let _ = runs.flush_all().await;
                drop(runs);
                if faulty.faults() == 0 {
                    ended.expect("nothing failed");
                    break;
                }
                check(setting, &graph, [&id, &fork], &done).await;
                goes_on(setting, &graph, &id).await;
            }
        }
    }
}
