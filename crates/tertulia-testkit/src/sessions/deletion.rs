//! A session that is deleted is gone with all it held, and one that was never there is not written to be so.

use serde::{Deserialize, Serialize};
use tertulia::session::Options;
use tertulia::{Conversation, Log};

use super::Setting;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    n: u32,
    log: Log<u32>,
}

fn make(state: &mut State) {
    *state = State { n: 41, log: Log::from(vec![1, 2, 3]) };
}

/// It is as if it had never been.
async fn gone(setting: &Setting<'_>, conversation: &Conversation) {
    let sessions = setting.sessions::<State>();
    let seen = sessions.get(conversation).await.expect("it can be read");
    assert_eq!((seen.is_stored(), seen.n, seen.log.len()), (false, 0, 0));
    assert!(!sessions.contains(conversation).await.expect("it can be asked for"));
    assert_eq!(sessions.keys("").next().await.expect("they can be listed"), None);
    assert_eq!(setting.keys().await, [], "the log inside goes with it");
}

/// One delete each for the session and for the log inside.
pub async fn a_stored_session_is_deleted_once(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let (counting, sessions) = setting.counted::<State>(Options::default());
    setting.update(&sessions, &conversation, make).await;
    counting.take();
    assert!(sessions.delete(&conversation).await.expect("it can be deleted"));
    sessions.flush().await.expect("it can be deleted");
    let written = counting.written("session/suite");
    assert_eq!((written.deletes, written.bases, written.entries), (2, 0, 0));
    assert_eq!(sessions.get(&conversation).await.expect("it can be read").n, 0, "the cache knows");
    gone(setting, &conversation).await;
}

/// The same by a guard, whatever was changed before.
pub async fn a_guard_deletes_its_session(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let (counting, sessions) = setting.counted::<State>(Options::default());
    setting.update(&sessions, &conversation, make).await;
    counting.take();
    let mut guard = sessions.load(&conversation).await.expect("it can be loaded");
    guard.n += 1;
    guard.log.push(4);
    guard.delete().await.expect("it can be deleted");
    sessions.flush().await.expect("it can be deleted");
    let written = counting.written("session/suite");
    assert_eq!((written.deletes, written.bases, written.entries), (2, 0, 0));
    assert_eq!(sessions.get(&conversation).await.expect("it can be read").n, 0);
    gone(setting, &conversation).await;
}

/// Nothing is written.
pub async fn a_session_that_is_not_there_is_not_deleted(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let (counting, sessions) = setting.counted::<State>(Options::default());
    assert!(!sessions.delete(&conversation).await.expect("there is nothing to do"));
    let mut guard = sessions.load(&conversation).await.expect("it can be loaded");
    guard.n = 1;
    guard.delete().await.expect("there is nothing to do");
    sessions.flush().await.expect("there is nothing to do");
    assert_eq!(sessions.delete_all("").await.expect("there is nothing to do"), 0);
    let written = counting.written("");
    assert_eq!((written.writes, written.deletes), (0, 0));
    gone(setting, &conversation).await;
}

/// It begins as the type's default and has nothing of the old one.
pub async fn a_session_made_after_a_delete_is_a_new_one(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let sessions = setting.sessions::<State>();
    for round in 0..3 {
        setting.update(&sessions, &conversation, make).await;
        assert!(sessions.delete(&conversation).await.expect("it can be deleted"));
        let begun = setting.update(&sessions, &conversation, |state| {
            let begun = (state.n, state.log.len());
            state.n += 7;
            state.log.push(round);
            begun
        });
        assert_eq!(begun.await, (0, 0));
        for seen in
            [sessions.get(&conversation).await.expect("it can be read"), setting.stored(&conversation).await]
        {
            assert_eq!((seen.is_stored(), seen.n, seen.log.tail()), (true, 7, &[round][..]));
        }
        assert!(sessions.delete(&conversation).await.expect("it can be deleted"));
        sessions.flush().await.expect("it can be deleted");
        gone(setting, &conversation).await;
    }
}

/// A guard that was deleted, and whoever deletes many, leave the others alone.
pub async fn only_what_is_meant_is_deleted(setting: &Setting<'_>) {
    let sessions = setting.sessions::<State>();
    for conversation in ["web:1", "web:2", "webhook:1", "desk:1", "desk:2"] {
        let conversation = Conversation::parse(conversation).expect("a conversation");
        setting.update(&sessions, &conversation, make).await;
    }
    assert_eq!(sessions.delete_all("web:").await.expect("they can be deleted"), 2);
    sessions.load("desk:2").await.expect("it can be loaded").delete().await.expect("it can be deleted");
    sessions.flush().await.expect("they can be deleted");
    let (mut left, mut keys) = (Vec::new(), sessions.keys(""));
    while let Some(conversation) = keys.next().await.expect("they can be listed") {
        left.push(conversation.to_string());
    }
    left.sort_unstable();
    assert_eq!(left, ["desk:1", "webhook:1"]);
    assert_eq!(sessions.get("desk:1").await.expect("it can be read").log.tail(), [1, 2, 3]);
}
