//! Updates whose handler fails: tried again, then dead or parked, and put right.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::runner::{
    AfterRetries, DEAD, DeadKind, Handle, INBOX, InboxRecord, Options, Query, Receipt, dead, parked,
};
use tertulia::{Clock, Error, Key};

use super::setting::chat;
use super::work::apply;
use super::{Notes, Process, Setting, Texts, Work};
use crate::process::until;

/// A handler that fails with texts that begin with `bad`, until it is mended.
#[derive(Clone, Debug, Default)]
struct Broken {
    is_mended: Arc<AtomicBool>,
    runs: Notes,
}

impl Broken {
    fn work(&self, change: impl FnOnce(&mut Options)) -> Work {
        let broken = self.clone();
        let work = Work::new(move |turn, text| {
            let Self { is_mended, runs } = broken.clone();
            async move {
                runs.note(format!("{text} {}", turn.about().attempt));
                if text.starts_with("bad") && !is_mended.load(Ordering::SeqCst) {
                    apply(&turn, "in vain").await?;
                    return Err(Error::internal(format!("{text} is too much")).into());
                }
                apply(&turn, &text).await
            }
        });
        work.with(change)
    }

    fn mend(&self) {
        self.is_mended.store(true, Ordering::SeqCst);
    }
}

/// An update whose handler fails is run again, each try is counted, and a restart counts on.
pub async fn tries_are_counted_also_after_a_restart(setting: &Setting<'_>) {
    let runs = Notes::new();
    let work = |hangs_at: u16| {
        let runs = runs.clone();
        Work::new(move |turn, text| {
            let runs = runs.clone();
            async move {
                let attempt = turn.about().attempt;
                runs.note(attempt.to_string());
                if attempt == hangs_at {
                    std::future::pending::<()>().await;
                }
                if attempt < 4 {
                    return Err(Error::internal("not yet").into());
                }
                apply(&turn, &text).await
            }
        })
    };
    let first = setting.start(work(3)).await;
    setting.tell(&first, "a", 1, "x").await;
    runs.come(3).await;
    let next = setting.after(first, work(0)).await;
    setting.come("a", 1).await;
    assert_eq!(runs.all(), ["1", "2", "3", "3", "4"], "the one that was killed had not failed");
    setting.end_all(next).await;
}

/// An update that waits for its next try holds its conversation and nothing else, also after a restart.
pub async fn an_update_waits_for_its_next_try_also_after_a_restart(setting: &Setting<'_>) {
    let broken = Broken::default();
    let hour = |options: &mut Options| {
        (options.backoff, options.backoff_max) = (Duration::from_hours(1), Duration::from_hours(1));
    };
    let first = setting.start(broken.work(hour)).await;
    setting.tell(&first, "a", 1, "bad").await;
    setting.tell(&first, "a", 2, "good").await;
    until(async || {
        let inbox = setting.subject().queue(&Key::Queue(chat("a").shard(), INBOX)).await;
        InboxRecord::decode(&inbox.entries[0].bytes).unwrap().attempts == 1
    })
    .await;
    let second = setting.after(first, broken.work(hour)).await;
    setting.tell(&second, "b", 3, "other").await;
    setting.come("b", 1).await;
    // Not at once: the other one is applied before this process knows.
    until(async || second.stats().running == 0).await;
    assert_eq!(broken.runs.all(), ["bad 1", "other 1"]);
    broken.mend();
    // No wait is longer than this process would wait.
    let third = setting.after(second, broken.work(|options| options.backoff_max = options.backoff)).await;
    setting.come("a", 2).await;
    assert_eq!(setting.applied("a").await, ["bad", "good"]);
    assert_eq!(broken.runs.all(), ["bad 1", "other 1", "bad 2", "good 1"]);
    setting.end_all(third).await;
}

/// After its last try an update is dead, with its error, and its conversation goes on; replayed, it is run once, with a
/// process that runs and without one.
pub async fn a_dead_update_is_replayed_once(setting: &Setting<'_>) {
    let (broken, clock) = (Broken::default(), Clock::system());
    let first = setting.start(broken.work(|options| options.retries = 1)).await;
    for (n, text) in (0..).zip(["bad one", "bad two", "good"]) {
        setting.tell(&first, "a", n, text).await;
    }
    setting.come("a", 1).await;
    assert_eq!(setting.applied("a").await, ["good"], "what a failed run has written is not there");
    assert_eq!(broken.runs.all(), ["bad one 1", "bad one 2", "bad two 1", "bad two 2", "good 1"]);
    first.kill().await;
    let letters = setting.letters().await;
    for (letter, text) in letters.iter().zip(["bad one", "bad two"]) {
        let record = letter.record.as_ref().unwrap();
        assert_eq!(
            (record.what.clone(), record.attempts, &*record.body),
            (DeadKind::Update, 2, text.as_bytes())
        );
        assert!(record.error.contains(&format!("{text} is too much")), "{}", record.error);
    }
    assert_eq!(letters.len(), 2);
    broken.mend();
    let storage = setting.subject().storage();
    let _ = dead::replay(&*storage, &clock, letters[0].id).await.unwrap();
    let next = setting.start(broken.work(|_| {})).await;
    setting.come("a", 2).await;
    let notice = dead::replay(&*storage, &clock, letters[1].id).await.unwrap();
    next.look(notice).await.unwrap();
    setting.come("a", 3).await;
    for letter in &letters {
        assert_eq!(dead::replay(&*storage, &clock, letter.id).await.unwrap_err().kind(), Kind::Gone);
    }
    assert_eq!(setting.give(&next, "a", 0, "bad one").await.unwrap(), Receipt::Seen);
    drop(storage);
    setting.end_all(next).await;
    assert_eq!(setting.applied("a").await, ["good", "bad one", "bad two"]);
}

/// A parked update holds its conversation, and no other, until it is let go, also after a restart.
pub async fn a_parked_update_holds_its_conversation_until_it_is_let_go(setting: &Setting<'_>) {
    let broken = Broken::default();
    let park = |options: &mut Options| (options.retries, options.after_retries) = (0, AfterRetries::Park);
    let listed = async || {
        let listed = parked::list(&*setting.subject().storage(), &Query::default()).await;
        listed.expect("the storage can be read").entries
    };
    let first = setting.start(broken.work(park)).await;
    setting.tell(&first, "a", 1, "bad").await;
    setting.tell(&first, "a", 2, "good").await;
    until(async || !listed().await.is_empty()).await;
    let next: Process<Handle<Texts>> = setting.after(first, broken.work(park)).await;
    setting.tell(&next, "b", 3, "other").await;
    setting.come("b", 1).await;
    assert_eq!(broken.runs.all(), ["bad 1", "other 1"]);
    let parked = listed().await;
    assert_eq!(parked.len(), 1);
    assert!(parked[0].why.contains("bad is too much"), "{}", parked[0].why);
    broken.mend();
    let storage = setting.subject().storage();
    let notice = parked::release(&*storage, &Clock::system(), parked[0].id).await.unwrap();
    drop(storage);
    next.look(notice).await.unwrap();
    setting.come("a", 2).await;
    assert_eq!(setting.applied("a").await, ["bad", "good"]);
    assert_eq!(setting.queued(&DEAD).await, 0);
    setting.end_all(next).await;
}
