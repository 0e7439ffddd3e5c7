//! What every version stored is read, and is what is written still, byte by byte.
//!
//! A shape that is changed gets another version byte and a folder of its own here; these files stay as they are.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tertulia::session::{Migrations, Options};
use tertulia::storage::{LogWrite, Read, Storage};
use tertulia::{Clock, Key, Log, Name, Sessions};

use super::codecs::Toy;
use super::{Watched, change, commit_writes, conversation, store};

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Note {
    text: String,
    done: Option<bool>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Chat {
    name: String,
    n: i64,
    notes: Vec<Note>,
    history: Log<String>,
}

const SESSION: &str = "session/test";
const LOG: &str = "session/test/log/1";

fn key(name: &'static str) -> Key {
    Key::Log(conversation(), Name::from_static(name))
}

fn folder(version: u8) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/session/v{version}"))
}

fn fixture(name: &str) -> Vec<u8> {
    fixture_of(1, name)
}

fn fixture_of(version: u8, name: &str) -> Vec<u8> {
    std::fs::read(folder(version).join(name)).unwrap()
}

/// Three turns: a base with a log, a patch of every kind, an edit at the log's end.
async fn write(storage: &Watched) {
    let store = store::<Chat>(storage);
    change(storage, &store, |chat| {
        chat.name = "Ana é 😀".into();
        chat.notes = (0..40).map(|i| Note { text: format!("note number {i} of many"), done: None }).collect();
        chat.history.push("first".into());
    })
    .await
    .unwrap();
    change(storage, &store, |chat| {
        chat.name.push('!');
        chat.n = -7;
        chat.notes[3].done = Some(true);
        chat.notes.remove(10);
        chat.notes.push(Note { text: "new".into(), done: Some(false) });
        chat.history.extend(["second".into(), "third".into()]);
    })
    .await
    .unwrap();
    change(storage, &store, |chat| {
        chat.history.pop();
        chat.history.back_mut().unwrap().push('!');
    })
    .await
    .unwrap();
}

/// The base and the entries of both logs, by the names of their files.
async fn stored(storage: &Watched) -> Vec<(String, Bytes)> {
    let reads = [Read::new(key(SESSION)), Read::new(key(LOG))];
    let mut files = Vec::new();
    for (page, name) in storage.read(&reads).await.unwrap().into_iter().zip(["patch", "record"]) {
        let page = page.unwrap().unwrap().into_log().unwrap();
        files.extend(page.base.map(|base| ("base.bin".into(), base)));
        files.extend(
            page.entries.into_iter().enumerate().map(|(i, entry)| (format!("{name}-{i}.bin"), entry)),
        );
    }
    files
}

#[tokio::test]
async fn what_the_first_version_stored_is_read() {
    let storage = Watched::new();
    let mut session = LogWrite::new(key(SESSION)).base(fixture("base.bin"));
    session = session.append(fixture("patch-0.bin"));
    let records = (0..4).map(|i| fixture(&format!("record-{i}.bin")));
    let log = records.fold(LogWrite::new(key(LOG)), LogWrite::append);
    commit_writes(&storage, vec![session, log]).await.unwrap();
    let loaded = store::<Chat>(&storage).load(&conversation()).await.unwrap();
    let chat = loaded.get();
    assert_eq!((chat.name.as_str(), chat.n, chat.notes.len()), ("Ana é 😀!", -7, 40));
    assert_eq!(chat.notes[3], Note { text: "note number 3 of many".into(), done: Some(true) });
    assert_eq!(chat.notes[10].text, "note number 11 of many");
    assert_eq!(chat.notes[39], Note { text: "new".into(), done: Some(false) });
    assert_eq!(chat.history.tail(), ["first", "second!"]);
}

#[tokio::test]
async fn the_shapes_are_those_of_their_version() {
    let storage = Watched::new();
    write(&storage).await;
    let files = stored(&storage).await;
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["base.bin", "patch-0.bin", "record-0.bin", "record-1.bin", "record-2.bin", "record-3.bin"]
    );
    for (name, bytes) in files {
        assert_eq!(bytes, fixture(&name), "{name}: a changed shape needs a new version");
    }
}

/// A session whose type has migrations, and one whose records went through a codec: the versions that came later.
fn later(version: u8) -> Options {
    let options = Options::default();
    match version {
        2 => Options { migrations: Migrations::new().to(300, |_| Ok(())), ..options },
        _ => options.codec(Toy { tag: 200, takes_plain: false, shortest: 0 }),
    }
}

async fn write_later(version: u8) -> Vec<(String, Bytes)> {
    let storage = Watched::new();
    let chats = Sessions::<Chat>::with(storage.clone(), Clock::system(), "test", later(version)).unwrap();
    let first = |chat: &mut Chat| {
        chat.name = "Ana".repeat(500);
        chat.history.push("first".into());
    };
    chats.update(conversation(), first).await.unwrap();
    chats.update(conversation(), |chat| chat.n = -7).await.unwrap();
    stored(&storage).await
}

#[tokio::test]
async fn what_later_versions_stored_is_read() {
    for version in [2, 3] {
        let storage = Watched::new();
        let file = |name: &str| fixture_of(version, name);
        let session = LogWrite::new(key(SESSION)).base(file("base.bin")).append(file("patch-0.bin"));
        let log = LogWrite::new(key(LOG)).append(file("record-0.bin"));
        commit_writes(&storage, vec![session, log]).await.unwrap();
        let chats = Sessions::<Chat>::with(storage, Clock::system(), "test", later(version)).unwrap();
        let chat = chats.get(conversation()).await.unwrap();
        assert_eq!((chat.name.len(), chat.n, chat.history.tail()), (1_500, -7, &["first".to_owned()][..]));
    }
}

#[tokio::test]
async fn the_later_shapes_are_those_of_their_version() {
    for version in [2, 3] {
        let files = write_later(version).await;
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["base.bin", "patch-0.bin", "record-0.bin"]);
        for (name, bytes) in files {
            // Only what bears the schema has a version 2.
            let begins = if version == 2 && name == "patch-0.bin" { 1 } else { version };
            assert_eq!(bytes[0], begins, "{name}");
            assert_eq!(
                bytes,
                fixture_of(version, &name),
                "v{version}/{name}: a changed shape needs a new version"
            );
        }
    }
}
