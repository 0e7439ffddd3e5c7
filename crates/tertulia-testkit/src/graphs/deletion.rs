//! Runs are listed once each, deleted whole, and pruned; nothing late brings one back.

use tertulia::error::Kind;
use tertulia::graph::{Inputs, RunId};
use tertulia::{Key, Name};

use super::{Counter, Diary, Flow, Setting, diary, turns};
use crate::{Call, Fault, Gate};

/// The runs of a conversation, each once, the one that was written last first.
pub async fn runs_are_listed_once_each_and_the_latest_first(setting: &Setting<'_>) {
    let graph = turns().await;
    let runs = setting.runs(&graph);
    let conversation = setting.id().conversation().clone();
    let id = |name: &str| RunId::new(conversation.clone(), name).expect("it is a name");
    for name in ["one", "two", "three", "a/b"] {
        let run = setting.stepped(&runs, &id(name), 3).await;
        setting.flush(&run).await;
    }
    setting.stepped(&runs, &setting.id(), 1).await;
    let two = runs.open(id("two")).await.expect("it can be opened").expect("it is there");
    setting.step(&two, 1).await;
    setting.flush(&two).await;
    runs.fork(id("one"), 1, id("fork")).await.expect("it can be forked");
    runs.flush_all().await.expect("all can be stored");
    let listed = runs.list(conversation.clone()).await.expect("it can be listed");
    let listed: Vec<_> = listed.iter().map(|listed| (listed.id.name().to_owned(), listed.seq)).collect();
    let expected = [("fork", None), ("two", Some(3)), ("a/b", Some(2)), ("three", Some(2)), ("one", Some(2))];
    assert_eq!(listed, expected.map(|(name, seq)| (name.to_owned(), seq)));
    let nothing = runs.list(setting.id().conversation().clone()).await.expect("it can be listed");
    assert_eq!(nothing, []);
}

/// A run that is deleted is gone whole, and only it.
pub async fn a_run_is_deleted_whole(setting: &Setting<'_>) {
    let graph = diary().await;
    let runs = setting.runs(&graph);
    let (id, other) = (setting.id(), setting.id());
    for id in [&id, &other] {
        setting.stepped(&runs, id, 20).await;
    }
    let keys = setting.subject().storage();
    assert!(runs.delete(&id).await.expect("it can be deleted"));
    assert!(!runs.delete(&id).await.expect("it is no error"));
    let others = setting.runs(&graph);
    assert!(others.open(&id).await.expect("it is no error").is_none());
    assert_eq!(others.history(&id, None, 100).await.expect("it is no error"), []);
    assert_eq!(others.state_at(&id, 3).await.map(drop).expect_err("it is gone").kind(), Kind::Gone);
    assert_eq!(others.list(id.conversation().clone()).await.expect("it can be listed"), []);
    let query = tertulia::storage::ListQuery { limit: 10_000, ..Default::default() };
    let listing = keys.list(&query).await.expect("it can be listed");
    let left = listing.keys.iter().filter(|listed| listed.key.to_string().contains(id.name()));
    assert_eq!(left.count(), 0, "histories are gone with it");
    runs.flush(&other).await.expect("it can be stored");
    assert_eq!(setting.opened(&graph, &other).await.state().await.expect("it is there").pages, 20);
}

/// Whoever has a deleted run open cannot write it, nor one that was made in its place since.
pub async fn a_late_write_brings_no_deleted_run_back(setting: &Setting<'_>) {
    for is_made_again in [false, true] {
        let graph = turns().await;
        let (runs, id) = (setting.runs(&graph), setting.id());
        let run = setting.stepped(&runs, &id, 3).await;
        setting.flush(&run).await;
        let others = setting.runs(&graph);
        assert!(others.delete(&id).await.expect("it can be deleted"));
        if is_made_again {
            let new = setting.stepped(&others, &id, 3).await;
            new.update_state(|state| state.other = "new".into()).await.expect("it can be updated");
            new.rewind(2).await.expect("it can go back");
            setting.flush(&new).await;
            others.delete(&id).await.expect("it can be deleted");
            let new = setting.stepped(&others, &id, 3).await;
            setting.flush(&new).await;
        }
        let error = match run.step(Inputs::new()).await {
            Err(error) => error,
            Ok(_) => run.flush().await.expect_err("it is deleted"),
        };
        assert!(matches!(error.kind(), Kind::Conflict | Kind::Gone), "{error}");
        let there = setting.runs(&graph).open(&id).await.expect("it is no error");
        assert_eq!(there.is_some(), is_made_again);
        assert_eq!(setting.history(&graph, &id).await.len(), if is_made_again { 3 } else { 0 });
        if is_made_again {
            run.reload().await.expect("it is another one now");
            assert_eq!(setting.one(&run).await.seq, 3);
        } else {
            assert_eq!(run.reload().await.expect_err("it is gone").kind(), Kind::Gone);
        }
    }
}

