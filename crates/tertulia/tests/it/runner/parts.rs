//! What a part of a turn can have the runner do: wait for it, fail the turn, or run the handler again.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::error::Kind;
use tertulia::runner::{Contribute, INBOX, Journal, Options, Turn, journal};
use tertulia::storage::{Batch, BoxFuture, CommitId, Head, LogWrite, Page, QueueWrite, Read};
use tertulia::{Error, Key, Name, Result};

use super::support::{
    applied, apply, assert_all_done, conversation, dead, memory, pass, runner, start, update,
};

/// A part that writes nothing, notes what it is asked, and answers with one error.
#[derive(Default)]
struct Part {
    asked: Arc<Mutex<Vec<&'static str>>>,
    ready_fails: Option<Kind>,
    prepare_fails: Option<Kind>,
    outdated: bool,
}

fn fails(kind: Option<Kind>) -> Result<()> {
    kind.map_or(Ok(()), |kind| Err(Error::new(kind, "the part says so")))
}

impl Contribute for Part {
    fn ready(&self) -> Option<BoxFuture<'_, Result<()>>> {
        Some(Box::pin(async {
            self.asked.lock().push("begins to be ready");
            pass(5).await;
            self.asked.lock().push("is ready");
            fails(self.ready_fails)
        }))
    }

    fn prepare(&self) -> Result<Vec<LogWrite>> {
        self.asked.lock().push("prepares");
        fails(self.prepare_fails).map(|()| Vec::new())
    }

    fn checks(&self) -> Vec<LogWrite> {
        Vec::new()
    }

    fn committed(&self, _: &[Option<Head>]) {
        self.asked.lock().push("is committed");
    }

    fn released(&self) {
        self.asked.lock().push("is released");
    }

    fn outdated(&self) -> bool {
        self.outdated
    }
}

/// Runs a handler whose first run enlists `first` and then ends as `end` says; the others only apply the update.
/// Gives which tries were run.
async fn with_part(first: fn() -> Part, end: fn() -> Result<(), anyhow::Error>, retries: u16) -> Vec<u16> {
    let storage = memory();
    let tries: Arc<Mutex<Vec<u16>>> = Arc::default();
    let noted = Arc::clone(&tries);
    let options = Options { retries, ..Options::default() };
    let handle = start(&storage, options, move |turn: Turn, text: String| {
        let tries = Arc::clone(&noted);
        async move {
            tries.lock().push(turn.about().attempt);
            apply(&turn, &text).await?;
            if tries.lock().len() == 1 {
                turn.enlist(Arc::new(first()))?;
                end()?;
            }
            Ok(())
        }
    })
    .await;
    handle.intake().submit(update("a", 1, "one")).await.unwrap();
    pass(60_000).await;
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    let tries = tries.lock().clone();
    if dead(&storage).await.is_empty() {
        assert_eq!(applied(&storage, "a").await, ["one"]);
        assert_all_done(&storage).await;
    } else {
        assert_eq!(applied(&storage, "a").await, [""; 0]);
    }
    tries
}

