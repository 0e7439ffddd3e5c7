//! Runs that are kept for a time.

use std::time::Duration;

use tertulia::error::Kind;
use tertulia::graph::{Inputs, Options};

use super::{Diary, Setting, diary};

/// How long runs are kept.
const LIFE: Duration = Duration::from_secs(2);

/// A run is gone some time after its last checkpoint, with its histories, and not before.
pub async fn a_run_expires_after_its_last_checkpoint(setting: &Setting<'_>) {
    let graph = diary().await;
    let options = Options { expiry: Some(LIFE), ..setting.options() };
    let (runs, id) = (setting.with(&graph, options), setting.id());
    let run = setting.stepped(&runs, &id, 3).await;
    for _ in 0..4 {
        setting.pass(LIFE / 2).await;
        setting.step(&run, 1).await;
        setting.flush(&run).await;
    }
    let again = setting.opened(&graph, &id).await;
    assert_eq!(
        *again.state().await.expect("it is there"),
        Diary::of(7, ""),
        "its histories are kept with it"
    );
    setting.pass(LIFE * 2).await;
    assert!(setting.runs(&graph).open(&id).await.expect("it is no error").is_none());
    let error = match run.step(Inputs::new()).await {
        Err(error) => error,
        Ok(_) => run.flush().await.expect_err("it is gone"),
    };
    assert!(matches!(error.kind(), Kind::Conflict | Kind::Gone), "{error}");
    assert!(setting.runs(&graph).open(&id).await.expect("it is no error").is_none(), "it stays gone");
    setting.stepped(&runs, &id, 1).await;
    runs.flush_all().await.expect("all can be stored");
    let again = setting.opened(&graph, &id).await;
    assert_eq!(*again.state().await.expect("it is there"), Diary::of(1, ""), "and can be made anew");
}
