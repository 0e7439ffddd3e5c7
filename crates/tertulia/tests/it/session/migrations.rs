//! Migrations: each step once and in order; what is newer is refused and left alone.

use serde::{Deserialize, Serialize};
use tertulia::error::Kind;
use tertulia::session::{Migrations, Options, TooNew, Tree};
use tertulia::{Clock, Error, Log, Result, Sessions};

use super::Watched;

/// As it was at first.
#[derive(Debug, Default, Serialize, Deserialize)]
struct First {
    lang: String,
    trace: Vec<u32>,
    history: Vec<String>,
    notes: Log<String>,
}

/// As it is today. The names are those that wrappers elsewhere take for their own.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Names {
    v: u32,
    e: Option<u64>,
    __d: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Today {
    language: String,
    trace: Vec<u32>,
    messages: Log<String>,
    notes: Log<Note>,
    names: Names,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Note {
    text: String,
    pinned: bool,
}

fn with<S: tertulia::session::State>(storage: &Watched, migrations: Migrations) -> Sessions<S> {
    let options = Options { migrations, log_tail: 2, ..Options::default() };
    Sessions::with(storage.clone(), Clock::system(), "chat", options).unwrap()
}

/// Leaves its version in the trace.
fn trace(chat: &mut Tree, version: u32) -> Result<()> {
    let mut trace: Vec<u32> = chat.get("trace")?.unwrap_or_default();
    trace.push(version);
    chat.set("trace", &trace)
}

fn to_two() -> Migrations {
    Migrations::new()
        .to(1, |chat| {
            chat.rename("lang", "language");
            trace(chat, 1)
        })
        .to(2, |chat| {
            chat.rename("history", "messages");
            trace(chat, 2)
        })
}

fn to_four() -> Migrations {
    #[derive(Deserialize)]
    struct Two {
        language: String,
        trace: Vec<u32>,
        messages: Log<String>,
        notes: Log<Note>,
    }
    to_two()
        .to_from(4, |Two { language, mut trace, messages, notes }| {
            trace.push(4);
            Ok(Today { language: language.to_uppercase(), trace, messages, notes, names: Names::default() })
        })
        .to_items(4, "notes", |note| {
            let text: String = note.to()?;
            note.replace(&Note { text, pinned: true })
        })
}

async fn make_first(storage: &Watched) {
    let change = |chat: &mut First| {
        chat.lang = "es".into();
        chat.history.push("hola".into());
        chat.notes.extend((0..5).map(|n| format!("note {n}")));
    };
    with::<First>(storage, Migrations::new()).update("web:1", change).await.unwrap();
}

#[tokio::test]
async fn every_step_runs_once_and_in_order_and_logs_keep_their_items() {
    let storage = Watched::new();
    make_first(&storage).await;
    storage.counts();
    let today = with::<Today>(&storage, to_four());
    for _ in 0..2 {
        let mut chat = today.get("web:1").await.unwrap().into_inner();
        assert_eq!((chat.language.as_str(), &chat.trace[..]), ("ES", &[1, 2, 4][..]));
        assert_eq!(chat.messages.tail(), ["hola"], "a list became a log");
        assert_eq!(chat.notes.load_before(10).await.unwrap(), 3);
        let text = |n| Note { text: format!("note {n}"), pinned: true };
        assert_eq!(chat.notes.tail(), [text(0), text(1), text(2), text(3), text(4)]);
    }
    assert_eq!(storage.counts().writes, 0, "reading writes nothing");
    // Touched and not changed, it is stored as it is today, and no step runs again.
    let today = with::<Today>(&storage, to_four());
    today.update("web:1", |chat| chat.notes.push(Note::default())).await.unwrap();
    assert!(storage.counts().writes > 0);
    let fresh = with::<Today>(&storage, to_four());
    let chat = fresh.get("web:1").await.unwrap();
    assert_eq!(chat.trace, [1, 2, 4]);
    assert_eq!(chat.notes.tail()[1], Note::default(), "a new item is not migrated");
    assert!(chat.notes.tail()[0].pinned);
}

#[tokio::test]
async fn a_migrated_session_that_is_touched_and_not_changed_is_stored_as_it_is_today() {
    let storage = Watched::new();
    make_first(&storage).await;
    with::<Today>(&storage, to_four()).update("web:1", |_| ()).await.unwrap();
    // Items are migrated as they are read; their step stays.
    let without_steps =
        Migrations::new()
            .to(4, |_| Err(Error::invalid("it ran again")))
            .to_items(4, "notes", |note| note.replace(&Note { text: note.to()?, pinned: true }));
    assert_eq!(with::<Today>(&storage, without_steps).get("web:1").await.unwrap().trace, [1, 2, 4]);
    // The same where the value is just what it was migrated to.
    let again = |storage: &Watched, step: fn(&mut Tree) -> Result<()>| {
        with::<First>(storage, Migrations::new().to(1, step))
    };
    let storage = Watched::new();
    make_first(&storage).await;
    again(&storage, |chat| trace(chat, 1)).update("web:1", |_| ()).await.unwrap();
    let chat = again(&storage, |_| Err(Error::invalid("it ran again"))).get("web:1").await.unwrap();
    assert_eq!(chat.trace, [1]);
}

#[tokio::test]
async fn a_program_that_lacks_versions_takes_only_the_steps_it_has() {
    let storage = Watched::new();
    make_first(&storage).await;
    let two = with::<serde_json::Value>(&storage, to_two());
    assert_eq!(two.get("web:1").await.unwrap_err().kind(), Kind::Corrupt, "a log is not a value of JSON");
    let step = |version| Migrations::new().to(version, move |chat: &mut Tree| trace(chat, version));
    let one = with::<First>(&storage, step(1));
    one.update("web:1", |_| ()).await.unwrap();
    let both = with::<First>(&storage, step(1).to(2, |chat| trace(chat, 2)));
    assert_eq!(both.get("web:1").await.unwrap().trace, [1, 2]);
}

#[tokio::test]
async fn what_a_newer_program_wrote_is_refused_and_left_as_it_is() {
    let storage = Watched::new();
    let nine = with::<First>(&storage, Migrations::new().to(9, |_| Ok(())));
    nine.update("web:1", |chat| chat.lang = "nine".into()).await.unwrap();
    storage.counts();
    for migrations in [Migrations::new(), to_two()] {
        let older = with::<First>(&storage, migrations.clone());
        let known = if older.store().options().migrations.version() == 0 { 0 } else { 2 };
        let error = older.update("web:1", |chat| chat.lang = "two".into()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt);
        assert_eq!(error.detail::<TooNew>(), Some(&TooNew { stored: 9, known }));
        assert_eq!(
            error.to_string(),
            format!(
                "web:1 session/chat: it was written by a newer program: version 9, this one knows up to {known}"
            )
        );
        assert_eq!(older.get("web:1").await.unwrap_err().kind(), Kind::Corrupt);
    }
    assert_eq!(storage.counts().writes, 0);
    let nine = with::<First>(&storage, Migrations::new().to(9, |_| Ok(())));
    assert_eq!(nine.get("web:1").await.unwrap().lang, "nine");
}

#[tokio::test]
async fn a_patch_keeps_the_version_of_its_base() {
    let storage = Watched::new();
    let two = with::<Today>(&storage, to_two());
    two.update("web:1", |chat| chat.language = "x".repeat(5_000)).await.unwrap();
    two.update("web:1", |chat| chat.names.v = 1).await.unwrap();
    assert_eq!(with::<Today>(&storage, to_two()).get("web:1").await.unwrap().names.v, 1);
    assert_eq!(
        with::<Today>(&storage, Migrations::new()).get("web:1").await.unwrap_err().kind(),
        Kind::Corrupt
    );
}

#[tokio::test]
async fn fields_named_as_wrappers_name_theirs_are_the_users_own() {
    let storage = Watched::new();
    let names = || Names { v: 9, e: Some(1), __d: "mine".into() };
    let one = with::<Names>(&storage, Migrations::new());
    one.update("web:1", |state| *state = names()).await.unwrap();
    let two = with::<Names>(&storage, Migrations::new().to(2, |_| Ok(())));
    assert_eq!(*two.get("web:1").await.unwrap(), names());
}

#[tokio::test]
async fn a_log_that_a_migration_drops_is_deleted_with_the_next_write() {
    let storage = Watched::new();
    make_first(&storage).await;
    let dropped = Migrations::new().to(1, |chat| {
        chat.remove("notes").ok_or_else(|| Error::invalid("no notes"))?;
        chat.set("notes", &Vec::<String>::new())
    });
    let chats = with::<First>(&storage, dropped);
    assert!(chats.get("web:1").await.unwrap().notes.is_empty());
    storage.counts();
    chats.update("web:1", |chat| chat.lang = "en".into()).await.unwrap();
    assert_eq!(storage.counts().deletes, 1);
}

#[tokio::test]
async fn a_step_that_fails_leaves_what_is_stored() {
    let storage = Watched::new();
    make_first(&storage).await;
    storage.counts();
    let failing = with::<First>(&storage, Migrations::new().to(3, |_| Err(Error::invalid("no way"))));
    let error = failing.update("web:1", |chat| chat.lang = "en".into()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
    assert_eq!(error.to_string(), "web:1 session/chat: the migration to version 3 failed: no way");
    assert_eq!(storage.counts().writes, 0);
}

#[tokio::test]
async fn a_migration_cannot_add_items_to_a_log_that_is_stored() {
    let storage = Watched::new();
    make_first(&storage).await;
    let adding = Migrations::new().to_from(1, |mut first: First| {
        first.notes.push("one more".into());
        Ok(first)
    });
    let error = with::<First>(&storage, adding).get("web:1").await.unwrap_err();
    assert!(error.to_string().contains("a migration cannot add items to a Log that is stored"), "{error}");
}

#[test]
fn versions_that_do_not_rise_are_refused_at_start() {
    let nothing = |_: &mut Tree| Ok(());
    let cases = [
        (
            Migrations::new().to(0, nothing),
            "a migration to version 0 was given, which is where versions begin",
        ),
        (
            Migrations::new().to(4, nothing).to(2, nothing),
            "the migration to version 2 comes after that to version 4",
        ),
        (Migrations::new().to(4, nothing).to(4, nothing), "two migrations to version 4 were given"),
        (
            Migrations::new().to_items(1, "log", nothing).to(1, nothing).to_items(1, "log", nothing),
            "two migrations to version 1 were given",
        ),
    ];
    for (migrations, text) in cases {
        let options = Options { migrations, ..Options::default() };
        let sessions = Sessions::<First>::with(Watched::new(), Clock::system(), "chat", options);
        let error = sessions.unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (Kind::Invalid, format!("session `chat`: {text}")));
    }
}

#[tokio::test(start_paused = true)]
async fn moving_the_deadline_of_a_migrated_session_does_not_make_it_pass_for_stored() {
    let storage = Watched::new();
    let long = |chat: &mut First| chat.lang = "x".repeat(5_000);
    with::<First>(&storage, Migrations::new()).update("web:1", long).await.unwrap();
    let sliding = || {
        let expiry = tertulia::session::Expiry::Sliding(std::time::Duration::from_secs(30));
        let migrations = Migrations::new().to(1, |chat| {
            chat.rename("lang", "language");
            chat.rename("history", "messages");
            chat.set("names", &Names::default())?;
            trace(chat, 1)
        });
        let options = Options { migrations, expiry, ..Options::default() };
        Sessions::<Today>::with(storage.clone(), Clock::system(), "chat", options).unwrap()
    };
    let chats = sliding();
    drop(chats.get("web:1").await.unwrap());
    chats.update("web:1", |chat| chat.names.v = 7).await.unwrap();
    let chat = sliding().get("web:1").await.unwrap();
    assert_eq!((chat.names.v, &chat.trace[..], chat.language.len()), (7, &[1][..], 5_000));
}
