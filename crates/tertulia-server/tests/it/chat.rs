//! `tertulia chat`, by pipe.

use crate::support::Folder;

#[test]
fn without_a_server_the_bot_runs_in_the_process() {
    let folder = Folder::new();
    let first = folder.pipe(&["chat", "alice"], "my name is Ana\n\nnote é\n");
    assert_eq!(first.lines(), ["Nice to meet you, Ana.", "Noted, number 1."]);
    let second = folder.pipe(&["chat", "alice"], "what is my name\nnotes\ncount");
    assert_eq!(second.lines(), ["Your name is Ana.", "1. é", "5 messages, with this one."]);
}

#[tokio::test]
async fn beside_a_server_it_talks_to_that() {
    let folder = Folder::new();
    let server = folder.serve();
    server.say("a%20b%2Fc", "note from the net").await;
    let ended = folder.pipe(&["chat", "a b/c"], "notes\n");
    assert_eq!(ended.lines(), ["1. from the net"]);
    assert_eq!(server.say("a%20b%2Fc", "count").await, ["3 messages, with this one."]);
}

#[tokio::test]
async fn a_server_can_be_named() {
    let (folder, elsewhere) = (Folder::new(), Folder::new());
    let server = folder.serve();
    server.say("alice", "note x").await;
    assert_eq!(elsewhere.pipe(&["chat", "alice", "--url", &server.url], "notes\n").lines(), ["1. x"]);
    assert!(!elsewhere.path().join("tertulia.db").exists(), "nothing was made");
    let url = server.url.clone();
    server.kill();
    let ended = elsewhere.pipe(&["chat", "alice", "--url", &url], "notes\n");
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("cannot be reached"), "{ended:?}");
    elsewhere.pipe(&["chat", "alice", "--url", "alice"], "").failed(2, &["url: `alice` is not allowed"]);
}

#[test]
fn a_server_that_wants_a_token_is_given_it() {
    let folder = Folder::new();
    let token = [("TERTULIA_TOKEN", "0123456789abcdef")];
    let _server = folder.serve_with(&[], &token);
    let refused = folder.pipe(&["chat", "alice"], "count\n");
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("401") && refused.stderr.contains("is needed"), "{refused:?}");
    folder.write("tertulia.toml", "token = '0123456789abcdef'");
    assert_eq!(folder.pipe(&["chat", "alice"], "count\n").lines(), ["1 message, this one."]);
}
