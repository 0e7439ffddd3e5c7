//! Tasks and processes that write one session without a word to each other: nothing is lost.
//!
//! Only where saving waits: where it does not, who is late learns it after `update` has returned, and its change is
//! dropped.

use serde::{Deserialize, Serialize};
use tertulia::{Log, Sessions};

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

/// Four writers on these, in turn, add up to 200.
async fn count_to_200(setting: &Setting<'_>, processes: &[Sessions<State>]) {
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

/// Of two processes that write one session at once.
pub async fn two_processes_lose_no_increment(setting: &Setting<'_>) {
    count_to_200(setting, &[setting.sessions(), setting.sessions()]).await;
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

/// A reader gets what is stored, whatever its cache holds.
pub async fn a_reader_sees_what_another_wrote(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let (one, two) = (setting.sessions::<State>(), setting.sessions::<State>());
    for round in 0..5 {
        setting.update(&one, &conversation, increment).await;
        assert_eq!(two.get(&conversation).await.expect("it can be read").n, 2 * round + 1);
        setting.update(&two, &conversation, increment).await;
        assert_eq!(one.update(&conversation, |state| state.n).await.expect("it can be read"), 2 * round + 2);
        let seen = one.get(&conversation).await.expect("it can be read");
        assert_eq!(seen.log.tail(), (1..=2 * round + 2).collect::<Vec<_>>());
    }
}
