//! Calls of committed turns are made, in order, by this process or the next one.

use std::sync::atomic::{AtomicBool, Ordering};

use tertulia::error::Kind;
use tertulia::runner::{CallOptions, Delivery, HandlerResult, OUTBOX, Turn};
use tertulia::{Error, Name};

use super::setting::chat;
use super::{Platform, Setting, Work};
use crate::process::{LONG, until};

/// Makes the calls that a text lists; those with a `!` behind them at most once.
async fn list(turn: Turn, text: String) -> HandlerResult {
    for word in text.split_whitespace() {
        let delivery = if word.ends_with('!') { Delivery::AtMostOnce } else { Delivery::AtLeastOnce };
        turn.call_with(word.to_owned().into(), CallOptions { delivery, ..CallOptions::default() })?;
    }
    Ok(())
}

fn listing(platform: &Platform) -> Work {
    Work::new(list).at(platform)
}

/// Each call is made once, in the order in which the turns of its conversation have asked for them, and what it gave is kept.
pub async fn calls_are_made_once_and_in_the_order_of_their_turns(setting: &Setting<'_>) {
    let platform = Platform::new();
    let first = setting.start(listing(&platform)).await;
    for (n, text) in (0..).zip(["a b!", "c", "d! e f"]) {
        setting.tell(&first, "one", n, text).await;
        setting.tell(&first, "two", 10 + n, text).await;
    }
    setting.end(first).await;
    setting.end_all(setting.start(listing(&platform)).await).await;
    for id in ["one:", "two:"] {
        assert_eq!(platform.tries().of(id), ["a", "b!", "c", "d!", "e", "f"]);
    }
    let sent = tertulia::Key::Log(chat("one"), Name::from_static("sent"));
    assert_eq!(setting.subject().log(&sent).await.entries.len(), 6);
}

/// Calls that a process could not make are made by the next one, and by no other.
pub async fn what_one_process_has_not_called_the_next_one_calls(setting: &Setting<'_>) {
    let first = setting.start(Work::new(list)).await;
    setting.tell(&first, "a", 1, "x y!").await;
    setting.tell(&first, "a", 2, "z").await;
    assert_eq!(first.shutdown(LONG).await, []);
    assert_eq!(setting.queued(&OUTBOX).await, 3);
    let platform = Platform::new();
    let next = setting.after(first, listing(&platform)).await;
    platform.tries().come(3).await;
    setting.end(next).await;
    setting.end_all(setting.start(listing(&platform)).await).await;
    assert_eq!(platform.tries().of("a:"), ["x", "y!", "z"]);
}

/// A call that was under way when its process died is made again, or goes to `dead` if it is made at most once.
pub async fn a_call_under_way_when_a_process_dies_is_made_as_it_was_asked(setting: &Setting<'_>) {
    let silent = Platform::answering(|_, _| None);
    let first = setting.start(listing(&silent)).await;
    setting.tell(&first, "a", 1, "again").await;
    setting.tell(&first, "b", 2, "once!").await;
    silent.tries().come(2).await;
    let platform = Platform::new();
    let next = setting.after(first, listing(&platform)).await;
    setting.end(next).await;
    assert_eq!(platform.tries().all(), ["a:again"]);
    assert_only_once_is_dead(setting).await;
}

/// The same if its answer is lost and the process goes on; what is behind it is made.
pub async fn a_call_whose_answer_is_lost_is_made_as_it_was_asked(setting: &Setting<'_>) {
    let platform = Platform::answering(|_, nth| {
        Some(if nth == 1 { Err(Error::new(Kind::Unknown, "the connection broke")) } else { Ok(()) })
    });
    let process = setting.start(listing(&platform)).await;
    setting.tell(&process, "a", 1, "again once! last").await;
    platform.tries().come(5).await;
    setting.end(process).await;
    assert_eq!(platform.tries().of("a:"), ["again", "again", "once!", "last", "last"]);
    assert_only_once_is_dead(setting).await;
}

async fn assert_only_once_is_dead(setting: &Setting<'_>) {
    let letters = setting.letters().await;
    let bodies: Vec<_> = letters.iter().map(|letter| letter.record.as_ref().unwrap().body.clone()).collect();
    assert_eq!(bodies, ["once!"]);
    assert_eq!(setting.queued(&OUTBOX).await, 0);
}

/// A call that cannot be made now is made later, before those behind it; other conversations do not wait.
pub async fn a_call_that_cannot_be_made_now_holds_up_its_conversation_only(setting: &Setting<'_>) {
    let is_there = AtomicBool::new(false);
    let platform = Platform::answering(move |text, _| {
        // The network is, once the other conversation has called.
        is_there.fetch_or(text == "other", Ordering::SeqCst);
        let is_there = is_there.load(Ordering::SeqCst);
        Some(if is_there { Ok(()) } else { Err(Error::unavailable("no network")) })
    });
    let process = setting.start(listing(&platform)).await;
    setting.tell(&process, "a", 1, "first second").await;
    platform.tries().come(1).await;
    setting.tell(&process, "b", 2, "other").await;
    until(async || platform.tries().of("a:").last().unwrap() == "second").await;
    setting.end_all(process).await;
    let mut tries = platform.tries().of("a:");
    tries.dedup();
    assert_eq!(tries, ["first", "second"]);
    assert_eq!(platform.tries().of("b:"), ["other"]);
}
