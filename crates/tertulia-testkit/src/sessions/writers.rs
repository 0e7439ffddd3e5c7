//! Two writers of one session: who is late is told, and changes nothing.

use serde::{Deserialize, Serialize};
use tertulia::Log;
use tertulia::error::Kind;

use super::Setting;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    n: u64,
    log: Log<u64>,
}

fn increment(state: &mut State) {
    state.n += 1;
    state.log.push(state.n);
}

/// The second of two guards learns it, has its value to look at, and writes nothing any more.
pub async fn the_second_of_two_guards_gets_a_conflict(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    setting.update(&setting.sessions(), &conversation, increment).await;
    let (one, two) = (setting.sessions::<State>(), setting.sessions::<State>());
    let mut log = vec![1];
    // Of a push the session's own log says nothing: the log inside has to tell.
    for (first_pushes, second_pushes) in [(false, false), (false, true), (true, true)] {
        let mut first = one.load(&conversation).await.expect("it can be loaded");
        let mut second = two.load(&conversation).await.expect("it can be loaded");
        if first_pushes {
            first.log.push(7);
            log.push(7);
        } else {
            first.n += 1;
        }
        let n = first.n;
        if second_pushes {
            second.log.push(0)
        } else {
            second.n += 2
        }
        setting.save(&one, &mut first).await.expect("it is the first");
        let error = setting.save(&two, &mut second).await.expect_err("it is the second");
        assert_eq!(error.kind(), Kind::Conflict, "{error}");
        assert!(error.to_string().contains("session/suite"), "{error}");
        second.n = 99;
        assert!(setting.save(&two, &mut second).await.is_err(), "it must be loaded again");
        second.discard();
        for seen in
            [two.get(&conversation).await.expect("it can be read"), setting.stored(&conversation).await]
        {
            assert_eq!((seen.n, seen.log.tail()), (n, &log[..]));
        }
    }
}

/// What one guard saved, the next one has, though the first is still held and nobody waited for the storage.
pub async fn a_guard_has_what_another_saved(setting: &Setting<'_>) {
    let sessions = setting.sessions::<State>();
    for _ in 0..50 {
        let conversation = setting.conversation();
        let mut held = sessions.load(&conversation).await.expect("it can be loaded");
        for n in 1..=3 {
            increment(&mut held);
            held.save().await.expect("it can be saved");
            let next = sessions.load(&conversation).await.expect("it can be loaded");
            assert_eq!((next.n, next.log.len()), (n, held.log.len()));
            // It is not given back, so that the next one is not taken from the cache.
            next.discard();
        }
    }
    sessions.flush().await.expect("it can be stored");
}

/// What was refused, at once or later, is not what the one who saved it sees afterwards.
pub async fn a_change_that_is_refused_is_not_seen_any_more(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let (one, two) = (setting.sessions::<State>(), setting.sessions::<State>());
    setting.update(&one, &conversation, increment).await;
    let mut late = two.load(&conversation).await.expect("it can be loaded");
    setting.update(&one, &conversation, increment).await;
    late.n = 99;
    late.log.push(99);
    let refused = match late.save().await {
        Ok(()) => {
            drop(late);
            two.flush().await
        }
        Err(error) => {
            late.discard();
            Err(error)
        }
    };
    assert_eq!(refused.expect_err("it is the second").kind(), Kind::Conflict);
    for sessions in [&two, &one] {
        let seen = sessions.get(&conversation).await.expect("it can be read");
        assert_eq!((seen.n, seen.log.tail()), (2, &[1, 2][..]));
    }
    setting.update(&two, &conversation, increment).await;
    assert_eq!(setting.stored::<State>(&conversation).await.log.tail(), [1, 2, 3]);
}

/// A guard of a session that was deleted meanwhile, by whomever, does not bring it back.
pub async fn a_guard_of_a_deleted_session_does_not_bring_it_back(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let (one, two) = (setting.sessions::<State>(), setting.sessions::<State>());
    setting.update(&one, &conversation, increment).await;
    let mut late = one.load(&conversation).await.expect("it can be loaded");
    assert!(two.delete(&conversation).await.expect("it can be deleted"));
    two.flush().await.expect("it can be deleted");
    late.n = 5;
    let error = setting.save(&one, &mut late).await.expect_err("it is gone");
    assert_eq!(error.kind(), Kind::Conflict, "{error}");
    late.discard();
    assert_eq!(setting.keys().await, []);
}
