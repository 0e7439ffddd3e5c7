//! Reading writes nothing, however it is done.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tertulia::Log;
use tertulia::session::Options;

use super::Setting;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    name: String,
    items: Vec<Item>,
    map: BTreeMap<String, Item>,
    log: Log<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Item {
    id: usize,
    tags: Vec<String>,
}

fn sample() -> State {
    let item = |id| Item { id, tags: vec!["red".to_owned(), "blue".to_owned()] };
    State {
        name: "Ana".to_owned(),
        items: vec![item(1), item(2)],
        map: [("k".to_owned(), item(3))].into(),
        log: (0..5).map(|n| format!("message {n}")).collect(),
    }
}

type Read = fn(&State) -> usize;

/// Each is 3 of the sample.
const READS: [(&str, Read); 10] = [
    ("a field", |s| s.name.len()),
    ("a nested field", |s| s.map["k"].id),
    ("iteration", |s| s.items.iter().map(|item| item.id).sum()),
    ("find", |s| s.items.iter().find(|item| item.id == 2).map_or(0, |item| item.id + 1)),
    ("a filter on nested lists", |s| {
        s.items.iter().chain(s.map.values()).filter(|item| item.tags.iter().any(|tag| tag == "red")).count()
    }),
    ("a clone of a part", |s| s.items.clone().len() + 1),
    ("a clone of the whole", |s| s.clone().name.len()),
    ("its text for debugging", |s| format!("{s:?}").matches("red").count()),
    ("the end of a log", |s| s.log.tail()[2..].len()),
    ("the length of a log", |s| s.log.len() - 2),
];

/// Through a view, a guard and an update that changes nothing: no batch at all.
pub async fn no_way_to_read_writes_anything(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    setting.update(&setting.sessions(), &conversation, |state| *state = sample()).await;
    let (counting, sessions) = setting.counted::<State>(Options::default());
    for (style, read) in READS {
        assert_eq!(read(&sessions.get(&conversation).await.expect("it can be read")), 3, "{style}, viewed");
        let guard = sessions.load(&conversation).await.expect("it can be loaded");
        assert_eq!(read(&guard), 3, "{style}, in a guard");
        drop(guard);
        let mut saved = sessions.load(&conversation).await.expect("it can be loaded");
        assert_eq!(read(&saved), 3, "{style}, in a guard that is saved");
        setting.save(&sessions, &mut saved).await.expect("there is nothing to save");
        drop(saved);
        assert_eq!(
            setting.update(&sessions, &conversation, |state| read(state)).await,
            3,
            "{style}, updated"
        );
        assert_eq!(counting.counts().batches, 0, "{style}");
    }
}

/// A session that is not stored is the type's default, and stays in memory.
pub async fn a_session_that_is_only_read_is_not_made(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let (counting, sessions) = setting.counted::<State>(Options::default());
    for _ in 0..2 {
        let seen = sessions.get(&conversation).await.expect("it can be read");
        assert!(!seen.is_stored() && seen.name.is_empty());
        drop(seen);
        drop(sessions.load(&conversation).await.expect("it can be loaded"));
        setting.update(&sessions, &conversation, |state| state.name.clear()).await;
    }
    assert_eq!(counting.counts().batches, 0);
    assert!(!sessions.contains(&conversation).await.expect("it can be asked for"));
    assert_eq!(setting.keys().await, []);
}
