//! Tasks of one process that share its sessions: nothing is lost, and each sees what the others saved.

use serde::{Deserialize, Serialize};
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

/// Each guard has what the one before it saved, and is given back while the next one is held.
pub async fn guards_that_overlap_have_what_was_saved(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let sessions = setting.sessions::<State>();
    let mut before = sessions.load(&conversation).await.expect("it can be loaded");
    for n in 1..=50 {
        increment(&mut before);
        before.save().await.expect("it can be saved");
        let next = sessions.load(&conversation).await.expect("it can be loaded");
        assert_eq!((next.n, next.log.len() as u64), (n, n));
        before = next;
    }
}
