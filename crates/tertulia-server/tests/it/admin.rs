//! `tertulia dead` and `tertulia parked`, beside a running server and without one.

use std::time::Duration;

use tertulia::runner::{DEAD, INBOX, Incoming};
use tertulia::storage::{Batch, CommitId, ItemId, QueueWrite, Storage};
use tertulia::{Conversation, Key, Name};
use tertulia_sqlite::SqliteOptions;

use crate::stored::{Fate, note, stored};
use crate::support::Folder;

/// A folder in whose database these updates are dead letters.
async fn with_dead(updates: Vec<Incoming>) -> Folder {
    stored(Fate::Fails, updates).await
}

/// A folder in whose database there are two parked updates of `telegram:42`, as the library's fixture holds them.
async fn with_parked() -> Folder {
    let folder = Folder::new();
    let text = include_str!("../../../tertulia/tests/fixtures/runner/inbox-v2-parked.hex");
    let digits: String = text.split_whitespace().collect();
    let bytes: Vec<u8> =
        (0..digits.len() / 2).map(|n| u8::from_str_radix(&digits[2 * n..][..2], 16).unwrap()).collect();
    let sqlite = SqliteOptions::new().open(folder.path().join("tertulia.db")).await.unwrap();
    let mut write = QueueWrite::new(Key::Queue(Conversation::new("telegram", "42").unwrap().shard(), INBOX));
    for number in 0..2 {
        write = write.append(Some(ItemId::Number(Name::from_static("telegram"), number)), bytes.clone());
    }
    sqlite.commit(Batch::new(CommitId(1), vec![write.into()])).await.unwrap();
    sqlite.close().await;
    folder
}

fn ids(folder: &Folder, what: &str) -> Vec<String> {
    let listed = folder.run(&[what, "list", "--json"]).json();
    listed.as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn dead_letters_are_listed_and_shown() {
    let folder = with_dead(vec![note("http:alice", 1), note("http:alice", 2), note("http:bob", 3)]).await;
    let listed = folder.run(&["dead", "list", "--conversation", "http:alice"]);
    let lines = listed.lines();
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["id", "conversation", "kind", "tries", "age", "error"]
    );
    assert!(
        lines[1].contains("http:alice    update  1") && lines[1].ends_with("the notebook is full"),
        "{listed:?}"
    );
    assert_eq!(lines.len(), 3);
    let ids = ids(&folder, "dead");
    assert_eq!(ids.len(), 3);
    let all = folder.run(&["dead", "list", "--json"]).json();
    let of_bob = all.as_array().unwrap().iter().find(|entry| entry["conversation"] == "http:bob").unwrap();
    let shown = folder.run(&["dead", "show", of_bob["id"].as_str().unwrap()]).json();
    assert_eq!(shown["body"], serde_json::json!({ "text": "note 3" }));
    assert_eq!(
        (shown["item"].as_str(), shown["error"].as_str()),
        (Some("test/3"), Some("the notebook is full"))
    );
    let cut = folder.run(&["dead", "list", "--limit", "2"]);
    assert_eq!(cut.lines().len(), 3, "a head and two letters");
    assert!(cut.stderr.contains("there are more than 2; --limit shows more"), "{cut:?}");
}

#[tokio::test]
async fn beside_a_server_a_replay_runs_at_once_at_the_end_of_its_conversation() {
    let folder = with_dead(vec![note("http:alice", 1), note("http:alice", 2)]).await;
    let server = folder.serve();
    assert_eq!(server.say("alice", "note 0").await, ["Noted, number 1."]);
    let ids = ids(&folder, "dead");
    let replayed = folder.run(&["dead", "replay", &ids[1], &ids[0]]);
    assert_eq!(replayed.lines(), [format!("{} replayed", ids[1]), format!("{} replayed", ids[0])]);
    // It comes behind both, since they are in the same conversation.
    assert_eq!(server.say("alice", "notes").await, ["1. 0\n2. 2\n3. 1"]);
    folder
        .run(&["dead", "replay", &ids[0]])
        .failed_with(1, &[&format!("there is no dead letter {}", ids[0])]);
    assert_eq!(folder.run(&["dead", "list"]).lines().len(), 1);
}

#[tokio::test]
async fn without_a_server_a_replay_waits_for_the_next_start() {
    let folder = with_dead((0..30).map(|n| note("http:alice", n)).collect()).await;
    let all = ["dead", "replay", "--all"];
    folder.run(&all).failed(2, &["30 would be replayed; to do it, add --yes"]);
    let replayed = folder.run(&["dead", "replay", "--all", "--yes"]);
    assert_eq!(replayed.lines(), ["30 replayed"], "so many are not named one by one");
    let server = folder.serve();
    assert_eq!(server.say("alice", "note last").await, ["Noted, number 31."]);
}

#[tokio::test]
async fn the_progress_of_many_is_told() {
    let folder = with_dead((0..250).map(|n| note("http:alice", n)).collect()).await;
    let dropped = folder.run(&["dead", "drop", "--all", "--yes", "--conversation", "http:alice"]);
    assert_eq!(dropped.lines(), ["250 dropped"]);
    let told: Vec<_> = dropped.stderr.lines().collect();
    assert_eq!(told, ["100 of 250", "200 of 250"]);
    assert_eq!(folder.run(&["dead", "list", "--json"]).json(), serde_json::json!([]));
}

