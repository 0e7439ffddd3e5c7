//! Every checkpoint can be had again, exactly, and costs what it changed.

use tertulia::error::Kind;
use tertulia::graph::{Inputs, Options, Run, Runs, Status};
use tertulia::session::State;

use super::{Counter, Diary, Flow, Setting, diary, turns};
use crate::Counting;

/// The text of a page, of a length of its own, so that snapshots come and go.
fn text(page: u64) -> String {
    "x".repeat(usize::try_from(page * 7_919 % 5_000).unwrap_or_default())
}

/// So many pages are written.
async fn write(run: &Run<Diary>, pages: std::ops::RangeInclusive<u64>) {
    for page in pages {
        let stepped = run.step(Inputs::new().with("text", text(page))).await.expect("the step goes well");
        assert_eq!(stepped.expect("it has no end").seq + 1, page);
    }
}

async fn at<S: State>(runs: &Runs<S>, id: &tertulia::graph::RunId, seq: u64) -> S {
    runs.state_at(id, seq).await.expect("the checkpoint is there")
}

/// Every checkpoint of a long run loads as it was, in this process and in another.
pub async fn every_checkpoint_loads_exactly(setting: &Setting<'_>) {
    let graph = diary().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 0).await;
    write(&run, 1..=120).await;
    setting.flush(&run).await;
    let others = setting.runs(&graph);
    for page in 1..=120 {
        assert_eq!(at(&others, &id, page - 1).await, Diary::of(page, &text(page)), "checkpoint {}", page - 1);
    }
    assert_eq!(others.state_at(&id, None).await.expect("it is there"), Diary::of(120, &text(120)));
    let again = setting.opened(&graph, &id).await;
    write(&again, 121..=130).await;
    setting.flush(&again).await;
    assert_eq!(at(&others, &id, 125).await, Diary::of(126, &text(126)));
    let never = others.state_at(&id, 130).await.expect_err("there are 130");
    assert_eq!(never.kind(), Kind::Invalid, "{never}");
}

/// What a checkpoint tells of itself, newest first, and in pages.
pub async fn a_history_is_told_newest_first_and_in_pages(setting: &Setting<'_>) {
    let graph = turns().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 25).await;
    setting.flush(&run).await;
    let runs = setting.runs(&graph);
    let (mut before, mut seen) = (None, Vec::new());
    loop {
        let page = runs.history(&id, before, 10).await.expect("it can be read");
        let Some(last) = page.last() else { break };
        before = Some(last.seq);
        seen.extend(page);
    }
    assert_eq!(seen.len(), 25);
    for (checkpoint, seq) in seen.iter().zip((0..25_u64).rev()) {
        assert_eq!((checkpoint.seq, checkpoint.parent), (seq, seq.checked_sub(1)));
        assert_eq!((checkpoint.status, &checkpoint.error), (Status::Completed, &None));
        let action = if seq.is_multiple_of(2) { "a" } else { "b" };
        assert_eq!(checkpoint.position.action(), Some(action));
    }
    assert!(seen.is_sorted_by(|newer, older| newer.at >= older.at), "time goes on");
    let none = runs.history(&setting.id(), None, 10).await.expect("it is no error");
    assert_eq!(none, []);
}

/// A value that somebody holds, and changes later, is not the run's.
pub async fn what_is_stored_is_nobody_elses(setting: &Setting<'_>) {
    let graph = turns().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let mut mine = Counter { count: 7, other: "mine".into() };
    let run = runs.create(&id, mine.clone()).await.expect("it can be made");
    mine.count = 1_000;
    setting.step(&run, 1).await;
    let mut read = runs.state_at(&id, 0).await.expect("it is there");
    read.other = "changed".into();
    setting.step(&run, 1).await;
    setting.flush(&run).await;
    for seq in 0..2 {
        assert_eq!(
            at(&setting.runs(&graph), &id, seq).await,
            Counter { count: seq + 8, other: "mine".into() }
        );
    }
}

/// A thousand steps, each of which puts 500 bytes to a history, store no more than three times that.
pub async fn a_step_stores_what_it_changed(setting: &Setting<'_>) {
    let Flow::Storage(storage) = setting.flow() else { return };
    let graph = book().await;
    let counting = Counting::new(storage);
    let options = Options { log_tail: 16, ..setting.options() };
    let runs = Flow::Storage(std::sync::Arc::new(counting.clone())).runs(&graph, options);
    let id = setting.id();
    let run = setting.stepped(&runs, &id, 0).await;
    let mut halves = Vec::new();
    for _ in 0..2 {
        counting.take();
        setting.step(&run, 500).await;
        setting.flush(&run).await;
        halves.push(counting.written("").bytes());
    }
    let payload = 500 * 500;
    assert!(halves.iter().all(|bytes| *bytes < 3 * payload / 2), "{halves:?} of {payload}");
    assert!(halves[1] < halves[0] * 12 / 10, "it grows: {halves:?}");
    counting.take();
    let again = runs.open(&id).await.expect("it can be opened").expect("it is there");
    assert_eq!(again.state().await.expect("it is there").lines.len(), 1_000);
    let read = counting.written("").bytes_read;
    assert!(read < payload, "{read} bytes are read to open it");
}

/// A state of nothing but lines.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
struct Book {
    lines: tertulia::Log<String>,
}

async fn book() -> tertulia::graph::Graph<Book> {
    async fn write(mut state: tertulia::graph::State<Book>) -> tertulia::graph::Result {
        let line = format!("{:0500}", state.lines.len());
        state.lines.push(line);
        Ok(())
    }
    let builder = tertulia::graph::Graph::<Book>::new("book").action("write", write);
    let builder = builder.transition("write", "write").entrypoint("write");
    builder.build().await.expect("the graph is in order")
}

/// A step that writes more than it keeps, and drops all that was there before: the history is what was kept.
pub async fn a_history_that_is_replaced_in_one_step_loads(setting: &Setting<'_>) {
    let graph = diary().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 5).await;
    let change = |diary: &mut Diary| {
        (100..110).for_each(|page| diary.log.push(page));
        diary.log.keep_last(2);
    };
    run.update_state(change).await.expect("it can be updated");
    setting.step(&run, 1).await;
    setting.flush(&run).await;
    let again = setting.opened(&graph, &id).await;
    assert_eq!(again.state().await.expect("it is there").log.tail(), [108, 109, 6]);
    again.rewind(4).await.expect("it can go back");
    assert_eq!(again.state().await.expect("it is there").log.tail(), [1, 2, 3, 4, 5]);
}

/// Runs go on when the storage is closed and opened again.
pub async fn runs_go_on_when_the_storage_is_opened_again(setting: &Setting<'_>) {
    let graph = diary().await;
    let id = setting.id();
    {
        let run = setting.stepped(&setting.runs(&graph), &id, 0).await;
        write(&run, 1..=30).await;
        setting.flush(&run).await;
    }
    if !setting.subject().close_and_open().await {
        return;
    }
    let again = setting.opened(&graph, &id).await;
    write(&again, 31..=40).await;
    setting.flush(&again).await;
    for page in 1..=40 {
        assert_eq!(at(&setting.runs(&graph), &id, page - 1).await, Diary::of(page, &text(page)));
    }
}