/// A checkpoint that is on its way when its run is deleted does not bring it back.
pub async fn a_checkpoint_on_its_way_brings_no_deleted_run_back(setting: &Setting<'_>) {
    let graph = turns().await;
    let (faulty, flow) = setting.faulty();
    let (runs, id) = (flow.runs(&graph, setting.options()), setting.id());
    let run = setting.stepped(&runs, &id, 3).await;
    setting.flush(&run).await;
    let gate = Gate::new();
    faulty.next(Call::Commit, Fault::Hold(gate.clone()));
    let step = async {
        match run.step(Inputs::new()).await {
            Err(error) => error,
            Ok(_) => run.flush().await.expect_err("it is deleted"),
        }
    };
    let delete = async {
        gate.reached().await;
        assert!(setting.runs(&graph).delete(&id).await.expect("it can be deleted"));
        gate.open();
    };
    let (error, ()) = tokio::join!(step, delete);
    assert!(matches!(error.kind(), Kind::Conflict | Kind::Gone), "{error}");
    assert!(setting.runs(&graph).open(&id).await.expect("it is no error").is_none());
}

/// The process that deletes a run forgets what it had queued of it.
pub async fn a_run_with_something_queued_is_deleted_with_it(setting: &Setting<'_>) {
    let graph = turns().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 50).await;
    assert!(runs.delete(&id).await.expect("it can be deleted"));
    drop(run);
    runs.flush_all().await.expect("nothing is queued");
    assert!(setting.runs(&graph).open(&id).await.expect("it is no error").is_none());
    setting.stepped(&runs, &id, 2).await;
    runs.flush_all().await.expect("all can be stored");
    assert_eq!(setting.history(&graph, &id).await.len(), 2);
}

/// The last checkpoints are kept, and the run goes on.
pub async fn a_run_is_pruned_to_its_last_checkpoints(setting: &Setting<'_>) {
    let graph = diary().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 30).await;
    setting.flush(&run).await;
    assert_eq!(runs.prune(&id, 40).await.expect("it can be pruned"), 0);
    assert_eq!(runs.prune(&id, 10).await.expect("it can be pruned"), 20);
    let seqs: Vec<_> = setting.history(&graph, &id).await.iter().map(|checkpoint| checkpoint.seq).collect();
    assert_eq!(seqs, (20..30).rev().collect::<Vec<_>>());
    let others = setting.runs(&graph);
    for seq in 20..30 {
        let state: Diary = others.state_at(&id, seq).await.expect("it is kept");
        assert_eq!(state, Diary::of(seq + 1, ""), "checkpoint {seq}");
    }
    assert_eq!(others.state_at(&id, 18).await.expect_err("it was pruned").kind(), Kind::Gone);
    run.reload().await.expect("it can be loaded again");
    assert_eq!(run.rewind(3).await.expect_err("it was pruned").kind(), Kind::Gone);
    assert_eq!(setting.one(&run).await.seq, 30);
    run.rewind(None).await.expect("it begins later now");
    assert_eq!(*run.state().await.expect("it is there"), Diary::of(20, ""));
    assert_eq!(setting.one(&run).await.seq, 31);
    setting.flush(&run).await;
    assert_eq!(*setting.opened(&graph, &id).await.state().await.expect("it is there"), Diary::of(21, ""));
    assert_eq!(runs.prune(&id, 0).await.expect("it can be pruned"), 12);
    let again = setting.opened(&graph, &id).await;
    assert_eq!(*again.state().await.expect("it is there"), Diary::of(21, ""));
    assert_eq!(setting.one(&again).await.seq, 32);
    setting.flush(&again).await;
    assert_eq!(*setting.opened(&graph, &id).await.state().await.expect("it is there"), Diary::of(22, ""));
    let missing = runs.prune(setting.id(), 1).await.expect_err("there is no such run");
    assert_eq!(missing.kind(), Kind::Gone);
}

