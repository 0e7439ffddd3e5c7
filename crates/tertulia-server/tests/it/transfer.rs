//! `tertulia export` and `tertulia import`.

use serde_json::Value;

use crate::support::Folder;

/// The lines of an export without what is different each time: the first, and when things expire.
fn lines(folder: &Folder, file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
    let lines = text.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
    let without = |mut line: Value| {
        if let Some(log) = line.get_mut("log").and_then(Value::as_object_mut) {
            log.remove("expires");
        }
        line
    };
    lines.map(without).collect()
}

#[tokio::test]
async fn a_bot_goes_on_in_the_store_into_which_its_own_was_imported() {
    let folder = Folder::new();
    let server = folder.serve();
    server.say("alice", "my name is Ana").await;
    server.post("alice", "note é", Some("k")).await;
    folder.run(&["export", "all.jsonl"]).failed(1, &["tertulia.db is open in the server at", "--running"]);
    assert_eq!(folder.run(&["export", "beside.jsonl", "--running"]).code, Some(0));
    server.kill();
    let exported = folder.run(&["export", "all.jsonl"]);
    assert_eq!((exported.code, exported.stdout.as_str()), (Some(0), ""), "{exported:?}");
    assert!(exported.stderr.starts_with("exported ") && exported.stderr.contains("entries"), "{exported:?}");
    folder.run(&["export", "all.jsonl"]).failed(1, &["cannot write all.jsonl", "exists"]);
    let other = ["--storage", "sqlite:other.db"];
    let import = |file| folder.run(&[&["import", file][..], &other].concat());
    import("missing.jsonl").failed(1, &["cannot read missing.jsonl"]);
    assert_eq!(import("all.jsonl").code, Some(0));
    assert_eq!(import("all.jsonl").code, Some(0), "what is there is passed over");
    assert_eq!(folder.run(&[&["export", "again.jsonl"][..], &other].concat()).code, Some(0));
    assert_eq!(lines(&folder, "all.jsonl"), lines(&folder, "again.jsonl"));
    // Through a pipe too.
    let text = std::fs::read_to_string(folder.path().join("all.jsonl")).unwrap();
    let piped = folder.pipe(&["import", "-", "--storage", "sqlite:third.db"], &text);
    assert_eq!(piped.code, Some(0), "{piped:?}");
    let server = folder.serve_with(&other, &[]);
    assert_eq!(server.say("alice", "who am I?").await, server.say("alice", "who am I?").await);
    let shown = folder.run(&[&["show", "http:alice"][..], &other].concat()).json();
    let logs = shown["logs"].as_array().unwrap();
    let session = logs.iter().find(|log| log["name"] == "session/demo").unwrap();
    assert_eq!((&session["state"]["name"], &session["state"]["notes"][0]), (&"Ana".into(), &"é".into()));
    let said = session["state"]["history"]["log"].as_array().unwrap();
    assert_eq!(said[..2], ["my name is Ana", "note é"]);
}
