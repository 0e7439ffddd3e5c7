//! What is accepted is kept, run in its order, and run once.

use std::sync::Arc;

use tertulia::error::Kind;
use tertulia::runner::{INBOX, Incoming, Receipt};
use tokio::sync::{Barrier, Semaphore};

use super::setting::update;
use super::work::apply;
use super::{Notes, Setting, Work};

/// What is accepted is in the inbox until it was run, and then no more.
pub async fn what_is_accepted_is_run_once_and_removed(setting: &Setting<'_>) {
    let gate = Arc::new(Semaphore::new(0));
    let process = setting.start(held(&gate)).await;
    for n in 0..3 {
        setting.tell(&process, "a", n, &n.to_string()).await;
    }
    assert_eq!(setting.queued(&INBOX).await, 3);
    gate.add_permits(3);
    setting.come("a", 3).await;
    setting.end_all(process).await;
    assert_eq!(setting.applied("a").await, ["0", "1", "2"]);
}

/// An update that is given again counts once: while it waits, when it was run, to another process and after a restart.
pub async fn an_update_that_is_given_again_is_seen(setting: &Setting<'_>) {
    let gate = Arc::new(Semaphore::new(0));
    let (first, other) = (setting.start(held(&gate)).await, setting.start(held(&gate)).await);
    setting.tell(&first, "a", 7, "once").await;
    for process in [&first, &other] {
        assert_eq!(setting.give(process, "a", 7, "again").await.unwrap(), Receipt::Seen);
    }
    gate.add_permits(10);
    setting.come("a", 1).await;
    for process in [&first, &other] {
        assert_eq!(setting.give(process, "a", 7, "again").await.unwrap(), Receipt::Seen);
    }
    setting.end(other).await;
    let next = setting.after(first, Work::applying()).await;
    assert_eq!(setting.give(&next, "a", 7, "again").await.unwrap(), Receipt::Seen);
    setting.tell(&next, "a", 8, "another").await;
    setting.end_all(next).await;
    assert_eq!(setting.applied("a").await, ["once", "another"]);
}

/// What a process had accepted and not run is run by the next one, in the order in which it came.
pub async fn what_was_accepted_is_run_after_a_restart_in_its_order(setting: &Setting<'_>) {
    let first = setting.start(Work::new(async |_, _| std::future::pending().await)).await;
    for n in 0..12 {
        setting.tell(&first, ["a", "b", "c"][n % 3], n.try_into().unwrap(), &n.to_string()).await;
    }
    let next = setting.after(first, Work::applying()).await;
    setting.tell(&next, "a", 12, "12").await;
    setting.end_all(next).await;
    assert_eq!(setting.applied("a").await, ["0", "3", "6", "9", "12"]);
    assert_eq!(setting.applied("b").await, ["1", "4", "7", "10"]);
    assert_eq!(setting.applied("c").await, ["2", "5", "8", "11"]);
}

/// Updates of one conversation run one after the other, those of others at the same time.
pub async fn conversations_run_at_once_and_each_in_its_order(setting: &Setting<'_>) {
    let (all, notes) = (Arc::new(Barrier::new(4)), Notes::new());
    let noted = notes.clone();
    let process = setting.start(Work::new(move |turn, text| {
        let (all, notes) = (Arc::clone(&all), noted.clone());
        async move {
            let id = turn.about().conversation.id().into_owned();
            notes.note(format!("{id} begins {text}"));
            if text == "0" {
                all.wait().await;
            }
            apply(&turn, &text).await?;
            notes.note(format!("{id} ends {text}"));
            Ok(())
        }
    }));
    let process = process.await;
    let updates = (0..12).map(|n| update(["a", "b", "c", "d"][n % 4], n as i64, &(n / 4).to_string()));
    process.intake().submit_all(updates.collect()).await.unwrap();
    setting.end_all(process).await;
    for id in ["a", "b", "c", "d"] {
        assert_eq!(setting.applied(id).await, ["0", "1", "2"]);
        let expected = (0..3).flat_map(|n| [format!("begins {n}"), format!("ends {n}")]);
        assert_eq!(notes.of(&format!("{id} ")), expected.collect::<Vec<_>>());
    }
}

/// What is more than may wait for a conversation is refused, not kept, and taken when there is room. Others are taken.
pub async fn what_is_too_much_is_refused_and_taken_later(setting: &Setting<'_>) {
    let gate = Arc::new(Semaphore::new(0));
    let process = setting.start(held(&gate).with(|options| options.waiting = 2)).await;
    setting.tell(&process, "a", 0, "0").await;
    setting.tell(&process, "a", 1, "1").await;
    let refused = setting.give(&process, "a", 2, "2").await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Unavailable);
    setting.tell(&process, "b", 3, "3").await;
    assert_eq!(setting.queued(&INBOX).await, 3);
    gate.add_permits(10);
    setting.come("a", 2).await;
    setting.tell(&process, "a", 2, "2").await;
    setting.end_all(process).await;
    assert_eq!(setting.applied("a").await, ["0", "1", "2"]);
    assert_eq!(setting.applied("b").await, ["3"]);
}

/// What its source says is no update goes to `dead` and is run by nobody; the conversation goes on.
pub async fn what_is_no_update_goes_to_dead(setting: &Setting<'_>) {
    let process = setting.start(Work::applying()).await;
    let broken = Incoming { fault: Some("it is torn".to_owned()), ..update("a", 1, "torn") };
    process.intake().submit_all(vec![broken.clone(), update("a", 2, "whole")]).await.unwrap();
    process.intake().submit(broken).await.unwrap();
    setting.end(process).await;
    assert_eq!(setting.applied("a").await, ["whole"]);
    let letters = setting.letters().await;
    let records: Vec<_> = letters.iter().map(|letter| letter.record.as_ref().unwrap()).collect();
    assert_eq!(records.len(), 1, "given again, it is not there twice");
    assert_eq!((records[0].error.as_str(), &*records[0].body), ("it is torn", &b"torn"[..]));
}

/// Applies a text for each permit.
fn held(gate: &Arc<Semaphore>) -> Work {
    let gate = Arc::clone(gate);
    Work::new(move |turn, text| {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await?.forget();
            apply(&turn, &text).await
        }
    })
}