#[tokio::test]
async fn of_several_those_that_can_be_dropped_are_and_the_others_are_named() {
    let folder = with_dead(vec![note("http:alice", 1)]).await;
    let id = &ids(&folder, "dead")[0];
    for server in [None, Some(folder.serve())] {
        let ended = folder.run(&["dead", "drop", "3-999", id]);
        assert_eq!(ended.code, Some(1));
        assert!(ended.stderr.contains("there is no dead letter 3-999"), "{ended:?}");
        let done = server.is_none();
        assert_eq!(ended.stdout, if done { format!("{id} dropped\n") } else { String::new() });
        let count = if done { "1 of 2 were not dropped" } else { "2 of 2 were not dropped" };
        assert!(ended.stderr.contains(count), "{ended:?}");
    }
}

#[tokio::test]
async fn parked_updates_are_listed_released_and_given_up() {
    let folder = with_parked().await;
    let listed = folder.run(&["parked", "list"]);
    assert!(
        listed.lines()[1].contains("telegram:42") && listed.lines()[1].contains("cannot be read"),
        "{listed:?}"
    );
    let ids = ids(&folder, "parked");
    assert_eq!(folder.run(&["parked", "release", &ids[0]]).lines(), [format!("{} released", ids[0])]);
    assert_eq!(folder.run(&["parked", "give-up", &ids[1]]).lines(), [format!("{} given up", ids[1])]);
    assert_eq!(folder.run(&["parked", "list"]).lines().len(), 1);
    let shown = folder.run(&["show", "telegram:42"]).json();
    assert_eq!(
        (&shown["inbox"][0]["parked"], &shown["inbox"][0]["attempts"]),
        (&serde_json::Value::Null, &0.into())
    );
    assert_eq!(shown[DEAD.as_str()][0]["error"], "session \"chat\" cannot be read");
}

#[tokio::test]
async fn what_is_wrong_or_not_there_is_said_with_what_to_do() {
    let folder = Folder::new();
    folder.run(&["dead", "list"]).failed(1, &["tertulia.db does not exist"]);
    folder.run(&["dead", "replay", "1-1"]).failed(1, &["tertulia.db does not exist"]);
    assert!(!folder.path().join("tertulia.db").exists(), "nothing was made");
    folder.run(&["dead", "list", "--storage", "memory:"]).failed(2, &["memory:"]);
    let wrong = folder.run(&["dead", "show", "x"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("`x` is not the id of an entry") && wrong.stderr.contains("such as 17-42"));
    assert_eq!(folder.run(&["dead", "drop"]).code, Some(2), "ids or --all are needed");
    assert_eq!(folder.run(&["dead", "drop", "1-1", "--yes"]).code, Some(2), "--yes is for --all");

    let folder = with_dead(vec![note("http:alice", 1)]).await;
    folder
        .run(&["dead", "list", "--conversation", "alice"])
        .failed(2, &["`alice` is not of the form source:id"]);
    folder.run(&["dead", "show", "0-7"]).failed(1, &["there is no dead letter 0-7"]);
    let token = [("TERTULIA_TOKEN", "0123456789abcdef")];
    let _server = folder.serve_with(&[], &token);
    let id = &ids(&folder, "dead")[0];
    folder.run(&["dead", "drop", id]).failed(1, &["401", "Authorization: Bearer <token>"]);
    let mut command = folder.command(&["dead", "drop", id]);
    assert!(command.envs(token).output().unwrap().status.success());
}

#[tokio::test]
async fn a_storage_that_another_program_has_open_is_named_with_its_process() {
    let folder = with_dead(vec![note("http:alice", 1)]).await;
    let id = &ids(&folder, "dead")[0];
    let sqlite = SqliteOptions::new().open(folder.path().join("tertulia.db")).await.unwrap();
    let process = format!("in use by process {}", std::process::id());
    folder.run(&["dead", "drop", id]).failed(1, &["tertulia.db", &process]);
    sqlite.close().await;
}

#[tokio::test]
async fn the_server_removes_old_dead_letters_when_it_starts() {
    let folder = with_dead(vec![note("http:alice", 1)]).await;
    // A letter of 1970 behind it.
    let sqlite = SqliteOptions::new().open(folder.path().join("tertulia.db")).await.unwrap();
    let old = b"\x01\0\0\0\0\0\0\0\0\x01\0\0\x08\0http:old\x00\x00body".to_vec();
    let shard = Conversation::new("http", "old").unwrap().shard();
    let write = QueueWrite::new(Key::Queue(shard, DEAD)).append(None, old);
    sqlite.commit(Batch::new(CommitId(1), vec![write.into()])).await.unwrap();
    sqlite.close().await;
    assert_eq!(ids(&folder, "dead").len(), 2);
    let mut server = folder.serve();
    let gone = async { while server.health().await["dead"] != 1 {} };
    tokio::time::timeout(Duration::from_secs(60), gone).await.unwrap();
    server.signal("TERM");
    assert!(server.wait().success());
    let left = folder.run(&["dead", "list", "--json"]).json();
    assert_eq!(left[0]["conversation"], "http:alice");
}
