//! `tertulia show --timeline`, `tertulia replay` and `tertulia fork`.

use std::path::Path;

use serde_json::json;

use crate::support::Folder;

/// The example of a handler, started with the port that it is told.
fn example() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    format!("exec python3 '{}'", root.join("examples/handlers/handler.py").display())
}

#[tokio::test]
async fn a_timeline_tells_what_came_what_was_said_and_what_changed() {
    let folder = Folder::new();
    let server = folder.serve();
    server.say("alice", "my name is Ana").await;
    server.say("alice", "count").await;
    let told = folder.run(&["show", "http:alice", "--timeline"]);
    let lines: Vec<&str> = told.lines().into_iter().map(str::trim).collect();
    let timeless: Vec<&str> = lines.iter().copied().filter(|line| !line.starts_with(['0', '1'])).collect();
    assert_eq!(
        timeless,
        [
            "> my name is Ana",
            "< Nice to meet you, Ana.",
            "* demo  = / {\"history\":[\"my name is Ana\"],\"messages\":1,\"name\":\"Ana\",\"not…",
            "> count",
            "< 2 messages, with this one.",
            "* demo  + /history/- \"count\"",
            "* demo  = /messages 2",
        ]
    );
    let told = folder.run(&["show", "http:alice", "--timeline", "--json"]).json();
    assert_eq!(told["turns"][1]["update"]["body"], json!({ "text": "count" }));
    assert_eq!(told["turns"][1]["replies"], json!(["2 messages, with this one."]));
    assert_eq!(told["turns"][1]["sessions"][0]["patch"][1]["path"], "/messages");
    folder.run(&["show", "http:bob", "--timeline"]).failed(1, &["http:bob has no journal"]);
}

#[tokio::test]
async fn no_journal_is_kept_where_none_is_wanted() {
    let folder = Folder::new();
    let server = folder.serve_with(&[], &[("TERTULIA_JOURNAL", "0")]);
    server.say("alice", "hello").await;
    folder.run(&["show", "http:alice", "--timeline"]).failed(1, &["http:alice has no journal"]);
}

#[tokio::test]
async fn a_conversation_is_run_again_on_the_same_bot_and_on_another_handler() {
    let folder = Folder::new();
    let server = folder.serve();
    server.say("alice", "note bread").await;
    server.say("alice", "count").await;
    let same = folder.run(&["replay", "http:alice"]);
    assert_eq!(same.lines(), ["http:alice: 2 turns run, 0 differences"]);
    let other = folder.run(&["replay", "http:alice", "--with", &example()]);
    other.failed_with(1, &["there are 6 differences"]);
    assert!(other.stdout.contains("reply 0 was  \"Noted, number 1.\"\n"), "{}", other.stdout);
    assert!(other.stdout.contains("reply 0 is   \"1 note bread\""), "{}", other.stdout);
    folder.run(&["replay", "http:bob"]).failed(1, &["http:bob has no journal"]);
    let ends = folder.run(&["replay", "http:alice", "--with", "exit 3"]);
    ends.failed(1, &["`exit 3` has ended before it listened"]);
}

#[tokio::test]
async fn answers_of_the_agent_are_the_same_when_they_are_run_again_and_so_are_decisions() {
    let folder = Folder::new();
    let server = folder.serve_with(&[], &[("TERTULIA_AGENT_PACE", "0")]);
    for text in
        ["what time is it", "note bread", "delete my notes", "yes", "note milk", "delete my notes", "no"]
    {
        server.say("alice", text).await;
    }
    let same = folder.run(&["replay", "http:alice"]);
    assert_eq!(same.lines(), ["http:alice: 7 turns run, 0 differences"]);
    let carried = folder.run(&["replay", "http:alice", "--carry"]);
    assert_eq!(carried.lines(), ["http:alice: 7 turns run, 0 differences"]);
}

#[tokio::test]
async fn what_a_handler_behind_a_url_did_is_the_same_when_it_is_run_again() {
    let folder = Folder::new();
    let port = tertulia_testkit::servers::free_port();
    let mut handler = std::process::Command::new("sh");
    let mut handler = handler.args(["-c", &example()]).env("PORT", port.to_string()).spawn().unwrap();
    let server = folder.serve_with(&["--handler", &format!("http://127.0.0.1:{port}")], &[]);
    server.say("alice", "hello").await;
    server.say("alice", "again").await;
    let same = folder.run(&["replay", "http:alice", "--with", &example()]);
    assert_eq!(same.lines(), ["http:alice: 2 turns run, 0 differences"]);
    handler.kill().unwrap();
    handler.wait().unwrap();
}

#[tokio::test]
async fn a_fork_goes_on_with_a_conversation_through_the_server_and_without() {
    let folder = Folder::new();
    let server = folder.serve();
    for text in ["my name is Ana", "my name is Eva", "note x"] {
        server.say("alice", text).await;
    }
    let forked = folder.run(&["fork", "http:alice", "--at", "0", "--to", "http:other"]);
    assert_eq!(
        forked.lines(),
        [
            "http:alice was copied to http:other",
            "go on    tertulia chat other",
            "look at  tertulia show http:other"
        ]
    );
    assert_eq!(server.say("other", "what is my name").await, ["Your name is Ana."]);
    assert_eq!(server.say("alice", "what is my name").await, ["Your name is Eva."]);
    let again = folder.run(&["fork", "http:alice", "--to", "http:other"]);
    again.failed(1, &["http:other has sessions already"]);
    folder.run(&["fork", "http:alice", "--at", "9"]).failed(1, &["the journal has no turn 9"]);
    folder.run(&["fork", "alice"]).failed(2, &["`alice` is not of the form source:id"]);
    server.kill();
    let forked = folder.run(&["fork", "http:alice"]);
    let name = forked.lines()[1].rsplit(' ').next().unwrap().to_owned();
    assert!(name.starts_with("fork-"), "{forked:?}");
    let told = folder.pipe(&["chat", &name], "what is my name\n");
    assert_eq!(told.lines(), ["Your name is Eva."]);
}
