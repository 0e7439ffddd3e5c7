//! The bot over HTTP, across restarts.

use crate::support::{Folder, client};

#[tokio::test]
async fn it_remembers_within_a_run_after_a_stop_and_after_a_kill() {
    let folder = Folder::new();
    let server = folder.serve();
    assert_eq!(server.say("alice", "my name is Ana").await, ["Nice to meet you, Ana."]);
    assert_eq!(server.say("alice", "what is my name").await, ["Your name is Ana."]);
    assert!(server.say("bob", "what is my name").await[0].contains("do not know"));
    server.signal("TERM");
    let mut server = server;
    assert!(server.wait().success());

    let server = folder.serve();
    assert_eq!(server.say("alice", "what is my name?").await, ["Your name is Ana."]);
    server.kill();
    let server = folder.serve();
    assert_eq!(server.say("alice", "WHAT IS MY NAME").await, ["Your name is Ana."]);
    assert_eq!(server.say("alice", "count").await, ["5 messages, with this one."]);
}

#[tokio::test]
async fn a_key_gives_the_same_replies_and_runs_once_also_after_a_kill() {
    let folder = Folder::new();
    let server = folder.serve();
    let first = server.post("alice", "count", Some("k")).await;
    assert_eq!(first.replies(), ["1 message, this one."]);
    assert_eq!(server.post("alice", "count", Some("k")).await, first);
    server.kill();
    let server = folder.serve();
    assert_eq!(server.post("alice", "count", Some("k")).await, first);
    let other = server.post("alice", "notes", Some("k")).await;
    assert_eq!((other.status, other.json["error"]["kind"].as_str()), (422, Some("key_reused")));
    assert_eq!(server.say("alice", "count").await, ["2 messages, with this one."]);
}

#[tokio::test]
async fn in_memory_it_works_and_says_that_nothing_lasts() {
    let folder = Folder::new();
    let server = folder.serve_with(&["--storage", "memory:"], &[]);
    assert!(server.printed.contains("a process kill: no"), "{}", server.printed);
    server.say("alice", "note x").await;
    assert_eq!(server.say("alice", "notes").await, ["1. x"]);
    server.kill();
    let server = folder.serve_with(&["--storage", "memory:"], &[]);
    assert_eq!(server.say("alice", "notes").await, ["There are no notes yet."]);
}

#[tokio::test]
async fn with_a_token_others_are_refused() {
    let folder = Folder::new();
    let server = folder.serve_with(&[], &[("TERTULIA_TOKEN", "0123456789abcdef")]);
    assert_eq!(server.post("alice", "count", None).await.status, 401);
    let health = client().get(format!("{}/health", server.url)).bearer_auth("0123456789abcdef");
    let health: serde_json::Value = health.send().await.unwrap().json().await.unwrap();
    assert_eq!(health["durability"]["process_kill"], true);
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(!log.contains("0123456789abcdef") && !server.printed.contains("0123456789abcdef"));
}
