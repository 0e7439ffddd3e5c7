//! Processes that write one session without a word to each other: nothing is lost.
//!
//! Only where saving waits: where it does not, who is late learns it after `update` has returned, and its change is
//! dropped.

use super::Setting;
use super::tasks::{State, count_to_200, increment};

/// Of two processes that write one session at once.
pub async fn two_processes_lose_no_increment(setting: &Setting<'_>) {
    count_to_200(setting, &[setting.sessions(), setting.sessions()]).await;
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
