//! `tertulia conversations` and `tertulia show`.

use crate::support::Folder;

#[tokio::test]
async fn conversations_are_listed_beside_a_running_server_and_after_it() {
    let folder = Folder::new();
    let server = folder.serve();
    server.say("alice", "note x").await;
    server.say("bob", "hello").await;
    let check = || {
        let listed = folder.run(&["conversations", "--json"]).json();
        let names: Vec<_> = listed.as_array().unwrap().iter().map(|row| &row["conversation"]).collect();
        assert_eq!(names, ["http:alice", "http:bob"]);
        assert_eq!(
            listed[0]["logs"], 4,
            "the session, the history inside it, the answer, and the journal: {listed}"
        );
        let table = folder.run(&["conversations"]);
        assert!(table.lines()[1].starts_with("http:alice "), "{table:?}");
    };
    check();
    server.kill();
    check();
}

#[tokio::test]
async fn a_conversation_is_shown_with_its_state_its_answers_and_its_queues() {
    let folder = Folder::new();
    let server = folder.serve();
    server.say("alice", "my name is Ana").await;
    server.post("alice", "note é", Some("k")).await;
    let shown = folder.run(&["show", "http:alice"]).json();
    assert_eq!(shown["conversation"], "http:alice");
    let logs = shown["logs"].as_array().unwrap();
    let find = |prefix: &'static str| {
        logs.iter().filter(move |log| log["name"].as_str().unwrap().starts_with(prefix))
    };
    let session = find("session/demo").next().unwrap();
    assert_eq!(session["state"]["name"], "Ana");
    assert_eq!(session["state"]["notes"], serde_json::json!(["é"]));
    assert_eq!(session["state"]["history"]["log"], serde_json::json!(["my name is Ana", "note é"]));
    assert_eq!(find("session/demo/log/").count(), 1);
    let mut replies: Vec<_> = find("answer/http/").map(|log| log["replies"][0].as_str().unwrap()).collect();
    replies.sort_unstable();
    assert_eq!(replies, ["Nice to meet you, Ana.", "Noted, number 1."]);
    assert_eq!(find("request/").count(), 1);
    for queue in ["inbox", "outbox", "dead"] {
        assert!(shown[queue].is_array(), "{shown}");
    }
}

#[test]
fn what_is_not_there_is_said() {
    let folder = Folder::new();
    folder.run(&["show", "http:alice"]).failed(1, &["tertulia.db does not exist"]);
    folder.run(&["conversations"]).failed(1, &["tertulia.db does not exist"]);
    folder.pipe(&["chat", "alice"], "hello\n").lines();
    folder.run(&["show", "http:bob"]).failed(1, &["nothing is kept of http:bob"]);
    folder.run(&["show", "bob"]).failed(2, &["`bob` is not of the form source:id"]);
    folder.run(&["conversations", "--storage", "memory:"]).failed(2, &["memory:"]);
}