#[tokio::test(start_paused = true)]
async fn parts_are_ready_before_any_of_them_is_asked_what_it_writes() {
    let storage = memory();
    let asked: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let noted = Arc::clone(&asked);
    let handle = start(&storage, Options::default(), move |turn: Turn, _| {
        let asked = Arc::clone(&noted);
        async move {
            for _ in 0..2 {
                turn.enlist(Arc::new(Part { asked: Arc::clone(&asked), ..Part::default() }))?;
            }
            asked.lock().push("the handler ends");
            Ok(())
        }
    })
    .await;
    handle.intake().submit(update("a", 1, "one")).await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    let ready = ["begins to be ready", "is ready"];
    let expected =
        [&["the handler ends"], &ready[..], &ready, &["prepares"; 2], &["is released"; 2]].concat();
    assert_eq!(*asked.lock(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_does_not_get_ready_fails_the_turn() {
    let not_ready = || Part { ready_fails: Some(Kind::Invalid), ..Part::default() };
    assert_eq!(with_part(not_ready, || Ok(()), 1).await, [1, 2]);
    assert_eq!(with_part(not_ready, || Ok(()), 0).await, [1]);
}

#[tokio::test(start_paused = true)]
async fn a_part_in_conflict_has_the_handler_run_again_uncharged() {
    let at_ready = || Part { ready_fails: Some(Kind::Conflict), ..Part::default() };
    let at_prepare = || Part { prepare_fails: Some(Kind::Conflict), ..Part::default() };
    assert_eq!(with_part(at_ready, || Ok(()), 0).await, [1, 1]);
    assert_eq!(with_part(at_prepare, || Ok(()), 0).await, [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_failed_over_an_outdated_part_runs_again_uncharged() {
    let outdated = || Part { outdated: true, ..Part::default() };
    assert_eq!(with_part(outdated, || anyhow::bail!("for whatever reason"), 0).await, [1, 1]);
    assert_eq!(with_part(outdated, || panic!("for whatever reason"), 0).await, [1, 1]);
    // One that is not outdated is charged.
    assert_eq!(with_part(Part::default, || anyhow::bail!("for whatever reason"), 0).await, [1]);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_has_ended_does_not_run_again_over_an_outdated_part() {
    for prepare_fails in [None, Some(Kind::Conflict)] {
        let storage = memory();
        let tries: Arc<Mutex<Vec<u16>>> = Arc::default();
        let noted = Arc::clone(&tries);
        let handle = start(&storage, Options::default(), move |turn: Turn, _| {
            let tries = Arc::clone(&noted);
            async move {
                tries.lock().push(turn.about().attempt);
                let inbox = Key::Queue(turn.about().conversation.shard(), INBOX);
                let entry = turn.storage().read(&[Read::new(inbox.clone())]).await?.remove(0)?;
                let entry = entry.and_then(Page::into_queue).expect("the update is there").entries.remove(0);
                let remove = QueueWrite::new(inbox).remove(entry.offset, entry.revision);
                turn.storage().commit(Batch::new(CommitId(7), vec![remove.into()])).await?;
                turn.enlist(Arc::new(Part { outdated: true, prepare_fails, ..Part::default() }))?;
                anyhow::ensure!(prepare_fails.is_some(), "for whatever reason");
                Ok(())
            }
        })
        .await;
        handle.intake().submit(update("a", 1, "one")).await.unwrap();
        assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
        assert_eq!(*tries.lock(), [1]);
        assert_all_done(&storage).await;
    }
}

/// A part that appends to a log.
struct Appends {
    log: &'static str,
    keeps_history: bool,
}

impl Contribute for Appends {
    fn prepare(&self) -> Result<Vec<LogWrite>> {
        let log = Key::Log(conversation("a"), Name::from_static(self.log));
        Ok(vec![LogWrite::new(log).append("entry")])
    }

    fn checks(&self) -> Vec<LogWrite> {
        Vec::new()
    }

    fn committed(&self, heads: &[Option<Head>]) {
        let entries = heads[0].and_then(|head| head.log()).map(|head| head.entry_bytes);
        assert!(entries.is_some(), "it is told of its own log");
    }

    fn released(&self) {}

    fn keeps_history(&self) -> bool {
        self.keeps_history
    }
}

#[tokio::test(start_paused = true)]
async fn the_journal_tells_nothing_of_a_part_that_keeps_its_own_history_whatever_its_logs_are_called() {
    let storage = memory();
    let handler = |turn: Turn, _: String| async move {
        turn.enlist(Arc::new(Appends { log: "session/own", keeps_history: true }))?;
        turn.enlist(Arc::new(Appends { log: "run/told", keeps_history: false }))?;
        Ok(())
    };
    let runner = runner(&storage, Options::default(), handler).journal(Journal::default());
    let handle = runner.start().await.unwrap();
    for id in 1..=3 {
        handle.intake().submit(update("a", id, "one")).await.unwrap();
    }
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    let turns = journal::read(&*storage, &conversation("a")).all().await.unwrap();
    assert_eq!(turns.len(), 3);
    for (_, turn) in &turns {
        let written: Vec<&str> = turn.writes.iter().map(|write| write.key.name().as_str()).collect();
        assert_eq!(written, ["run/told"]);
        assert!(turn.found.iter().all(|found| found.key.name().as_str() == "run/told"), "{:?}", turn.found);
    }
    assert!(turns.iter().any(|(_, turn)| !turn.found.is_empty()), "it tells how that was");
    for log in ["session/own", "run/told"] {
        let log = Key::Log(conversation("a"), Name::from_static(log));
        let page = storage.read(&[Read::head(log)]).await.unwrap().remove(0).unwrap();
        assert_eq!(page.and_then(|page| page.head().log()).unwrap().end.0, 3);
    }
}