/// Branches of a run that is pruned are kept as far as their checkpoints are.
pub async fn branches_outlive_what_they_began_with(setting: &Setting<'_>) {
    let graph = turns().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 10).await;
    run.rewind(2).await.expect("it can go back");
    setting.step(&run, 5).await;
    run.rewind(9).await.expect("it can go back");
    setting.step(&run, 5).await;
    setting.flush(&run).await;
    assert_eq!(runs.prune(&id, 8).await.expect("it can be pruned"), 12);
    let others = setting.runs(&graph);
    for (seq, count) in [(12, 6), (14, 8), (15, 11), (19, 15)] {
        let state: Counter = others.state_at(&id, seq).await.expect("it is kept");
        assert_eq!(state.count, count, "checkpoint {seq}");
    }
    let again = setting.opened(&graph, &id).await;
    again.rewind(13).await.expect("it is kept");
    assert_eq!(setting.one(&again).await.result, 8);
}

/// Items of histories that only pruned checkpoints had are pruned too; those that another branch has are not.
pub async fn what_only_pruned_checkpoints_had_goes_with_them(setting: &Setting<'_>) {
    let Flow::Storage(_) = setting.flow() else { return };
    let graph = diary().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let log = Name::new(format!("run/{}/log/1", id.name())).expect("it is a name");
    let log = Key::Log(id.conversation().clone(), log);
    let items = async || {
        let head = setting.subject().head(&log).await.and_then(|head| head.log()).expect("it is there");
        (head.start.0, head.end.0)
    };
    let run = setting.stepped(&runs, &id, 30).await;
    run.rewind(9).await.expect("it can go back");
    setting.step(&run, 1).await;
    setting.flush(&run).await;
    assert_eq!(items().await, (0, 31));
    let holds = async |seq: u64, pages: u64| {
        let state = setting.runs(&graph).state_at(&id, seq).await.expect("every checkpoint loads");
        assert_eq!(state, Diary::of(pages, ""), "checkpoint {seq}");
    };

    // The tenth page, where the branch begins, has the pages from the fifth on.
    assert_eq!(runs.prune(&id, 6).await.expect("it can be pruned"), 25);
    assert_eq!(items().await, (4, 31));
    for seq in 25..30 {
        holds(seq, seq + 1).await;
    }
    holds(30, 11).await;

    run.rewind(29).await.expect("it can go back");
    setting.step(&run, 2).await;
    setting.flush(&run).await;
    // All that is left goes on from the thirtieth page, which has those from the 26th on.
    assert_eq!(runs.prune(&id, 2).await.expect("it can be pruned"), 6);
    assert_eq!(items().await, (4, 33), "the beginning is of the other branch");
    assert_eq!(runs.prune(&id, 1).await.expect("it can be pruned"), 1);
    assert_eq!(items().await, (25, 33));
    holds(32, 32).await;

    let run = setting.opened(&graph, &id).await;
    run.update_state(|diary| diary.log.keep_last(0)).await.expect("it can be updated");
    setting.flush(&run).await;
    assert_eq!(setting.runs(&graph).prune(&id, 0).await.expect("it can be pruned"), 2);
    assert_eq!(items().await, (33, 33));
    let run = setting.opened(&graph, &id).await;
    setting.step(&run, 3).await;
    setting.flush(&run).await;
    assert_eq!(items().await, (33, 36));
    assert_eq!(
        setting.opened(&graph, &id).await.state().await.expect("it is there").log.tail(),
        [33, 34, 35]
    );
}
