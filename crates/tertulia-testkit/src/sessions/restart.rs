//! What was saved is there when the storage is opened again, where it promises to be.

use serde::{Deserialize, Serialize};
use tertulia::Log;
use tertulia::session::Options;

use super::Setting;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    n: u32,
    beside: String,
    log: Log<u32>,
}

/// Bases, patches and logs, of which some were dropped; and the next change builds on them.
pub async fn sessions_go_on_when_the_storage_is_opened_again(setting: &Setting<'_>) {
    let survives = setting.subject().storage().properties().durability.process_kill;
    let conversation = setting.conversation();
    for round in 0..3 {
        let sessions = setting.with::<State>(Options { log_tail: 2, ..Options::default() });
        for _ in 0..10 {
            let change = |state: &mut State| {
                state.beside = "-".repeat(4_000);
                state.n += 1;
                state.log.push(state.n);
                state.log.keep_last(15);
            };
            setting.update(&sessions, &conversation, change).await;
        }
        drop(sessions);
        let opened = setting.subject().close_and_open().await;
        assert!(opened || !survives, "a storage that survives its process is opened again by its subject");
        let mut seen = setting.stored::<State>(&conversation).await.into_inner();
        while seen.log.load_before(4).await.expect("older items can be loaded") > 0 {}
        let n = 10 * (round + 1);
        assert_eq!((seen.n, seen.beside.len()), (n, 4_000));
        assert_eq!(seen.log.tail(), (n.saturating_sub(15) + 1..=n).collect::<Vec<_>>());
    }
}
