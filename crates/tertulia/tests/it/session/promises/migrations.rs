//! A migration loses nothing without a word.

use super::*;

#[derive(Debug, Default, Serialize, Deserialize)]
struct VecOf {
    notes: Vec<OldNote>,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct OldNote {
    text: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct LogOf {
    n: u64,
    notes: Log<NewNote>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct NewNote {
    body: String,
}

#[tokio::test]
async fn items_of_a_list_that_became_a_log_are_migrated_as_items() {
    let memory = Memory::new();
    let old: Sessions<VecOf> = with(memory.clone(), Options::default());
    old.update("web:1", |chat| chat.notes.push(OldNote { text: "hello".into() })).await.unwrap();
    // 1: `notes` became a Log, which needs nothing: what is stored is taken over. 2: `text` became `body`.
    let migrations = Migrations::new().to(1, |chat| chat.set("n", &0)).to_items(2, "notes", |note| {
        note.rename("text", "body");
        Ok(())
    });
    let new: Sessions<LogOf> = with(memory, Options { migrations, ..Options::default() });
    let seen = new.get("web:1").await.unwrap();
    assert_eq!(seen.notes.tail(), [NewNote { body: "hello".into() }]);
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct MapOf<T: Serialize + serde::de::DeserializeOwned> {
    n: u64,
    #[serde(bound = "")]
    notes: std::collections::BTreeMap<String, Log<T>>,
}

#[tokio::test]
async fn items_of_logs_in_a_map_are_migrated() {
    let memory = Memory::new();
    let old: Sessions<MapOf<OldNote>> = with(memory.clone(), Options::default());
    let add = |chat: &mut MapOf<OldNote>| {
        chat.notes.insert("ana".into(), Log::from(vec![OldNote { text: "hello".into() }]));
    };
    old.update("web:1", add).await.unwrap();
    let migrations = Migrations::new().to_items(1, "notes", |note| {
        note.rename("text", "body");
        Ok(())
    });
    let new: Sessions<MapOf<NewNote>> = with(memory, Options { migrations, ..Options::default() });
    let seen = new.get("web:1").await.unwrap();
    assert_eq!(seen.notes["ana"].tail(), [NewNote { body: "hello".into() }]);
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct History {
    history: Log<OldNote>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Renamed {
    messages: Log<OldNote>,
}

#[tokio::test]
async fn a_log_that_a_migration_copies_is_kept_or_refused() {
    let memory = Memory::new();
    let old: Sessions<History> = with(memory.clone(), Options::default());
    old.update("web:1", |chat| chat.history.push(OldNote { text: "hello".into() })).await.unwrap();
    let migrations =
        Migrations::new().to_from(1, |old: History| Ok(Renamed { messages: old.history.clone() }));
    let new: Sessions<Renamed> = with(memory, Options { migrations, ..Options::default() });
    match new.get("web:1").await {
        Err(error) => assert!(error.to_string().contains("was not moved"), "{error}"),
        Ok(seen) => assert_eq!(seen.messages.len(), 1, "the history is lost without a word"),
    }
}

#[tokio::test]
async fn a_log_whose_items_a_migration_converts_is_kept_or_refused() {
    let memory = Memory::new();
    let old: Sessions<History> = with(memory.clone(), Options::default());
    old.update("web:1", |chat| chat.history.push(OldNote { text: "hello".into() })).await.unwrap();
    let migrations = Migrations::new().to_from(1, |old: History| {
        let notes = old.history.tail().iter().map(|note| NewNote { body: note.text.clone() }).collect();
        Ok(LogOf { n: 1, notes })
    });
    let new: Sessions<LogOf> = with(memory.clone(), Options { migrations, ..Options::default() });
    match new.update("web:1", |chat| chat.n = 2).await {
        Err(error) => assert!(error.to_string().contains("was not moved"), "{error}"),
        Ok(()) => {
            assert_eq!(new.get("web:1").await.unwrap().notes.len(), 1, "the history is lost without a word")
        }
    }
}
