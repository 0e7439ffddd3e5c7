//! Several writers of one session: nothing is lost, and who is late is told.

use serde::{Deserialize, Serialize};
use tertulia::error::Kind;
use tertulia::{Log, Sessions};

use super::Setting;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) n: u64,
    pub(super) log: Log<u64>,
}

pub(super) fn increment(state: &mut State) {
    state.n += 1;
    state.log.push(state.n);
}

/// Four writers on these, in turn, add up to 200.
pub(super) async fn count_to_200(setting: &Setting<'_>, processes: &[Sessions<State>]) {
    let conversation = setting.conversation();
    let writers = processes.iter().cycle().take(4).cloned().map(|sessions| {
        let conversation = conversation.clone();
        tokio::spawn(async move {
            for _ in 0..50 {
                sessions.update(&conversation, increment).await.expect("who is late tries again");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("no writer panics");
    }
    for sessions in processes {
        sessions.flush().await.expect("it can be stored");
    }
    let all: Vec<u64> = (1..=200).collect();
    for sessions in processes.iter().chain([&setting.sessions()]) {
        let seen = sessions.get(&conversation).await.expect("it can be read");
        assert_eq!((seen.n, seen.log.tail()), (200, &all[..]));
    }
}

/// Four tasks of one process add up to 200.
pub async fn tasks_of_one_process_lose_no_increment(setting: &Setting<'_>) {
    count_to_200(setting, &[setting.sessions()]).await;
}

/// The second of two guards learns it, has its value to look at, and writes nothing any more.
pub async fn the_second_of_two_guards_gets_a_conflict(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    setting.update(&setting.sessions(), &conversation, increment).await;
    let (one, two) = (setting.sessions::<State>(), setting.sessions::<State>());
    for is_append in [false, true] {
        let mut first = one.load(&conversation).await.expect("it can be loaded");
        let mut second = two.load(&conversation).await.expect("it can be loaded");
        let before = first.n;
        first.n = before + 1;
        // Of a push the session's own log says nothing.
        if is_append {
            second.log.push(0)
        } else {
            second.n = before + 2
        };
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
            assert_eq!((seen.n, seen.log.tail()), (before + 1, &[1][..]));
        }
    }
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
