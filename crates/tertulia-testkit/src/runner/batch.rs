//! The effects of a turn, and the removal of its update, are one batch.

use std::sync::Arc;

use tertulia::Name;
use tertulia::error::Kind;
use tertulia::runner::{INBOX, OUTBOX};
use tertulia::storage::LogWrite;
use tokio::sync::Semaphore;

use super::setting::{applied_to, chat, update};
use super::work::{after_what_is_there, apply};
use super::{Notes, Platform, Setting, Work};
use crate::process::{LONG, held};
use crate::{Call, Fault};

/// Another log of a conversation.
const BESIDE: Name = Name::from_static("beside");

/// A turn that writes two logs and makes a call, once it is let.
fn writes_and_calls(gate: &Arc<Semaphore>) -> Work {
    let gate = Arc::clone(gate);
    Work::new(move |turn, text| {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await?.forget();
            apply(&turn, &text).await?;
            let beside = tertulia::Key::Log(turn.about().conversation.clone(), BESIDE);
            turn.write(LogWrite::new(beside).append(text.clone()))?;
            turn.call(text.into())?;
            Ok(())
        }
    })
}

/// All that a turn writes is there with its update's removal, or nothing of it is: a process that dies while the batch is
/// under way leaves it for the next one, or done.
pub async fn a_turn_is_there_whole_or_not_at_all(setting: &Setting<'_>) {
    for (n, id, is_done) in [(1, "a", false), (2, "b", true)] {
        let (gate, platform) = (Arc::new(Semaphore::new(0)), Platform::new());
        let first = setting.start(writes_and_calls(&gate).at(&platform)).await;
        setting.tell(&first, id, n, "x").await;
        let commit = first.hold_commit(is_done);
        gate.add_permits(2);
        commit.reached().await;
        let beside = tertulia::Key::Log(chat(id), BESIDE);
        let count = usize::from(is_done);
        assert_eq!(setting.applied(id).await.len(), count);
        let there = setting.subject().try_log(&beside).await;
        assert_eq!(there.map_or(0, |log| log.entries.len()), count);
        assert_eq!(setting.queued(&OUTBOX).await, count as u64);
        assert_eq!(setting.queued(&INBOX).await, 1 - count as u64);
        assert_eq!(
            platform.tries().all(),
            [""; 0],
            "no call is made before its turn is known to be committed"
        );
        let next = setting.after(first, writes_and_calls(&gate).at(&platform)).await;
        setting.end_all(next).await;
        assert_eq!(setting.applied(id).await, ["x"]);
        assert_eq!(setting.subject().log(&beside).await.entries.len(), 1);
        assert_eq!(platform.tries().all(), [format!("{id}:x")]);
    }
}

/// Commits that are refused for a while, or whose requests or answers are lost, are made, and once.
pub async fn a_commit_that_fails_is_made_and_once(setting: &Setting<'_>) {
    let platform = Platform::new();
    let process = setting.start(Work::calling().at(&platform)).await;
    let faults = [Fault::Refuse(Kind::Unavailable), Fault::LoseRequest, Fault::LoseAnswer];
    // Of each update: when it arrives, when its turn ends, and when its call was made.
    let all = faults.iter().flat_map(|fault| (1..=3).map(move |nth| (fault, nth)));
    for (n, (fault, nth)) in all.enumerate() {
        let commits = process.faults().calls(Call::Commit);
        process.faults().at(Call::Commit, commits + nth, fault.clone());
        // Seen, if the answer that was lost is that it was taken.
        setting.give(&process, "a", n.try_into().unwrap(), &n.to_string()).await.unwrap();
        setting.come("a", n + 1).await;
        platform.tries().come(n + 1).await;
    }
    assert!(process.faults().faults() >= 6, "{} commits failed", process.faults().faults());
    setting.end_all(process).await;
    let expected: Vec<String> = (0..9).map(|n| n.to_string()).collect();
    assert_eq!(setting.applied("a").await, expected);
    assert_eq!(platform.tries().of("a:"), expected);
}

/// A process that dies while its `n`th commit is under way, before the storage has it or after: what was given is applied
/// once by it or the next one, in its order. For every `n`.
pub async fn a_process_may_die_at_every_commit(setting: &Setting<'_>) {
    for is_done in [false, true] {
        for n in 1.. {
            let (platform, id) = (Platform::new(), format!("{n}{is_done}"));
            let number = 4 * i64::try_from(n).unwrap() + 2 * i64::from(is_done);
            let updates = || vec![update(&id, number, "one"), update(&id, number + 1, "two")];
            let first = setting.start(Work::calling().at(&platform)).await;
            let (gate, fault) = held(is_done);
            let begun = first.faults().calls(Call::Commit);
            first.faults().at(Call::Commit, begun + n, fault);
            let life = async {
                first.intake().submit_all(updates()).await.unwrap();
                first.shutdown(LONG).await;
            };
            let has_died = tokio::select! {
                () = life => false,
                () = gate.reached() => true,
            };
            if !has_died {
                assert!(n > 3, "it commits more than {n} times");
                setting.end_all(first).await;
                break;
            }
            let next = setting.after(first, Work::calling().at(&platform)).await;
            // Who brought them does not know whether they were taken.
            next.intake().submit_all(updates()).await.unwrap();
            setting.end_all(next).await;
            assert_eq!(setting.applied(&id).await, ["one", "two"], "commit {n}, done: {is_done}");
            let tries = platform.tries().of(&format!("{id}:"));
            // What was not known to have been made was made again.
            let firsts = tries.iter().enumerate().filter(|(at, call)| !tries[..*at].contains(call));
            let made: Vec<&str> = firsts.map(|(_, call)| call.as_str()).collect();
            assert_eq!(made, ["one", "two"], "commit {n}, done: {is_done}");
        }
    }
}

/// A turn whose log somebody else has written meanwhile leaves nothing, and is run again as if for the first time.
pub async fn a_turn_whose_log_somebody_wrote_runs_again(setting: &Setting<'_>) {
    let (gate, runs, platform) = (Arc::new(Semaphore::new(0)), Notes::new(), Platform::new());
    let (inside, noted) = (Arc::clone(&gate), runs.clone());
    let work = Work::new(move |turn, text| {
        let (gate, runs) = (Arc::clone(&inside), noted.clone());
        async move {
            let write = after_what_is_there(&turn).await?;
            let run = runs.note(format!("attempt {}", turn.about().attempt));
            gate.acquire().await?.forget();
            turn.write(write.append(text))?;
            turn.call(format!("run {run}").into())?;
            Ok(())
        }
    });
    let process = setting.start(work.at(&platform).with(|options| options.retries = 0)).await;
    setting.tell(&process, "a", 1, "mine").await;
    runs.come(1).await;
    setting.subject().put(LogWrite::new(applied_to("a")).append("other")).await;
    gate.add_permits(2);
    setting.end_all(process).await;
    assert_eq!(setting.applied("a").await, ["other", "mine"]);
    assert_eq!(runs.all(), ["attempt 1", "attempt 1"], "a conflict is not charged");
    assert_eq!(platform.tries().all(), ["a:run 2"]);
}
