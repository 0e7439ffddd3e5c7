//! A panic of what the runner is given fails one turn and nothing else: no slot and no key is lost.

use std::sync::Arc;
use std::time::Duration;

use tertulia::runner::{Contribute, INBOX, Keys, Options, Turn};
use tertulia::storage::{BoxFuture, Head, LogWrite};
use tertulia::{Error, Result};

use super::support::{applied, apply, assert_all_done, dead, memory, pass, queued, runner, start, update};

/// A part of a turn that panics when `at` is called.
struct Part {
    at: &'static str,
}

impl Part {
    fn check(&self, at: &str) {
        assert!(self.at != at, "a part panics in {at}");
    }
}

impl Contribute for Part {
    fn ready(&self) -> Option<BoxFuture<'_, Result<()>>> {
        Some(Box::pin(async {
            self.check("ready");
            Ok(())
        }))
    }

    fn prepare(&self) -> Result<Vec<LogWrite>> {
        self.check("prepare");
        Ok(Vec::new())
    }

    fn checks(&self) -> Vec<LogWrite> {
        self.check("checks");
        Vec::new()
    }

    fn committed(&self, _heads: &[Option<Head>]) {
        self.check("committed");
    }

    fn released(&self) {
        self.check("released");
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check("drop");
        }
    }
}

/// Runs each text of a chat, with as many slots as there are updates that could leak one.
async fn run_all(texts: &[&str], concurrency: usize) -> (Vec<String>, Vec<String>) {
    let storage = memory();
    let options =
        Options { concurrency, retries: 1, backoff: Duration::from_millis(1), ..Options::default() };
    let handle = start(&storage, options, |turn: Turn, text: String| async move {
        if let Some(at) = text.strip_prefix("part ") {
            let mut known = ["ready", "prepare", "checks", "committed", "released", "drop"].into_iter();
            let at = known.find(|name| *name == at);
            turn.enlist(Arc::new(Part { at: at.unwrap() }))?;
            if text != "part released" {
                apply(&turn, &text).await?;
            }
        } else if text == "panic at once" {
            panic!("at once");
        } else if text == "panic later" {
            pass(1).await;
            panic!("later");
        } else {
            apply(&turn, &text).await?;
        }
        Ok(())
    })
    .await;
    let updates = texts.iter().zip(0..).map(|(text, n)| update("a", n, text)).collect();
    handle.intake().submit_all(updates).await.unwrap();
    pass(1_000).await;
    assert_eq!((handle.size(), handle.running()), (0, 0), "{texts:?}");
    assert_eq!(queued(&storage, INBOX).await, 0);
    let dead = dead(&storage).await.iter().map(|dead| dead.error.clone()).collect();
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    (applied(&storage, "a").await, dead)
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_fails_its_turn() {
    let (applied, dead) = run_all(&["panic at once", "panic later", "one"], 1).await;
    assert_eq!(applied, ["one"]);
    assert_eq!(dead, ["the handler panicked: at once", "the handler panicked: later"]);
}

#[tokio::test(start_paused = true)]
async fn a_decoder_that_panics_sends_the_update_to_dead() {
    let (applied, dead) = run_all(&["panic in decode", "panic in decode", "one"], 1).await;
    assert_eq!(applied, ["one"]);
    assert_eq!(
        dead,
        ["the update cannot be decoded: the decoder panicked: the decoder cannot stand this"; 2]
    );
}

#[tokio::test(start_paused = true)]
async fn a_part_that_panics_before_the_commit_fails_its_turn() {
    let (applied, dead) = run_all(&["part ready", "part prepare", "part checks", "one"], 1).await;
    assert_eq!(applied, ["one"]);
    let panics = ["ready", "prepare", "checks"];
    assert_eq!(dead, panics.map(|at| format!("a part of the turn panicked: a part panics in {at}")));
}

#[tokio::test(start_paused = true)]
async fn a_part_that_panics_after_the_commit_does_not_undo_it() {
    let (applied, dead) = run_all(&["part committed", "part released", "part drop", "one"], 1).await;
    assert_eq!(applied, ["part committed", "part drop", "one"]);
    assert_eq!(dead, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_key_function_that_panics_orders_by_conversation() {
    let storage = memory();
    let handler = super::support::Run {
        keys: |about| match &*about.body {
            b"bad" => panic!("no key"),
            _ => Keys::Conversation,
        },
        buried: |_| Vec::new(),
        run: |turn: Turn, text: String| async move { apply(&turn, &text).await },
    };
    let clock = tertulia::Clock::system();
    let runner = tertulia::runner::Runner::new(Arc::clone(&storage), clock, Options::default(), handler);
    let handle = runner.start().await.unwrap();
    handle.intake().submit_all(vec![update("a", 1, "bad"), update("a", 2, "good")]).await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_eq!(applied(&storage, "a").await, ["bad", "good"]);
    assert_all_done(&storage).await;
}

/// A source that panics.
#[derive(Debug)]
struct Broken;

impl tertulia::runner::Source for Broken {
    fn fetch(&mut self, _limit: usize) -> BoxFuture<'_, Result<Vec<tertulia::runner::Incoming>>> {
        Box::pin(async { panic!("the source cannot stand this") })
    }

    fn confirm(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Err(Error::internal("never asked")) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_fails_the_runner() {
    let storage = memory();
    let runner = runner(&storage, Options::default(), |_, _| async { Ok(()) }).source(Box::new(Broken));
    let handle = runner.start().await.unwrap();
    let error = tokio::time::timeout(Duration::from_secs(1), handle.failed()).await.expect("it is told");
    assert_eq!(error.to_string(), "the source panicked: the source cannot stand this");
    assert!(!handle.is_running());
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
}
