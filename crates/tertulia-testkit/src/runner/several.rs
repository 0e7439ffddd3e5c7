//! Processes over one storage that know nothing of each other.

use tertulia::runner::INBOX;

use super::{Platform, Setting, Work};
use crate::process::until;

/// What two processes take of one conversation is applied once, in the order of the inbox.
pub async fn two_processes_apply_each_update_once_and_in_order(setting: &Setting<'_>) {
    const EACH: i64 = 10;
    let processes = [setting.start(Work::applying()).await, setting.start(Work::applying()).await];
    for n in 0..2 * EACH {
        let taker = &processes[usize::from(n % 3 == 0)];
        setting.tell(taker, "a", n, &n.to_string()).await;
    }
    until(async || setting.queued(&INBOX).await == 0).await;
    let expected: Vec<String> = (0..2 * EACH).map(|n| n.to_string()).collect();
    assert_eq!(setting.applied("a").await, expected);
    let [one, two] = processes;
    setting.end(one).await;
    setting.end_all(two).await;
}

/// Two processes with conversations of their own each make the calls of theirs.
pub async fn two_processes_have_conversations_of_their_own(setting: &Setting<'_>) {
    let platform = Platform::new();
    let start = async || setting.start(Work::calling().at(&platform)).await;
    let processes = [start().await, start().await];
    for n in 0..10 {
        setting.tell(&processes[0], "a", n, &n.to_string()).await;
        setting.tell(&processes[1], "b", 100 + n, &n.to_string()).await;
    }
    let [one, two] = processes;
    setting.end(one).await;
    setting.end_all(two).await;
    let expected: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    for id in ["a", "b"] {
        assert_eq!(setting.applied(id).await, expected);
        assert_eq!(platform.tries().of(&format!("{id}:")), expected);
    }
}
