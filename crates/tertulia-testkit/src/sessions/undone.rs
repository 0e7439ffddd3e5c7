//! A change that does not come to its end is forgotten, in memory too.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use tertulia::error::Kind;
use tertulia::session::Options;
use tertulia::{Conversation, Error, Log, Sessions};

use super::Setting;
use crate::Counting;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    n: u32,
    text: String,
    log: Log<u32>,
}

fn spoil(state: &mut State) {
    state.n = 2;
    state.text.push_str("spoilt");
    state.log.push(2);
}

/// A session that was changed, and who counts from there.
async fn made(setting: &Setting<'_>, conversation: &Conversation) -> (Counting, Sessions<State>) {
    let (counting, sessions) = setting.counted::<State>(Options { max_bytes: 2_000, ..Options::default() });
    let make = |state: &mut State| *state = State { n: 1, text: "-".repeat(1_500), log: Log::from(vec![1]) };
    setting.update(&sessions, conversation, make).await;
    counting.take();
    (counting, sessions)
}

/// Nothing was written, and everybody sees the old value; the next change builds on it.
async fn unchanged(
    setting: &Setting<'_>,
    conversation: &Conversation,
    (counting, sessions): (Counting, Sessions<State>),
) {
    assert_eq!(counting.counts().batches, 0);
    let seen = sessions.get(conversation).await.expect("it can be read");
    assert_eq!((seen.n, seen.text.len(), seen.log.tail()), (1, 1_500, &[1][..]));
    drop(seen);
    let seen = setting.stored::<State>(conversation).await;
    assert_eq!((seen.n, seen.text.len(), seen.log.tail()), (1, 1_500, &[1][..]));
    let change = |state: &mut State| {
        state.n += 10;
        state.log.push(3);
    };
    setting.update(&sessions, conversation, change).await;
    let seen = setting.stored::<State>(conversation).await;
    assert_eq!((seen.n, seen.text.len(), seen.log.tail()), (11, 1_500, &[1, 3][..]));
}

/// `discard` means it.
pub async fn a_guard_that_is_discarded_changes_nothing(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let made = made(setting, &conversation).await;
    let mut guard = made.1.load(&conversation).await.expect("it can be loaded");
    spoil(&mut guard);
    guard.discard();
    assert_eq!(made.1.store().unsaved(), 0);
    unchanged(setting, &conversation, made).await;
}

/// A guard that is forgotten is counted.
pub async fn a_guard_that_is_dropped_changes_nothing_and_is_counted(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let made = made(setting, &conversation).await;
    let mut guard = made.1.load(&conversation).await.expect("it can be loaded");
    spoil(&mut guard);
    drop(guard);
    assert_eq!(made.1.store().unsaved(), 1);
    unchanged(setting, &conversation, made).await;
}

/// What was saved before stays.
pub async fn what_was_changed_since_the_last_save_is_forgotten(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let sessions = setting.sessions::<State>();
    let mut guard = sessions.load(&conversation).await.expect("it can be loaded");
    guard.n = 1;
    guard.log.push(1);
    setting.save(&sessions, &mut guard).await.expect("it can be saved");
    spoil(&mut guard);
    guard.discard();
    for seen in
        [sessions.get(&conversation).await.expect("it can be read"), setting.stored(&conversation).await]
    {
        assert_eq!((seen.n, seen.text.as_str(), seen.log.tail()), (1, "", &[1][..]));
    }
}

/// An update that fails.
pub async fn an_update_that_fails_changes_nothing(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let made = made(setting, &conversation).await;
    let change = |state: &mut State| {
        spoil(state);
        Err::<(), _>(Error::invalid("no"))
    };
    let error = made.1.try_update(&conversation, change).await.expect_err("the change fails");
    assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Invalid, "no"));
    unchanged(setting, &conversation, made).await;
}

/// A panic, while a guard is held and within an update.
pub async fn a_panic_changes_nothing(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let made = made(setting, &conversation).await;
    let held = async {
        let mut guard = made.1.load(&conversation).await.expect("it can be loaded");
        spoil(&mut guard);
        std::panic::resume_unwind(Box::new("held"));
    };
    assert!(AssertUnwindSafe(held).catch_unwind().await.is_err());
    let updated = made.1.update(&conversation, |state| {
        spoil(state);
        std::panic::resume_unwind(Box::new("updated"))
    });
    let updated: Result<Result<(), _>, _> = AssertUnwindSafe(updated).catch_unwind().await;
    assert!(updated.is_err());
    unchanged(setting, &conversation, made).await;
}

/// A value over the limit is refused by name and limit, and is not stored.
pub async fn a_value_over_its_limit_changes_nothing(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let made = made(setting, &conversation).await;
    let grow = |state: &mut State| {
        spoil(state);
        state.text = "-".repeat(2_000);
    };
    let error = made.1.update(&conversation, grow).await.expect_err("it is too large");
    assert_eq!(error.kind(), Kind::Invalid);
    let text = error.to_string();
    assert!(text.contains("session/suite") && text.contains("2000"), "{text}");
    unchanged(setting, &conversation, made).await;
}
